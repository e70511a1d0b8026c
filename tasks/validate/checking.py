"""One batch checked: files of tables in, outcomes, decision and pages out; writes only what memory cannot hold."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from config.rules import Severity, data_rules
from config.site import Site
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import FINDINGS, MARGINALS
from expectations.schemas.table import table_of
from expectations.suites.cross_table import NAME as CROSS_TABLE
from tasks.model import Status
from tasks.validate.data_docs import Subject, data_docs
from tasks.validate.database import ROW, Database, column_of, opened
from tasks.validate.decide import Decision, decide
from tasks.validate.facts import cross_table_facts
from tasks.validate.frames import frame_of
from tasks.validate.instances import TABLE as INSTANCE
from tasks.validate.instances import instance_facts
from tasks.validate.marginals import marginal_facts, marginals_of
from tasks.validate.outcome import Outcome
from tasks.validate.report import Balance, outcome_report, verdict
from tasks.validate.running import TableResult, run_suites

STAGE = "validate"
RAW = "raw"
CLINICAL = {  # which fields of a site's file (config.fields) give rows of a table
    "clinical_event": {"hospital_stay", "icu_stay", "breathing_support", "emergency_visit", "death", "event"},
    "test_result": {"test"},
    "condition": {"condition"},
    "measurement": {"measurement"},
    "medication": {"medication"},
}


@dataclass(frozen=True, slots=True)
class Found:
    """All that validation looks at, as Parquet files by name.

    `tables` are the harmonized tables; `evidence` is ``ledger`` and ``settled`` (the settled ledger and instances),
    ``holds``, ``anchors`` and ``lineage`` of harmonize, and the private ``crosswalk``. `findings` are those of all
    earlier stages, `earlier` the counts of the site's other accepted batches (`tasks.validate.marginals`).
    """

    tables: Mapping[str, Path]
    evidence: Mapping[str, Path]
    findings: pa.Table
    earlier: pa.Table = field(default_factory=MARGINALS.schema.empty_table)


@dataclass(frozen=True, slots=True)
class Checked:
    """What validation says: outcomes of its suites, decision, balance of rows, findings, and every report's text.

    `marginals` are counts of values for the site's next batch.
    """

    outcomes: tuple[Outcome, ...]
    decision: Decision
    balances: tuple[Balance, ...]
    findings: pa.Table
    reports: Mapping[str, str]
    marginals: pa.Table


@dataclass(frozen=True, slots=True)
class Batch:
    """Whose batch is checked, in which run; `has_tables` tells whether it brought clinical tables at all."""

    site: Site
    name: str
    run: str
    has_tables: bool


def check(found: Found, batch: Batch, folder: Path) -> Checked:
    """Check one batch.

    Parameters
    ----------
    folder
        Takes what does not fit in memory; the caller removes it.
    """
    rows = {name: pq.read_metadata(path).num_rows for name, path in found.tables.items()}
    with opened({**found.tables, **found.evidence}, folder) as database:
        marginals = marginals_of(database)
        results = results_of(found, batch, database, marginals)
        ours = [outcome for result in results for outcome in result.outcomes]
        outcomes = [*ours, *_holds(database), *_gates_before(found.findings)]
        decision = decide(outcomes, database, list(found.tables))
    balances = tuple(_balance(name, count, decision) for name, count in rows.items())
    title = f"{batch.site.code}/{batch.name}"
    subject = Subject(title, f"Run {batch.run}", verdict(decision), balances, has_passed=not decision.gates)
    reports = {f"report/data_docs/{path}": text for path, text in data_docs(subject, results, outcomes).items()}
    heading = f"Validation of {title}, run {batch.run}"
    reports["report/validation.md"] = outcome_report(heading, balances, outcomes, decision)
    return Checked(tuple(ours), decision, balances, findings_of(ours), reports, marginals)


def results_of(found: Found, batch: Batch, database: Database, marginals: pa.Table) -> list[TableResult]:
    """Run every suite: of tables on their frames, of facts on what the database counts."""
    database.register("site", pa.table({"ventilation_outside_icu": [batch.site.facts.ventilation_outside_icu]}))
    candidates = _candidates(database)
    least = least_rows(found.tables, batch, candidates)
    sizes = least[INSTANCE.name], candidates
    across = cross_table_facts(database)
    whole = marginal_facts(marginals, found.earlier, batch.site.completeness)
    facts = {
        INSTANCE.name: instance_facts(database, found.tables[INSTANCE.name], sizes),
        CROSS_TABLE: replace(across, counts={**across.counts, **whole}),
    }
    return run_suites(frames_of(found.tables), least, facts)


def frames_of(tables: Mapping[str, Path]) -> dict[str, Callable[[], pd.DataFrame]]:
    """Give what gives the frame of each table that Great Expectations looks at row by row."""
    return {name: partial(_frame, name, path) for name, path in tables.items() if name != INSTANCE.name}


def _frame(name: str, path: Path) -> pd.DataFrame:
    return frame_of(pq.ParquetFile(path).read(), BATCH[name])


def _candidates(database: Database) -> int:
    passed = f"SELECT count(*) AS found FROM ledger WHERE status = '{Status.RELEASED_CANDIDATE}'"  # noqa: S608
    return int(column_of(database, passed, "found")[0].as_py())


def least_rows(tables: Mapping[str, Path], batch: Batch, candidates: int) -> dict[str, int]:
    """Give how many rows each table must have at least, by what others say: the settled ledger, and the site's file."""
    kinds = {column.field.split(".")[0] for table in batch.site.tables for column in table.columns.values()}
    told = {name: batch.has_tables and bool(kinds & sources) for name, sources in CLINICAL.items()}
    return {name: int(told.get(name, candidates > 0)) for name in tables}


def findings_of(outcomes: list[Outcome]) -> pa.Table:
    """Give the findings of this stage: rule, place and number of rows."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        if not outcome.success:
            counts[outcome.rule_id, outcome.where] += outcome.failed
    rows = [
        {"stage": STAGE, "rule_id": rule_id, "place": place, "count": count}
        for (rule_id, place), count in sorted(counts.items())
    ]
    return table_of(FINDINGS, rows)


def _holds(database: Database) -> Iterator[Outcome]:
    """Give what harmonize could not decide as outcomes, so that those rows are held like any others."""
    asked = database.sql('SELECT DISTINCT "table", rule_id FROM holds ORDER BY ALL').fetchall()
    for name, rule_id in asked:
        keys = f"""SELECT key FROM holds WHERE "table" = '{name}' AND rule_id = '{rule_id}'"""  # noqa: S608 -- ours
        statement = f"SELECT {ROW} FROM {name} WHERE {BATCH[name].key[0]} IN ({keys}) ORDER BY {ROW}"  # noqa: S608
        rows = column_of(database, statement, ROW)
        text = "Harmonize leaves no row undecided"
        yield Outcome(name, rule_id, Severity.BLOCK, "", text, success=False, failed=len(rows), rows=rows)


def _gates_before(findings: pa.Table) -> Iterator[Outcome]:
    """Give the gates that fired before validation as outcomes, since it is here that a batch stops."""
    for row in findings.to_pylist():
        rule = data_rules().get(row["rule_id"])
        if rule and rule.severity is Severity.GATE:
            yield Outcome(RAW, rule.rule_id, rule.severity, row["place"], rule.rule, success=False, failed=row["count"])


def _balance(name: str, rows: int, decision: Decision) -> Balance:
    held = rows if decision.gates else len(decision.held_of(name))
    return Balance(name, rows, rows - held, held)
