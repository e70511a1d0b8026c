"""Accept a validated run: say what it holds, and make it the run of its batch that counts."""

import json
import logging
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from config.version import VERSION
from tasks.context import BatchContext
from tasks.errors import AccountingError, BatchNotReadyError
from tasks.model import BatchPlan, StageReport
from tasks.store.content import sha256_of_file
from tasks.store.files import fetch
from tasks.store.parquet import count_rows, read_batches, read_table
from tasks.validate.shard import RECEIPT, as_json, stopped

log = logging.getLogger(__name__)
STAGE = "accept"
SUMMARY = "run.json"


def accept_batch(plan: BatchPlan, context: BatchContext) -> StageReport:
    """Write the summary of a run and point ``current.json`` at it, unless another run was accepted meanwhile.

    Raises
    ------
    BatchNotReadyError
        If the run was not validated.
    GateError
        If a gate stopped it.
    AccountingError
        If the ledger does not have a row for every settled object.
    StaleVersionError
        If another run of the batch was accepted at the same time.
    """
    work, layout = context.work, context.layout
    receipt = work.read_versioned(layout.run(plan.run, RECEIPT))
    if receipt is None:
        raise BatchNotReadyError(f"run {plan.run} is not validated", next_step="validate the batch first")
    facts: dict[str, Any] = json.loads(receipt[0])
    if facts["gates"]:
        raise stopped(plan, context, facts["gates"])
    summary = _summary(plan, context, facts)
    work.create(layout.run(plan.run, SUMMARY), as_json(summary))
    pointer, current = as_json({"run": plan.run}), work.read_versioned(layout.current)
    resumed = current is not None and current[0] == pointer
    if not resumed:
        work.swap(layout.current, pointer, expected=current[1] if current else None)
    log.info("accepted %s: %d objects", plan.run, sum(summary["status"].values()))
    return StageReport(STAGE, plan.run, summary["status"], summary["rules"], resumed)


def accepted_run(plan: BatchPlan, context: BatchContext) -> StageReport | None:
    """Give the report of this very run if it is the one that counts, or None."""
    work, layout = context.work, context.layout
    current = work.read_versioned(layout.current)
    if current is None or json.loads(current[0])["run"] != plan.run:
        return None
    summary: dict[str, Any] = json.loads(work.read(layout.run(plan.run, SUMMARY)))
    return StageReport(STAGE, plan.run, summary["status"], summary["rules"], resumed=True)


def _summary(plan: BatchPlan, context: BatchContext, facts: dict[str, Any]) -> dict[str, Any]:
    """Give what a run holds: objects by status and rule, findings by stage, tables and files with their digests."""
    names = ["ledger.parquet", "findings.parquet", "settled/ledger.parquet"]
    names += [f"tables/{name}.parquet" for name in facts["tables"]]
    digests: dict[str, str] = {}
    counts: dict[str, dict[str, int]] = {}
    rows: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="accept-") as folder:
        path = Path(folder) / "file"
        for name in names:
            fetch(context.work, context.layout.run(plan.run, name), path)
            digests[name], rows[name] = sha256_of_file(path), count_rows(path)
            counts |= _counted(path, ("status", "rule_id")) if name == names[0] else {}
    if rows["ledger.parquet"] != rows["settled/ledger.parquet"]:
        raise AccountingError(
            f"{rows['settled/ledger.parquet']} objects were settled and {rows['ledger.parquet']} are in the ledger"
        )
    findings = read_table(context.work.read(context.layout.run(plan.run, "findings.parquet")))
    return {
        "site": plan.site,
        "batch": plan.batch,
        "run": plan.run,
        "code_version": VERSION,
        "status": counts["status"],
        "rules": counts["rule_id"],
        "findings": _findings(findings),
        "tables": facts["tables"],
        "sha256": digests,
    }


def _counted(path: Path, names: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Count the values of some columns of a Parquet file; values in their order."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    for batch in read_batches(path, names):
        for name in names:
            for one in pc.value_counts(batch.column(name)).to_pylist():
                counts[name][one["values"]] += one["counts"]
    return {name: dict(sorted(of_name.items())) for name, of_name in counts.items()}


def _findings(findings: pa.Table) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for row in findings.to_pylist():
        stage = counts.setdefault(row["stage"], {})
        stage[row["rule_id"]] = stage.get(row["rule_id"], 0) + row["count"]
    return counts
