"""One shard from raw objects to de-identified ones: the only part of this stage, with `settle`, that touches stores."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from config.keys import KeyRing
from config.rules import ledger_rules
from expectations.schemas.pipeline import ACTIONS, CROSSWALK, FINDINGS, INSTANCES, LEDGER, NEEDLES, SOURCES
from expectations.schemas.table import table_of
from tasks.context import BatchContext
from tasks.deidentify.crosswalk import IdKind
from tasks.deidentify.instance import InstancePolicy, Outcome
from tasks.deidentify.needles import Needle
from tasks.deidentify.pooling import pooled, sealed_rows
from tasks.deidentify.roads import deidentify_object
from tasks.dicom.archives import Member, unpack
from tasks.layout import object_key
from tasks.model import ShardRef, StageReport, Status
from tasks.store.parquet import read_table, write_table

log = logging.getLogger(__name__)

STAGE = "deidentify"
RECEIPT = "receipt.json"
PRIVATE = frozenset({"sources.parquet", "crosswalk.parquet", "needles.parquet"})

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Planned:
    """One raw object as intake listed it, with the digests that its batch declares."""

    key: str
    size_bytes: int
    etag: str
    sha256: str | None
    md5: str | None


@dataclass(slots=True)
class _Rows:
    """The rows of a shard as they come together; small, whatever the size of the objects."""

    sources: list[Row] = field(default_factory=list)
    crosswalk: dict[tuple[IdKind, str], str] = field(default_factory=dict)
    needles: dict[tuple[str, frozenset[Needle]], list[str]] = field(default_factory=dict)
    ledger: list[Row] = field(default_factory=list)
    instances: list[Row] = field(default_factory=list)
    findings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)


def deidentify_shard(shard: ShardRef, context: BatchContext) -> StageReport:
    """De-identify every DICOM object of one shard, also those in archives, and give everything else its ledger row.

    Each raw object is read once. What becomes of it is decided by its bytes and the policy alone; whatever goes wrong
    with it is a row of the ledger and stops no other. The receipt is written last: a shard that has one is not done
    again.

    Raises
    ------
    StoreError
        If a store fails; the shard is then done again from its start, with the same result.
    """
    standing = context.work.read_versioned(context.layout.shard(shard.key, RECEIPT))
    if standing is not None:
        receipt = json.loads(standing[0])
        return StageReport(STAGE, shard.key, receipt["counts"], receipt["rules"], resumed=True)
    rows = _Rows()
    policy = InstancePolicy(
        context.pseudonymizer, context.profile, context.settings.object, context.site.accept_not_checked
    )
    for planned in read_table(context.work.read(context.layout.plan(shard.key))).to_pylist():
        _work_on(_Planned(**planned), context, policy, rows)
    return _finish(shard, context, rows)


def _work_on(planned: _Planned, context: BatchContext, policy: InstancePolicy, rows: _Rows) -> None:
    """Work on one raw object; its content is held only as long as this takes."""
    if planned.size_bytes > context.settings.object.max_bytes:
        _end(Member(planned.key, planned.size_bytes, rule_id="DE-LIMIT"), context, rows)
        return
    found = context.raw.read_versioned(planned.key)
    rule = _arrival_rule(planned, found)
    if found is None or rule:
        _end(Member(planned.key, planned.size_bytes, rule_id=rule), context, rows)
        return
    for member in unpack(planned.key, found[0], context.settings.archive):
        if member.content is None:
            _end(member, context, rows)
        else:
            _deidentify(member, context, policy, rows)


def _arrival_rule(planned: _Planned, found: tuple[bytes, str] | None) -> str:
    """Give the rule by which the bytes that were read are not those that were announced, or nothing."""
    if found is None or found[1] != planned.etag or len(found[0]) != planned.size_bytes:
        return "IN-CHANGED"
    stated = ((hashlib.sha256, planned.sha256), (_md5, planned.md5))
    differs = any(digest and algorithm(found[0]).hexdigest() != digest.lower() for algorithm, digest in stated)
    return "IN-DIGEST" if differs else ""


def _md5(content: bytes) -> "hashlib._Hash":
    return hashlib.md5(content, usedforsecurity=False)


def _end(member: Member, context: BatchContext, rows: _Rows) -> None:
    """Note an object that is not de-identified."""
    _note(Outcome(Status(ledger_rules()[member.rule_id].status), member.rule_id), member, context, rows)


def _deidentify(member: Member, context: BatchContext, policy: InstancePolicy, rows: _Rows) -> None:
    """De-identify one object, write it, and note where it ended."""
    outcome, instance = _isolated(member, policy, context.pseudonymizer.source(member.name))
    if instance is not None and outcome.content is not None:
        context.work.create(object_key(str(instance["sha256"])), outcome.content)
        rows.instances.append(instance)
        rows.actions.update(outcome.actions)
    rows.findings.update({(found.stage, found.rule_id, found.place): found.count for found in outcome.findings})
    _note(outcome, member, context, rows, sha256=str(instance["sha256"]) if instance else None)


def _isolated(member: Member, policy: InstancePolicy, source_id: str) -> tuple[Outcome, Row | None]:
    """Give the outcome of one object and its row of the instance table; whatever fails, fails for this object only."""
    try:
        outcome = deidentify_object(member.content or b"", policy)
        "".join(old for _, old in outcome.crosswalk).encode()  # fails here, not in the shard's file
        instance = None if outcome.content is None else _instance_row(source_id, outcome.content, outcome.facts or {})
    except Exception as problem:  # noqa: BLE001 -- the shard's edge: an object may do anything, and its text is not ours
        log.warning("object %s failed with %s", source_id, type(problem).__name__)
        return Outcome(Status.HELD, "DE-FAILED"), None
    return outcome, instance


def _instance_row(source_id: str, content: bytes, facts: Mapping[str, Any]) -> Row:
    """Give the row of a finished instance, tried against the schema so that a bad one spoils no other."""
    row = dict(facts) | {
        "source_id": source_id,
        "sha256": hashlib.sha256(content).hexdigest(),
        "md5": _md5(content).hexdigest(),
        "size_bytes": len(content),
    }
    table_of(INSTANCES, [row]).validate(full=True)
    return row


def _note(outcome: Outcome, member: Member, context: BatchContext, rows: _Rows, sha256: str | None = None) -> None:
    source_id = context.pseudonymizer.source(member.name)
    rows.crosswalk.update(outcome.crosswalk)
    if outcome.subject_id is not None and outcome.needles:
        rows.needles.setdefault((outcome.subject_id, pooled(outcome.needles)), []).append(source_id)
    rows.sources.append({"source_id": source_id, "source": member.name})
    rows.ledger.append(
        {
            "source_id": source_id,
            "status": outcome.status.value,
            "rule_id": outcome.rule_id,
            "source_bytes": member.size_bytes,
            "engine": outcome.engine,
            "subject_id": outcome.subject_id,
            "study_uid": outcome.study_uid,
            "sop_uid": outcome.sop_uid,
            "sha256": sha256,
        }
    )


def _finish(shard: ShardRef, context: BatchContext, rows: _Rows) -> StageReport:
    """Write the shard's files, then its receipt."""
    files = _files(rows, context.ring)
    for name, content in files.items():
        key = context.layout.private_shard if name in PRIVATE else context.layout.shard
        context.work.create(key(shard.key, name), content)
    counts = dict(sorted(Counter(str(row["status"]) for row in rows.ledger).items()))
    rules = dict(sorted(Counter(str(row["rule_id"]) for row in rows.ledger).items()))
    receipt = {
        "shard": shard.key,
        "objects": shard.objects,
        "rows": len(rows.ledger),
        "counts": counts,
        "rules": rules,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    context.work.create(
        context.layout.shard(shard.key, RECEIPT), json.dumps(receipt, indent=1, sort_keys=True).encode()
    )
    log.info("deidentified %s: %d objects, %d rows, %s", shard.key, shard.objects, len(rows.ledger), counts)
    return StageReport(STAGE, shard.key, counts, rules)


def _files(rows: _Rows, ring: KeyRing) -> dict[str, bytes]:
    """Give the shard's Parquet files by name, each sorted by its key."""
    findings: list[Row] = [
        {"stage": stage, "rule_id": rule, "place": place, "count": count}
        for (stage, rule, place), count in sorted(rows.findings.items())
    ]
    actions: list[Row] = [
        {"place": place, "action": action, "count": count} for (place, action), count in sorted(rows.actions.items())
    ]
    crosswalk: list[Row] = [
        {"kind": kind.value, "id_old": old, "id_new": new} for (kind, old), new in sorted(rows.crosswalk.items())
    ]
    tables = {
        "ledger.parquet": (LEDGER, _by_source(rows.ledger)),
        "instances.parquet": (INSTANCES, _by_source(rows.instances)),
        "findings.parquet": (FINDINGS, findings),
        "actions.parquet": (ACTIONS, actions),
        "sources.parquet": (SOURCES, _by_source(rows.sources)),
        "crosswalk.parquet": (CROSSWALK, crosswalk),
        "needles.parquet": (NEEDLES, sealed_rows(rows.needles, ring)),
    }
    return {name: write_table(table_of(table, content)) for name, (table, content) in tables.items()}


def _by_source(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: str(row["source_id"]))
