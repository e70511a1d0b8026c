"""Harmonize one batch: read its clinical tables and settled instances, write the canonical tables and what is wrong."""

import csv
import io
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import pyarrow as pa
import pyarrow.compute as pc

from config.site_tables import SiteTable
from expectations.schemas.pipeline import FINDINGS
from expectations.schemas.table import table_of
from tasks.context import BatchContext
from tasks.errors import AccountingError
from tasks.harmonize.canonical import BEYOND_ROWS, Canonical, canonical_tables
from tasks.harmonize.orphans import cohort_funnel
from tasks.harmonize.reading import RowProblem, SourceTable, read_source
from tasks.harmonize.records import Extraction, extract
from tasks.model import BatchPlan, StageReport
from tasks.store.parquet import read_table, write_table

log = logging.getLogger(__name__)
STAGE = "harmonize"
UNDECLARED = "H-UNDECLARED"


@dataclass(slots=True)
class _Sent:
    """What the batch's clinical tables held: records, problems with their canonical place, and files by ordinal."""

    records: Extraction = field(default_factory=Extraction)
    files: list[str] = field(default_factory=list)
    rows: list[tuple[int, int, str, str]] = field(default_factory=list)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    rows_in: int = 0


def harmonize_batch(plan: BatchPlan, context: BatchContext) -> StageReport:
    """Write the canonical tables of a batch; rows that nobody can decide are named in ``harmonized/holds.parquet``.

    Raises
    ------
    AccountingError
        If rows in and rows accounted for differ.
    """
    sent = _read(plan, context)
    instances = read_table(context.work.read(context.layout.run(plan.run, "settled/instances.parquet")))
    batch_id = f"{context.site.code}/{context.batch}"
    made = canonical_tables(sent.records, instances, context.site, context.pseudonymizer, batch_id)
    found = sent.found + made.found
    _write_tables(plan, context, made, found)
    _write_reports(plan, context, sent, made)
    counts = {name: len(table) for name, table in made.tables.items()} | _row_counts(sent)
    rules: Counter[str] = Counter()
    for (rule, _), count in found.items():
        rules[rule] += count
    log.info("harmonized %s: %d rows in, %d rows with a problem", plan.run, sent.rows_in, counts["rows_held"])
    return StageReport(STAGE, plan.run, counts, dict(sorted(rules.items())))


def _read(plan: BatchPlan, context: BatchContext) -> _Sent:
    sent = _Sent()
    listed = context.work.read_versioned(context.layout.plan_of_tables(plan.run))
    keys = sorted(read_table(listed[0])["key"].to_pylist()) if listed else []
    for key in keys:
        ordinal, name = len(sent.files), key.rsplit("/", 1)[-1]
        sent.files.append(key)
        place = next((at for at, table in enumerate(context.site.tables) if _fits(name, table)), None)
        if place is None:
            sent.found[UNDECLARED, "tables"] += 1
            continue
        table = context.site.tables[place]
        source = read_source(context.raw.read(key), name, table)
        sent.found.update((note, f"tables.{place}") for note in source.notes)
        _take(sent, extract(source, ordinal, table, (context.site, context.pseudonymizer)), source, table)
    return sent


def _fits(name: str, table: SiteTable) -> bool:
    return fnmatchcase(name.lower(), table.pattern.lower())


def _take(sent: _Sent, file: Extraction, source: SourceTable, table: SiteTable) -> None:
    """Add what one file gave, and check that each of its rows has a subject or a problem."""
    for kind, records in file.records.items():
        sent.records.records[kind].extend(records)
    sent.records.cells.extend(file.cells)
    sent.records.ignored.extend(file.ignored)
    for ordinal, problem in file.problems:
        sent.rows.append((ordinal, problem.row, problem.rule_id, problem.header))
        sent.found[problem.rule_id, _place(problem, table)] += 1
    nameless = sum(problem.rule_id == "H-NO-PATIENT" for _, problem in file.problems)
    mapped = sum(len(records) for records in file.records["subject"])
    if source.rows_in != mapped + nameless + len(source.problems):
        raise AccountingError("rows of a clinical table were lost between reading and mapping")
    sent.rows_in += source.rows_in


def _place(problem: RowProblem, table: SiteTable) -> str:
    return table.columns[problem.header].field if problem.header else "row"


def _write_tables(plan: BatchPlan, context: BatchContext, made: Canonical, found: Counter[tuple[str, str]]) -> None:
    findings = [
        {"stage": STAGE, "rule_id": rule, "place": place, "count": count}
        for (rule, place), count in sorted(found.items())
    ]
    written = {f"harmonized/{name}": table for name, table in made.tables.items()}
    written |= {"harmonized/holds": made.holds, "harmonized/anchors": made.anchors}
    written["findings-harmonize"] = table_of(FINDINGS, findings)
    for name, table in written.items():
        context.work.create(context.layout.run(plan.run, f"{name}.parquet"), write_table(table))


def _write_reports(plan: BatchPlan, context: BatchContext, sent: _Sent, made: Canonical) -> None:
    """Write what the site can act on: private, since names of files are the site's; the funnel has counts only."""
    places = sorted({*sent.rows, *_rows_of_held(sent, made)})
    private = [(sent.files[file], row, rule, header) for file, row, rule, header in places]
    orphans = [tuple(row.values()) for row in made.orphans.to_pylist()]
    layout, work = context.layout, context.work
    work.create(layout.private_run(plan.run, "report/rows.csv"), _csv(("file", "row", "rule_id", "column"), private))
    work.create(layout.private_run(plan.run, "report/orphans.csv"), _csv(("subject_id", "rule_id"), orphans))
    work.create(
        layout.run(plan.run, "report/cohort.csv"), _csv(("step", "subjects"), cohort_funnel(made.people).items())
    )


def _rows_of_held(sent: _Sent, made: Canonical) -> Iterator[tuple[int, int, str, str]]:
    """Give the rows that tell of a held subject, where no single cell is to blame."""
    rules = {(hold["key"], hold["rule_id"]) for hold in made.holds.to_pylist() if hold["rule_id"] in BEYOND_ROWS}
    held = pa.array([key for key, _ in rules], pa.string())
    records = sent.records.of("subject")
    for record in records.filter(pc.is_in(records["subject_id"], value_set=held)).to_pylist():
        for key, rule in sorted(rules):
            if key == record["subject_id"]:
                yield record["file"], record["row"], rule, ""


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _row_counts(sent: _Sent) -> dict[str, int]:
    """Count source rows: all, with a problem, and of kinds that the site declares to be nothing of ours."""
    held = len({(file, row) for file, row, _, _ in sent.rows})
    return {"rows_in": sent.rows_in, "rows_held": held, "rows_ignored": sum(sent.records.ignored)}
