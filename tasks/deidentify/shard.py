"""One shard from raw objects to de-identified ones: the only part of this stage, with `settle`, that touches stores."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from config.keys import KeyRing
from config.rules import ledger_rules
from expectations.schemas.pipeline import ACTIONS, CROSSWALK, FINDINGS, INSTANCES, LEDGER, NEEDLES, SOURCES
from expectations.schemas.table import table_of
from tasks.context import BatchContext
from tasks.deidentify.crosswalk import IdKind
from tasks.deidentify.digests import digests_of
from tasks.deidentify.engine.run import engine_of
from tasks.deidentify.given import GivenNeedles, read_given
from tasks.deidentify.instance import InstancePolicy, Outcome
from tasks.deidentify.pooling import pooled, sealed_rows
from tasks.deidentify.roads import deidentify_object
from tasks.deidentify.streaming import Streaming, Written
from tasks.deidentify.time_limit import OutOfTimeError, time_limit
from tasks.dicom.archives import Member, unpack
from tasks.errors import StoreError
from tasks.identifiers.needle import Needle
from tasks.layout import object_key
from tasks.model import ShardRef, StageReport, Status
from tasks.store import FileStore, Incoming
from tasks.store.parquet import read_table, write_table

log = logging.getLogger(__name__)

STAGE = "deidentify"
RECEIPT = "receipt.json"
PRIVATE = frozenset({"sources.parquet", "crosswalk.parquet", "needles.parquet"})

Row = dict[str, object]
LIMIT = "DE-LIMIT"
_FAILED = Outcome(Status.HELD, "DE-FAILED")


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
        context.pseudonymizer,
        context.profile,
        context.settings.object,
        context.site.accept_not_checked,
        GivenNeedles(read_given(context, shard.told), context.ring),
    )
    streaming = Streaming(engine_of(policy))
    for row in read_table(context.work.read(context.layout.plan(shard.key))).to_pylist():
        planned = _Planned(**row)
        if planned.size_bytes > context.settings.object.max_bytes:
            _end(Member(planned.key, planned.size_bytes, rule_id=LIMIT), context, rows)
        elif not _passes(planned, context, streaming, rows):
            _work_on(planned, context, policy, rows)
    return _finish(shard, context, rows)


class _Watched:
    """A raw object that is read piece by piece, with the digests that its batch declares for it."""

    def __init__(self, source: Incoming, planned: _Planned) -> None:
        self._source, self._etag = source, planned.etag
        stated = (("sha256", planned.sha256), ("md5", planned.md5))
        self._stated = [(hashlib.new(name, usedforsecurity=False), digest.lower()) for name, digest in stated if digest]

    def readinto(self, buffer: memoryview) -> int:
        """Fill a part of the buffer and give its size; 0 at the end."""
        count = self._source.readinto(buffer)
        for hasher, _ in self._stated:
            hasher.update(buffer[:count])
        return count

    def is_as_announced(self) -> bool:
        """Tell whether what was read is what was listed and declared."""
        return self._source.etag == self._etag and all(hasher.hexdigest() == digest for hasher, digest in self._stated)


def _passes(planned: _Planned, context: BatchContext, streaming: Streaming, rows: _Rows) -> bool:
    """Work on one raw object while it is read, where both stores are made of files; tell whether that could be done."""
    raw, work = context.raw, context.work
    if not (isinstance(raw, FileStore) and isinstance(work, FileStore)):
        return False
    member = Member(planned.key, planned.size_bytes)
    with raw.incoming(planned.key) as source, work.outgoing() as sink:
        if source is None or source.size_bytes != planned.size_bytes:
            return False
        watched = _Watched(source, planned)
        outcome, instance = _isolated(member, context, lambda: streaming.passing(watched, planned.size_bytes, sink))
        if instance is None or not watched.is_as_announced():
            return False
        sink.create(object_key(str(instance["sha256"])), sha256=str(instance["sha256"]))
    _keep(member, context, outcome, instance, rows)
    return True


def _work_on(planned: _Planned, context: BatchContext, policy: InstancePolicy, rows: _Rows) -> None:
    """Work on one raw object; its content is held only as long as this takes."""
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
    outcome, instance = _isolated(member, context, lambda: _written(deidentify_object(member.content or b"", policy)))
    if instance is not None and outcome.content is not None:
        context.work.create(object_key(str(instance["sha256"])), outcome.content)
    _keep(member, context, outcome, instance, rows)


def _written(outcome: Outcome) -> Written:
    content = outcome.content or b""
    return Written(outcome, len(content), digests_of(content, outcome.pixel_sha256) if content else {})


def _keep(member: Member, context: BatchContext, outcome: Outcome, instance: Row | None, rows: _Rows) -> None:
    """Note where an object ended that was de-identified, or could not be."""
    if instance is not None:
        rows.instances.append(instance)
        rows.actions.update(outcome.actions)
    rows.findings.update({(found.stage, found.rule_id, found.place): found.count for found in outcome.findings})
    _note(outcome, member, context, rows, sha256=str(instance["sha256"]) if instance else None)


def _isolated(member: Member, context: BatchContext, work: Callable[[], Written | None]) -> tuple[Outcome, Row | None]:
    """Give the outcome of one object and its row of the instance table; whatever fails, fails for this object only."""
    source_id = context.pseudonymizer.source(member.name)
    try:
        with time_limit(context.settings.object.max_seconds):
            written = work()
        if written is None:
            return _FAILED, None
        "".join(old for _, old in written.outcome.crosswalk).encode()  # fails here, not in the shard's file
        return written.outcome, _instance_row(source_id, written) if written.digests else None
    except StoreError:
        raise
    except OutOfTimeError:
        log.warning("object %s took too long", source_id)
        return Outcome(Status(ledger_rules()[LIMIT].status), LIMIT), None
    except Exception as problem:  # noqa: BLE001 -- the shard's edge: an object may do anything, and its text is not ours
        log.warning("object %s failed with %s", source_id, type(problem).__name__)
        return _FAILED, None


def _instance_row(source_id: str, written: Written) -> Row:
    """Give the row of a finished instance, tried against the schema so that a bad one spoils no other."""
    row = dict(written.outcome.facts or {}) | {
        "source_id": source_id,
        **written.digests,
        "size_bytes": written.size_bytes,
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
