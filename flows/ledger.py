"""The ledger of a batch's accepted run, with the site's own names, which stand in the private prefix only."""

import csv
import json
import os
from pathlib import Path

import pyarrow as pa

from config.rules import ledger_rules
from tasks.errors import BatchNotReadyError
from tasks.layout import BatchLayout
from tasks.store import ReadOnlyStore
from tasks.store.parquet import read_table


def accepted_run(work: ReadOnlyStore, site: str, batch: str) -> str:
    """Give the id of the run that counts for a batch.

    Raises
    ------
    BatchNotReadyError
        If no run of the batch has been accepted.
    """
    found = work.read_versioned(BatchLayout(site, batch).current)
    if found is None:
        raise BatchNotReadyError(
            f"no run of {site}/{batch} has been accepted", next_step=f"run `curate batch {site} {batch}`"
        )
    run: str = json.loads(found[0])["run"]
    return run


def read_ledger(work: ReadOnlyStore, site: str, batch: str) -> pa.Table:
    """Give the ledger of the accepted run with a column `source`, sorted by it."""
    layout, run = BatchLayout(site, batch), accepted_run(work, site, batch)
    ledger = read_table(work.read(layout.run(run, "ledger.parquet")))
    sources = read_table(work.read(layout.private_run(run, "sources.parquet")))
    return ledger.join(sources, "source_id", join_type="left outer").sort_by("source")


def write_ledger_csv(work: ReadOnlyStore, site: str, batch: str, path: Path) -> int:
    """Write source, status and reason (a rule id) of every raw object and archive member; give the number of rows.

    The file holds the site's own names and is readable by its owner only.
    """
    rows = read_ledger(work, site, batch).select(["source", "status", "rule_id"]).to_pylist()
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline=""
    ) as file:
        writer = csv.writer(file)
        writer.writerow(["source", "status", "reason"])
        writer.writerows((row["source"], row["status"], row["rule_id"]) for row in rows)
    return len(rows)


def ledger_counts(work: ReadOnlyStore, site: str, batch: str) -> list[dict[str, object]]:
    """Give one row per status and rule: how many, what the rule says, and the next step."""
    layout, run = BatchLayout(site, batch), accepted_run(work, site, batch)
    ledger = read_table(work.read(layout.run(run, "ledger.parquet")))
    counted = ledger.group_by(["status", "rule_id"]).aggregate([([], "count_all")]).sort_by("rule_id").to_pylist()
    return [
        {
            "status": row["status"],
            "rule": row["rule_id"],
            "objects": row["count_all"],
            "meaning": ledger_rules()[row["rule_id"]].rule,
            "next step": ledger_rules()[row["rule_id"]].next_step,
        }
        for row in counted
    ]
