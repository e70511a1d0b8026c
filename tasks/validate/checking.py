"""One batch checked in memory: tables in, outcomes, decision and pages out. Reads and writes nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from config.rules import Severity, data_rules
from config.site import Site
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import FINDINGS
from expectations.schemas.table import table_of
from tasks.validate.crosschecks import flags_of
from tasks.validate.data_docs import Batch, data_docs
from tasks.validate.decide import Decision, decide
from tasks.validate.frames import frame_of
from tasks.validate.outcome import Outcome
from tasks.validate.report import Balance, outcome_report
from tasks.validate.running import Expected, run_suites

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
    """All that validation looks at.

    `tables` are the harmonized tables by name; `settled` the rows of ``settled/instances.parquet`` that the settled
    ledger calls released candidates; `holds` and `anchors` come from harmonize, `findings` from all earlier stages.
    """

    tables: Mapping[str, pa.Table]
    settled: pa.Table
    holds: pa.Table
    anchors: pa.Table
    findings: pa.Table


@dataclass(frozen=True, slots=True)
class Checked:
    """What validation says: outcomes of its suites, decision, balance of rows, findings, and every report's text."""

    outcomes: tuple[Outcome, ...]
    decision: Decision
    balances: tuple[Balance, ...]
    findings: pa.Table
    reports: Mapping[str, str]


def check(found: Found, site: Site, names: tuple[str, str, str], *, has_tables: bool) -> Checked:
    """Check one batch.

    Parameters
    ----------
    names
        Site, batch and run.
    has_tables
        Whether the batch brought clinical tables at all.
    """
    evidence = {"settled": found.settled, "holds": found.holds, "anchors": found.anchors}
    flags = flags_of(found.tables, evidence)
    frames = {name: frame_of(table, BATCH[name], flags[name]) for name, table in found.tables.items()}
    results = run_suites(frames, expected_sizes(found, site, has_tables=has_tables))
    ours = [outcome for result in results for outcome in result.outcomes]
    outcomes = [*ours, *_holds(found), *_gates_before(found.findings)]
    decision = decide(outcomes, found.tables)
    balances = tuple(_balance(name, len(table), decision) for name, table in found.tables.items())
    title = f"{names[0]} / {names[1]}"
    reports = {
        f"report/data_docs/{path}": text
        for path, text in data_docs(Batch(title, names[2], balances, decision), results, outcomes).items()
    }
    heading = f"Validation of {title}, run {names[2]}"
    reports["report/validation.md"] = outcome_report(heading, balances, outcomes, decision)
    return Checked(tuple(ours), decision, balances, findings_of(ours), reports)


def expected_sizes(found: Found, site: Site, *, has_tables: bool) -> dict[str, Expected]:
    """Give what every table must hold at least, by what others say: the settled ledger, and the site's file."""
    images = len(found.settled)
    kinds = {column.field.split(".")[0] for table in site.tables for column in table.columns.values()}
    told = {name: has_tables and bool(kinds & sources) for name, sources in CLINICAL.items()}
    return {name: Expected(int(told.get(name, images > 0)), images) for name in found.tables}


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


def _holds(found: Found) -> Iterator[Outcome]:
    """Give what harmonize could not decide as outcomes, so that those rows are held like any others."""
    for name, rule_id in sorted({(row["table"], row["rule_id"]) for row in found.holds.to_pylist()}):
        ours = pc.and_(pc.equal(found.holds["table"], name), pc.equal(found.holds["rule_id"], rule_id))
        keys = found.holds.filter(ours)["key"].combine_chunks()
        column = found.tables[name].column(BATCH[name].key[0])
        rows = tuple(pc.indices_nonzero(pc.is_in(column, value_set=keys)).to_pylist())
        text = "Harmonize leaves no row undecided"
        yield Outcome(name, rule_id, Severity.BLOCK, "", text, success=False, failed=len(rows), rows=rows)


def _gates_before(findings: pa.Table) -> Iterator[Outcome]:
    """Give the gates that fired before validation as outcomes, since it is here that a batch stops."""
    for row in findings.to_pylist():
        rule = data_rules().get(row["rule_id"])
        if rule and rule.severity is Severity.GATE:
            yield Outcome(RAW, rule.rule_id, rule.severity, row["place"], rule.rule, success=False, failed=row["count"])


def _balance(name: str, rows: int, decision: Decision) -> Balance:
    held = rows if decision.gates else len(decision.rules_of(name))
    return Balance(name, rows, rows - held, held)
