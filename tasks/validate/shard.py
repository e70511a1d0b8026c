"""Validate one batch: read what harmonize wrote, let the suites decide, write accepted and held rows and reports."""

import dataclasses
import hashlib
import json
import logging
import tempfile
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.context import BatchContext
from tasks.errors import GateError, KeyExistsError
from tasks.model import BatchPlan, StageReport
from tasks.store.files import fetch
from tasks.store.parquet import read_table, write_table
from tasks.validate.contributor import contributor_files
from tasks.validate.database import opened
from tasks.validate.ledger import merged_findings
from tasks.validate.marginals import FILE as MARGINALS_FILE
from tasks.validate.marginals import earlier_marginals
from tasks.validate.settling import Accepting, accept_ledger, accept_table
from tasks.validate.whereabouts import OBJECTS, whereabouts

if TYPE_CHECKING:
    from tasks.validate.checking import Checked

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
EVIDENCE = {
    "ledger": "settled/ledger",
    "settled": "settled/instances",
    "holds": "harmonized/holds",
    "anchors": "harmonized/anchors",
    "lineage": "harmonized/lineage",
}
CROSSWALK = "crosswalk"


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
        with tempfile.TemporaryDirectory(prefix="validate-") as name:
            receipt = {"digest": digest} | _validate(plan, context, Path(name))
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
    for name in (*TABLES, "cross_table"):
        digest.update(files("expectations.suites").joinpath("json", f"{name}.json").read_bytes())
    return digest.hexdigest()


def _validate(plan: BatchPlan, context: BatchContext, folder: Path) -> dict[str, Any]:
    """Check the batch and write all but the receipt, whose facts it gives."""
    from tasks.validate.checking import Batch, Found, check  # noqa: PLC0415 -- it imports Great Expectations, slowly

    run, layout = plan.run, context.layout
    tables = {name: layout.run(run, f"harmonized/{name}.parquet") for name in TABLES}
    evidence = {name: layout.run(run, f"{place}.parquet") for name, place in EVIDENCE.items()}
    evidence[CROSSWALK] = layout.private_run(run, f"{CROSSWALK}.parquet")
    local = {name: _fetched(context, key, folder / name) for name, key in (tables | evidence).items()}
    before = [
        read_table(context.work.read(layout.run(run, f"findings-{stage}.parquet")))
        for stage in ("deidentify", "harmonize")
    ]
    found = Found(
        {name: local[name] for name in tables},
        {name: local[name] for name in evidence},
        merged_findings(before),
        earlier_marginals(context.work, plan.site, plan.batch),
    )
    checked = check(found, Batch(context.site, context.batch, run, has_tables=plan.tables > 0), folder)
    for name, text in checked.reports.items():
        context.work.create(layout.run(run, name), text.encode())
    local[OBJECTS] = _fetched(context, layout.private_run(run, "sources.parquet"), folder / OBJECTS)
    with opened(local, folder) as database:
        places = whereabouts(checked.outcomes, database, (plan, context))
    for name, content in contributor_files(f"Validation of {plan.site}/{plan.batch}", places).items():
        context.work.create(layout.private_run(run, f"report/{name}"), content)
    findings = merged_findings([*before, checked.findings])
    context.work.create(layout.run(run, "findings.parquet"), write_table(findings))
    if not checked.decision.gates:
        context.work.create(layout.run(run, MARGINALS_FILE), write_table(checked.marginals))
        _write_accepted(Accepting(context, run, folder), local, checked)
    return _facts(checked)


def _fetched(context: BatchContext, key: str, path: Path) -> Path:
    fetch(context.work, key, path)
    return path


def _facts(checked: "Checked") -> dict[str, Any]:
    rules: Counter[str] = Counter()
    for row in checked.findings.to_pylist():
        rules[row["rule_id"]] += row["count"]
    return {
        "gates": sorted({outcome.rule_id for outcome in checked.decision.gates}),
        "rules": dict(sorted(rules.items())),
        "tables": {one.table: dataclasses.asdict(one) for one in checked.balances},
    }


def _write_accepted(accepting: Accepting, local: Mapping[str, Path], checked: "Checked") -> None:
    for name in TABLES:
        accept_table(accepting, name, local[name], checked.decision.held_of(name))
    accept_ledger(accepting, local["ledger"], local["imaging_instance"], checked.decision.held_of("imaging_instance"))
