"""What only the whole batch can tell: duplicates, conflicts, divided studies, and whether every input has its row."""

import hashlib
import json
import logging
from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from config.rules import ledger_rules
from expectations.schemas.pipeline import ACTIONS, CROSSWALK, FINDINGS, INSTANCES, LEDGER, NEEDLES, SOURCES
from expectations.schemas.table import Table, table_of
from tasks.context import BatchContext
from tasks.deidentify.conformance import conformance_of
from tasks.deidentify.given import read_given
from tasks.deidentify.instance import RESIDUAL
from tasks.deidentify.instance import STAGE as FOUND_IN
from tasks.deidentify.pooling import read_pools
from tasks.deidentify.rescan import candidates_in, rescan
from tasks.deidentify.retention import retention
from tasks.deidentify.shard import PRIVATE, RECEIPT
from tasks.errors import AccountingError, VerificationError
from tasks.layout import intake_shard
from tasks.model import BatchPlan, StageReport, Status
from tasks.store.parquet import read_table, write_table

log = logging.getLogger(__name__)

STAGE = "settle"
SETTLED_RECEIPT = "settled/receipt.json"
RETENTION = "report/deid.json"
OBJECTS = "objects"  # the place of a finding that is about whole objects

# One rule per candidate, the first that holds: what was left of a subject outweighs a new error, that a conflict, that
# a divided study, and these a duplicate. All that is known of a patient's study counts as evidence, also from objects
# that are held for another reason.
_SETTLE = """
WITH conflicting AS (
    SELECT sop_uid FROM ledger WHERE status = 'released-candidate'
    GROUP BY sop_uid HAVING count(DISTINCT sha256) > 1
), divided AS (
    SELECT study_uid FROM ledger WHERE study_uid IS NOT NULL AND subject_id IS NOT NULL
    GROUP BY study_uid HAVING count(DISTINCT subject_id) > 1
), judged AS (
    SELECT * EXCLUDE (status, rule_id), CASE
        WHEN status <> 'released-candidate' THEN rule_id
        WHEN source_id IN (SELECT source_id FROM late) THEN 'DE-RESIDUAL'
        WHEN source_id IN (SELECT source_id FROM instances WHERE series_uid IN (SELECT series_uid FROM unsound))
            THEN 'DE-CONFORMANCE'
        WHEN sop_uid IN (SELECT sop_uid FROM conflicting) THEN 'DE-CONFLICT'
        WHEN study_uid IN (SELECT study_uid FROM divided) THEN 'DE-STUDY-PATIENTS'
        WHEN row_number() OVER (PARTITION BY status, sop_uid, sha256 ORDER BY source_id) > 1 THEN 'DE-DUPLICATE'
        ELSE rule_id END AS rule_id
    FROM ledger
)
SELECT judged.*, rules.status FROM judged JOIN rules USING (rule_id) ORDER BY source_id
"""
_INSTANCES = """
SELECT * FROM instances WHERE source_id IN (SELECT source_id FROM settled WHERE status = 'released-candidate')
ORDER BY source_id
"""
_FINDINGS = """
SELECT rules.stage, rule_id, 'objects' AS place, count(*) AS count
FROM settled JOIN rules USING (rule_id)
WHERE rule_id <> 'DE-PASS' AND rule_id NOT IN (SELECT rule_id FROM findings) GROUP BY ALL
UNION ALL SELECT stage, rule_id, place, sum(count)::BIGINT AS count FROM findings GROUP BY ALL
ORDER BY stage, rule_id, place
"""
_ACTIONS = "SELECT place, action, sum(count)::BIGINT AS count FROM actions GROUP BY ALL ORDER BY place, action"
_CROSSWALK = """
SELECT kind, id_old, id_new FROM crosswalk
QUALIFY row_number() OVER (
    PARTITION BY kind = 'patient', id_old
    ORDER BY list_position(['patient', 'study', 'series', 'instance', 'other'], kind)
) = 1
ORDER BY kind, id_old
"""
_UNNAMED = "SELECT count(*) FROM ledger ANTI JOIN sources USING (source_id)"


def settle_batch(plan: BatchPlan, context: BatchContext) -> StageReport:
    """Merge the results of all shards and of intake, and settle what concerns more than one object.

    The same instance twice (equal SOP Instance UID and digest): the one with the smallest source id stays. The same
    SOP Instance UID with different content, or one Study Instance UID under two subjects: all of them are held.

    Raises
    ------
    AccountingError
        If a shard has no result, an input has no row, or a row is there twice; nothing was written.
    VerificationError
        If a shard's file is not the one that its receipt names.
    """
    layout, work = context.layout, context.work
    standing = work.read_versioned(layout.run(plan.run, SETTLED_RECEIPT))
    if standing is not None:
        receipt = json.loads(standing[0])
        return StageReport(STAGE, plan.run, receipt["counts"], receipt["rules"], resumed=True)
    merged = _merged(plan, context)
    _require_every_input(plan, context, merged["ledger"])
    conformance = conformance_of(merged, context)
    unsound = pa.table({"series_uid": pa.array(conformance.series, pa.string())})
    settled = _settled(_with_late(merged, plan, context) | {"unsound": unsound})
    files = {
        layout.run(plan.run, "settled/ledger.parquet"): settled["ledger"],
        layout.run(plan.run, "settled/instances.parquet"): settled["instances"],
        layout.run(plan.run, "findings-deidentify.parquet"): settled["findings"],
        layout.run(plan.run, "actions.parquet"): settled["actions"],
        layout.private_run(plan.run, "sources.parquet"): settled["sources"],
        layout.private_run(plan.run, "crosswalk.parquet"): settled["crosswalk"],
        layout.private_run(plan.run, "needles.parquet"): settled["needles"],
    }
    for key, table in files.items():
        work.create(key, write_table(table))
    report = retention(settled["ledger"], settled["instances"], settled["findings"], settled["actions"], conformance)
    work.create(layout.run(plan.run, RETENTION), json.dumps(report, indent=1).encode())
    return _finish(plan, context, settled["ledger"])


def _merged(plan: BatchPlan, context: BatchContext) -> dict[str, pa.Table]:
    """Give the tables of all shards, and intake's ledger and sources, one under the other."""
    layout, work = context.layout, context.work
    own = intake_shard(plan.run)
    shards = [(shard.key, _receipt(shard.key, context)) for shard in plan.shards]
    merged = {}
    for table in (LEDGER, SOURCES, CROSSWALK, NEEDLES, INSTANCES, FINDINGS, ACTIONS):
        name = f"{table.name}.parquet"
        key = layout.private_shard if name in PRIVATE else layout.shard
        parts = [_checked(work.read(key(shard, name)), shard, receipt["files"][name]) for shard, receipt in shards]
        if table in (LEDGER, SOURCES):
            parts.append(read_table(work.read(key(own, name))))
        merged[table.name] = pa.concat_tables([table.schema.empty_table(), *parts])
    return merged


def _receipt(shard: str, context: BatchContext) -> dict[str, Any]:
    standing = context.work.read_versioned(context.layout.shard(shard, RECEIPT))
    if standing is None:
        raise AccountingError(
            f"shard {shard} has no receipt", next_step="run the batch again; finished shards are kept"
        )
    receipt: dict[str, Any] = json.loads(standing[0])
    return receipt


def _checked(content: bytes, shard: str, sha256: str) -> pa.Table:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise VerificationError(
            f"a file of shard {shard} is not the one that its receipt names",
            next_step="remove the shard's folder and run the batch again",
        )
    return read_table(content)


def _require_every_input(plan: BatchPlan, context: BatchContext, ledger: pa.Table) -> None:
    """Require one row per source, and a row for every raw object of the plan."""
    distinct = pc.count_distinct(ledger["source_id"]).as_py()
    if distinct != len(ledger):
        raise _unequal(len(ledger), distinct)
    own = len(read_table(context.work.read(context.layout.shard(intake_shard(plan.run), "ledger.parquet"))))
    planned = [
        context.pseudonymizer.source(key)
        for shard in plan.shards
        for key in read_table(context.work.read(context.layout.plan(shard.key)))["key"].to_pylist()
    ]
    found = pc.sum(pc.is_in(pa.array(planned, pa.string()), ledger["source_id"].combine_chunks())).as_py() or 0
    if own + found != plan.objects or found != len(planned):
        raise _unequal(own + found, plan.objects)


def _unequal(found: int, expected: int) -> AccountingError:
    return AccountingError(
        f"the ledger has {found} rows where {expected} are due",
        next_step="report this line; nothing was accepted",
    )


def _with_late(merged: dict[str, pa.Table], plan: BatchPlan, context: BatchContext) -> dict[str, pa.Table]:
    """Search the candidates for what became known of their subjects in other objects and in tables.

    Gives the tables with one more, `late`: the source ids of those that hold some of it; findings say of which kind.
    """
    needles = pa.concat_tables([merged["needles"], table_of(NEEDLES, read_given(context, plan.told))])
    hits = rescan(read_pools(needles.to_pylist(), context.ring), candidates_in(merged["ledger"]), context)
    kinds = sum(hits.values(), Counter[str]())
    found: list[dict[str, object]] = [
        {"stage": FOUND_IN, "rule_id": RESIDUAL, "place": kind, "count": count} for kind, count in sorted(kinds.items())
    ]
    return merged | {
        "needles": needles,
        "findings": pa.concat_tables([merged["findings"], table_of(FINDINGS, found)]),
        "late": pa.table({"source_id": pa.array(sorted(hits), pa.string())}),
    }


def _settled(merged: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Give the settled tables by name, each sorted by its key."""
    with duckdb.connect() as database:
        for name, table in merged.items():
            database.register(name, table)
        rules = [(rule.rule_id, rule.status, rule.stage) for rule in ledger_rules().values()]
        database.register(
            "rules", pa.table(dict(zip(("rule_id", "status", "stage"), zip(*rules, strict=True), strict=True)))
        )
        ledger = _select(database, _SETTLE, LEDGER)
        database.register("settled", ledger)
        unnamed = database.execute(_UNNAMED).fetchall()[0][0]
        settled = {
            "ledger": ledger,
            "instances": _select(database, _INSTANCES, INSTANCES),
            "findings": _select(database, _FINDINGS, FINDINGS),
            "actions": _select(database, _ACTIONS, ACTIONS),
            "sources": _select(database, "SELECT * FROM sources ORDER BY source_id", SOURCES),
            "crosswalk": _select(database, _CROSSWALK, CROSSWALK),
            "needles": _select(database, "SELECT * FROM needles ORDER BY subject_id, sources", NEEDLES),
        }
    candidates = pc.sum(pc.equal(ledger["status"], Status.RELEASED_CANDIDATE.value)).as_py() or 0
    for found, expected in (
        (len(ledger), len(merged["ledger"])),
        (len(settled["sources"]) - unnamed, len(ledger)),
        (len(settled["instances"]), candidates),
    ):
        if found != expected:
            raise _unequal(found, expected)
    return settled


def _select(database: duckdb.DuckDBPyConnection, query: str, table: Table) -> pa.Table:
    """Give the result of a query in the form of a table of ours."""
    result = database.sql(query).to_arrow_table()
    return result.select(table.schema.names).cast(table.schema)


def _finish(plan: BatchPlan, context: BatchContext, ledger: pa.Table) -> StageReport:
    counts, rules = _counted(ledger["status"]), _counted(ledger["rule_id"])
    receipt = {"run": plan.run, "objects": plan.objects, "rows": len(ledger), "counts": counts, "rules": rules}
    context.work.create(
        context.layout.run(plan.run, SETTLED_RECEIPT), json.dumps(receipt, indent=1, sort_keys=True).encode()
    )
    log.info("settled run %s: %d objects, %d rows, %s", plan.run, plan.objects, len(ledger), counts)
    return StageReport(STAGE, plan.run, counts, rules)


def _counted(column: pa.ChunkedArray) -> dict[str, int]:
    """Give how often each value comes, in order of the values."""
    return dict(sorted((row["values"], row["counts"]) for row in pc.value_counts(column).to_pylist()))
