"""Validate one batch: read what harmonize wrote, let the suites decide, write accepted and held rows and reports."""

import dataclasses
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH
from tasks.context import BatchContext
from tasks.errors import AccountingError, GateError, KeyExistsError
from tasks.model import BatchPlan, StageReport, Status
from tasks.store.parquet import read_table, write_table
from tasks.validate.contributor import contributor_files
from tasks.validate.decide import Decision
from tasks.validate.ledger import final_ledger, merged_findings
from tasks.validate.whereabouts import whereabouts

log = logging.getLogger(__name__)
STAGE = "validate"
RECEIPT = "validated.json"
TABLES = (
    "subject",
    "clinical_event",
    "test_result",
    "condition",
    "measurement",
    "medication",
    "imaging_study",
    "imaging_series",
    "imaging_instance",
)
RULES = pa.field("rule_ids", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False)


def validate_batch(plan: BatchPlan, context: BatchContext) -> StageReport:
    """Run every suite on the harmonized tables of a batch; hold rows, and write tables, reports and final ledger.

    A run that was validated before is not validated again; what its receipt says holds.

    Raises
    ------
    GateError
        If a gate fired; the reports are written, no row is accepted.
    AccountingError
        If accepted and held rows are not the rows that came in.
    KeyExistsError
        If the run was validated from other inputs or by other rules: a run is named after both.
    """
    digest = _digest(plan, context)
    found = context.work.read_versioned(context.layout.run(plan.run, RECEIPT))
    receipt: dict[str, Any] = json.loads(found[0]) if found else {}
    if receipt and receipt["digest"] != digest:
        raise KeyExistsError(
            f"run {plan.run} was validated before, from other tables or by other rules",
            next_step="remove that run, or raise the version of the code that changed",
        )
    if not receipt:
        receipt = {"digest": digest} | _validate(plan, context)
        context.work.create(context.layout.run(plan.run, RECEIPT), as_json(receipt))
    if receipt["gates"]:
        raise stopped(plan, context, receipt["gates"])
    counts = {name: table["accepted"] for name, table in receipt["tables"].items()}
    counts["held"] = sum(table["held"] for table in receipt["tables"].values())
    log.info("validated %s: %d rows held, %d rules fired", plan.run, counts["held"], len(receipt["rules"]))
    return StageReport(STAGE, plan.run, counts, receipt["rules"], resumed=found is not None)


def stopped(plan: BatchPlan, context: BatchContext, rules: list[str]) -> GateError:
    """Give the error that says which gates stopped a batch, and where the report is."""
    report = context.layout.run(plan.run, "report/validation.md")
    return GateError(
        f"{plan.site}/{plan.batch} is stopped by {', '.join(rules)}; nothing of it is accepted",
        next_step=f"read {report} in {context.work.address}; what to send, and where, is copied by "
        f"`curate report {plan.site} {plan.batch} --run {plan.run} --to FOLDER`",
    )


def as_json(document: Mapping[str, Any]) -> bytes:
    """Give a document as the bytes of a JSON file, the same for the same content."""
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def _digest(plan: BatchPlan, context: BatchContext) -> str:
    """Give a digest of the inputs as listed, which are never written twice, and of the suites and rules."""
    lines = []
    for prefix in ("harmonized/", "settled/", "findings-"):
        lines += [f"{one.key} {one.size_bytes}" for one in context.work.list(context.layout.run(plan.run, prefix))]
    digest = hashlib.sha256("\n".join(lines).encode())
    digest.update(files("config").joinpath("rules.csv").read_bytes())
    for name in TABLES:
        digest.update(files("expectations.suites").joinpath("json", f"{name}.json").read_bytes())
    return digest.hexdigest()


def _validate(plan: BatchPlan, context: BatchContext) -> dict[str, Any]:
    """Check the batch and write all but the receipt, whose facts it gives."""
    from tasks.validate.checking import Found, check  # noqa: PLC0415 -- it imports Great Expectations, which is slow

    def read(name: str) -> pa.Table:
        return read_table(context.work.read(context.layout.run(plan.run, f"{name}.parquet")))

    def create(name: str, content: bytes) -> None:
        context.work.create(context.layout.run(plan.run, name), content)

    ledger, before = read("settled/ledger"), [read("findings-deidentify"), read("findings-harmonize")]
    tables = {name: read(f"harmonized/{name}") for name in TABLES}
    settled = _candidates(ledger, read("settled/instances"))
    evidence = (read("harmonized/holds"), read("harmonized/anchors"), merged_findings(before))
    checked = check(
        Found(tables, settled, *evidence), context.site, (plan.site, plan.batch, plan.run), has_tables=plan.tables > 0
    )
    for name, text in checked.reports.items():
        create(name, text.encode())
    places = whereabouts(checked.outcomes, tables, (evidence[0], settled), (plan, context))
    for name, content in contributor_files(f"Validation of {plan.site}/{plan.batch}", places).items():
        context.work.create(context.layout.private_run(plan.run, f"report/{name}"), content)
    create("findings.parquet", write_table(merged_findings([*before, checked.findings])))
    rules: Counter[str] = Counter()
    for row in checked.findings.to_pylist():
        rules[row["rule_id"]] += row["count"]
    facts = {
        "gates": sorted({outcome.rule_id for outcome in checked.decision.gates}),
        "rules": dict(sorted(rules.items())),
        "tables": {one.table: dataclasses.asdict(one) for one in checked.balances},
    }
    if not facts["gates"]:
        _write_accepted(plan, context, tables, checked.decision)
        held = sorted(checked.decision.rules_of("imaging_instance"))
        uids = tables["imaging_instance"]["sop_uid"].take(pa.array(held, pa.int64())).to_pylist()
        create("ledger.parquet", write_table(final_ledger(ledger, uids)))
    return facts


def _candidates(ledger: pa.Table, instances: pa.Table) -> pa.Table:
    released = ledger.filter(pc.equal(ledger["status"], Status.RELEASED_CANDIDATE.value))["source_id"]
    return instances.filter(pc.is_in(instances["source_id"], value_set=released.combine_chunks()))


def _split(table: pa.Table, decision: Decision, name: str) -> tuple[pa.Table, pa.Table]:
    """Give the accepted rows, and the held rows with their rules.

    Raises
    ------
    AccountingError
        If they are not all rows.
    """
    rules = decision.rules_of(name)
    rows = sorted(rules)
    accepted = table.filter(pc.invert(pc.is_in(pa.array(range(len(table))), value_set=pa.array(rows, pa.int64()))))
    if len(accepted) + len(rows) != len(table):
        raise AccountingError(f"{name}: {len(table)} rows came in, {len(accepted)} are accepted and {len(rows)} held")
    held = table.take(pa.array(rows, pa.int64()))
    return accepted, held.append_column(RULES, pa.array([sorted(rules[row]) for row in rows], RULES.type))


def _write_accepted(plan: BatchPlan, context: BatchContext, tables: Mapping[str, pa.Table], decision: Decision) -> None:
    """Write accepted and held rows; of held rows only keys and rules are outside the private part."""
    layout, work = context.layout, context.work
    for name, table in tables.items():
        accepted, held = _split(table, decision, name)
        work.create(layout.run(plan.run, f"tables/{name}.parquet"), write_table(accepted))
        named = held.select([*BATCH[name].key, RULES.name])
        work.create(layout.run(plan.run, f"held/{name}.parquet"), write_table(named))
        work.create(layout.private_run(plan.run, f"held/{name}.parquet"), write_table(held))
