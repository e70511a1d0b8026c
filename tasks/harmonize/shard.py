"""Harmonize one batch: read its clinical tables and settled instances, write the canonical tables and what is wrong."""

import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from config.site_tables import SiteTable
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import CLINICAL_SOURCES, FINDINGS
from expectations.schemas.table import Table, table_of
from tasks.context import BatchContext
from tasks.errors import AccountingError
from tasks.harmonize.canonical import BEYOND_ROWS, Canonical, canonical_tables
from tasks.harmonize.decisions import column_decisions
from tasks.harmonize.imaging import imaging_of
from tasks.harmonize.lineage import Sources
from tasks.harmonize.orphans import cohort_funnel
from tasks.harmonize.query import View, spilling, streamed
from tasks.harmonize.reading import HEADER_UNDECLARED, RowProblem, SourceTable, read_source
from tasks.harmonize.records import Extraction, extract
from tasks.harmonize.report import (
    WHOLE_FILE,
    FileReport,
    Problem,
    columns_csv,
    files_csv,
    grouped,
    problems_csv,
    summary,
)
from tasks.harmonize.report_page import report_html
from tasks.harmonize.subjects import CONTRADICTED
from tasks.harmonize.traces import SourceColumns, Traces
from tasks.identity import Pseudonymizer
from tasks.model import BatchPlan, StageReport
from tasks.store.files import create_from, fetch
from tasks.store.parquet import read_table, write_batches, write_table
from tasks.tables.listing import csv_bytes
from tasks.tables.model import Layout

log = logging.getLogger(__name__)
STAGE = "harmonize"
UNDECLARED = "H-UNDECLARED"
SUMMARY = "report/harmonization.md"
# What a rule that holds a whole record asks about: the first of these that the site sends is where to look.
_ABOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "H-NAMELESS": ("name", "code", "loinc"),
    "H-LOINC-NAME": ("loinc",),
    "H-VALUELESS": ("value",),
    "H-UNIT": ("unit", "value", "dose"),
    "H-IMPLAUSIBLE": ("value",),
    "H-CODE-SYSTEM": ("code",),
    "C-FLAG-DERIVED": ("ever_icu", "ever_ventilated"),
    "T-COVID-POS": ("covid19_status",),
}


@dataclass(slots=True)
class _Sent:
    """What the batch's clinical tables held: records, problems with their canonical place, and files by ordinal."""

    records: Extraction = field(default_factory=Extraction)
    traces: Traces = field(default_factory=Traces)
    files: list[FileReport] = field(default_factory=list)
    sources: list[dict[str, object]] = field(default_factory=list)
    headers: list[list[str]] = field(default_factory=list)
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
    with tempfile.TemporaryDirectory(prefix="harmonize-") as name, spilling(Path(name)):
        return _harmonize(plan, context, Path(name))


def _harmonize(plan: BatchPlan, context: BatchContext, folder: Path) -> StageReport:
    """Harmonize with a folder of our own for what is too large for memory; no source value comes there."""
    fetch(context.work, context.layout.run(plan.run, "settled/instances.parquet"), instances := folder / "instances")
    imaging = imaging_of(instances)
    rows = {"imaging_instance": _write(context, plan.run, imaging.instances, (BATCH["imaging_instance"], folder))}
    sent = _read(plan, context)  # only now: little of what is clinical can leave memory
    files = tuple(str(one["source_file"]) for one in sent.sources)
    sources = Sources(f"{context.site.code}/{context.batch}", sent.traces, files, context.profile, context.site)
    made = canonical_tables(sent.records, imaging, context.site, context.pseudonymizer, sources)
    found = sent.found + made.found
    _write_findings(plan, context, made, found)
    _write_reports(plan, context, sent, made)
    counts = _row_counts(sent)
    del sent  # its records are large, and no table needs them any more
    rows |= _write_tables(plan, context, made, folder)
    log.info("harmonized %s: %d rows in, %d rows with a problem", plan.run, counts["rows_in"], counts["rows_held"])
    counts = {name: rows[name] for name in BATCH if name in rows} | counts
    return StageReport(STAGE, plan.run, counts, _per_rule(found))


def _read(plan: BatchPlan, context: BatchContext) -> _Sent:
    sent = _Sent()
    listed = context.work.read_versioned(context.layout.plan_of_tables(plan.run))
    keys = sorted(read_table(listed[0])["key"].to_pylist()) if listed else []
    wholes = _wholes(keys, context)
    for key in keys:
        name = key.rsplit("/", 1)[-1]
        places = _places_of(name, context.site.tables)
        content = context.raw.read(key) if places else b""
        for place in places:
            _read_file(sent, key, content, (place, context, wholes.get(place, {})))
        if not places:
            is_expected = any(_fits(name, pattern) for pattern in context.site.not_read)
            _pass_over(sent, key, context.pseudonymizer, is_expected=is_expected)
    return sent


def _wholes(keys: list[str], context: BatchContext) -> dict[int, dict[str, pa.Array]]:
    """Give the distinct texts of every column of a table that came in several files: a decision is per column and site.

    These files are read twice, so that one at a time is in memory.
    """
    files: dict[int, list[str]] = {}
    for key in keys:
        for place in _places_of(key.rsplit("/", 1)[-1], context.site.tables):
            files.setdefault(place, []).append(key)
    wholes: dict[int, dict[str, pa.Array]] = {}
    for place, several in files.items():
        for key in several if len(several) > 1 else ():
            source = read_source(context.raw.read(key), key.rsplit("/", 1)[-1], context.site.tables[place])
            for header, cells in source.cells.items():
                known = wholes.setdefault(place, {}).get(header, pa.array([], pa.string()))
                wholes[place][header] = pa.concat_arrays([known, cells.unique()]).unique()
    return wholes


def _places_of(name: str, tables: tuple[SiteTable, ...]) -> list[int]:
    """Give the declared tables that a file holds: the first that fits, and for a workbook all that name a sheet."""
    places = [at for at, table in enumerate(tables) if _fits(name, table.pattern)]
    sheets = [at for at in places if tables[at].sheet]
    return sheets if places[:1] == sheets[:1] else places[:1]


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name.lower(), pattern.lower())


def _pass_over(sent: _Sent, key: str, people: Pseudonymizer, *, is_expected: bool) -> None:
    """Name a file that nobody declared, or that the site file says is not to be read."""
    if not is_expected:
        sent.found[UNDECLARED, "tables"] += 1
        sent.rows.append((len(sent.files), WHOLE_FILE, UNDECLARED, ""))
    sent.files.append(FileReport(key, Layout(), 0, 0, is_read=False))
    sent.sources.append({"source_file": people.source(key), "key": key})
    sent.headers.append([])


def _read_file(sent: _Sent, key: str, content: bytes, declared: tuple[int, BatchContext, dict[str, pa.Array]]) -> None:
    place, context, whole = declared
    table, ordinal = context.site.tables[place], len(sent.files)
    source = read_source(content, key.rsplit("/", 1)[-1], table)
    file = extract(source, ordinal, table, (context.site, context.pseudonymizer, whole))
    unread = tuple(note.header for note in source.notes if note.rule_id == HEADER_UNDECLARED)
    is_read = bool(source.cells) or source.rows_in > 0
    name = f"{key}!{source.layout.sheet}" if source.layout.sheet else key
    decisions = tuple(column_decisions(source, table, file.all_cells()))
    sent.files.append(FileReport(name, source.layout, source.rows_in, 0, is_read, unread, decisions))
    sent.sources.append(
        {
            "source_file": context.pseudonymizer.source(name),
            "key": key,
            "table_place": place,
            "headers": list(table.columns),
        }
    )
    sent.headers.append(list(table.columns))
    sent.traces.add(file, table, context.pseudonymizer)
    sent.found.update((note.rule_id, f"tables.{place}") for note in source.notes)
    sent.rows.extend((ordinal, WHOLE_FILE, note.rule_id, note.header) for note in source.notes)
    _take(sent, file, source, table)


def _take(sent: _Sent, file: Extraction, source: SourceTable, table: SiteTable) -> None:
    """Add what one file gave, and check that each of its rows has a subject or a problem."""
    for kind, records in file.records.items():
        sent.records.records[kind].extend(records)
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


def _write_tables(plan: BatchPlan, context: BatchContext, made: Canonical, folder: Path) -> dict[str, int]:
    """Write the canonical tables, let each go, and give their numbers of rows."""
    counts = {}
    while made.tables:
        name = next(iter(made.tables))
        counts[name] = _write(context, plan.run, made.tables.pop(name), (BATCH[name], folder))
    return counts


def _write(context: BatchContext, run: str, rows: pa.Table | View, form: tuple[Table, Path]) -> int:
    """Write a canonical table, through a file if it is not in memory."""
    table, folder = form
    key = context.layout.run(run, f"harmonized/{table.name}.parquet")
    if isinstance(rows, pa.Table):
        context.work.create(key, write_table(rows))
        return len(rows)
    path = folder / table.name
    with streamed(rows) as batches:
        count = write_batches((_conformed(batch, table) for batch in batches), table.schema, path)
    create_from(context.work, key, path)
    path.unlink()
    return count


def _write_findings(plan: BatchPlan, context: BatchContext, made: Canonical, found: Counter[tuple[str, str]]) -> None:
    findings = [
        {"stage": STAGE, "rule_id": rule, "place": place, "count": count}
        for (rule, place), count in sorted(found.items())
    ]
    written = {"harmonized/holds": made.holds, "harmonized/anchors": made.anchors}
    written["findings-harmonize"] = table_of(FINDINGS, findings)
    for name, table in written.items():
        context.work.create(context.layout.run(plan.run, f"{name}.parquet"), write_table(table))


def _conformed(batch: pa.RecordBatch, table: Table) -> pa.RecordBatch:
    columns = [batch[field.name].cast(field.type) for field in table.schema]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _write_reports(plan: BatchPlan, context: BatchContext, sent: _Sent, made: Canonical) -> None:
    """Write what the site can act on: private, since names of files are the site's; the rest has counts only."""
    columns = sent.traces.source_columns()
    blamed = (*_rows_of_held(sent, made, columns), *_rows_of_undecided(sent, made, columns))
    places = sorted({*sent.rows, *blamed})
    held = Counter(file for file, _ in {(file, row) for file, row, _, _ in places if row != WHOLE_FILE})
    files = [replace(file, rows_held=held[at]) for at, file in enumerate(sent.files)]
    groups = grouped(Problem(files[file].name, row, header, rule) for file, row, rule, header in places)
    rows = [(files[file].name, row, rule, header) for file, row, rule, header in places if row != WHOLE_FILE]
    funnel, title = cohort_funnel(made.people), f"Harmonization of {plan.site}/{plan.batch}"
    orphans = [tuple(row.values()) for row in made.orphans.to_pylist()]
    in_files = {one.rule_id for one in groups}
    beyond = {rule: count for rule, count in _per_rule(made.found).items() if rule not in in_files}
    private = {
        "rows.csv": csv_bytes(("file", "row", "rule_id", "column"), rows),
        "orphans.csv": csv_bytes(("subject_id", "rule_id"), orphans),
        "problems.csv": problems_csv(groups),
        "files.csv": files_csv(files),
        "columns.csv": columns_csv(files),
        "report.html": report_html(title, files, groups, beyond=beyond, funnel=funnel).encode(),
    }
    for name, content in private.items():
        context.work.create(context.layout.private_run(plan.run, f"report/{name}"), content)
    sources = write_table(table_of(CLINICAL_SOURCES, sent.sources))
    context.work.create(context.layout.private_run(plan.run, "clinical-sources.parquet"), sources)
    rules = _per_rule(sent.found + made.found)
    public = {
        SUMMARY: summary(title, files, rules, funnel).encode(),
        "report/cohort.csv": csv_bytes(("step", "subjects"), funnel.items()),
    }
    for name, content in public.items():
        context.work.create(context.layout.run(plan.run, name), content)


def _rows_of_undecided(sent: _Sent, made: Canonical, columns: SourceColumns) -> Iterator[tuple[int, int, str, str]]:
    """Give the rows of records that cells decide only together, with the column that a rule is about."""
    for one in made.undecided.to_pylist():
        place = one["kind"], one["file"], one["slot"]
        found = [columns[*place, name] for name in _ABOUT[one["rule"]] if columns.get((*place, name))]
        headers = sent.headers[one["file"]]
        yield one["file"], one["row"], one["rule"], headers[found[0] - 1] if found else ""


def _rows_of_held(sent: _Sent, made: Canonical, columns: SourceColumns) -> Iterator[tuple[int, int, str, str]]:
    """Give the rows that tell of a held subject, where no single cell is to blame, with the columns that do."""
    blamed = _blamed(made)
    records = sent.records.of("subject")
    held = pa.array(sorted(blamed), pa.string())
    for record in records.filter(pc.is_in(records["subject_id"], value_set=held)).to_pylist():
        file, headers = record["file"], sent.headers[record["file"]]
        for rule, attributes in blamed[record["subject_id"]].items():
            places = [columns.get(("subject", file, record["slot"], name)) for name in attributes if record[name]]
            for header in {headers[place - 1] for place in places if place} or {""}:
                yield file, record["row"], rule, header


def _blamed(made: Canonical) -> dict[str, dict[str, list[str]]]:
    """Give the attributes that hold a subject, by subject and rule."""
    blamed: dict[str, dict[str, list[str]]] = {}
    for hold in made.holds.to_pylist():
        if hold["rule_id"] in BEYOND_ROWS and hold["table"] == "subject":
            blamed.setdefault(hold["key"], {})[hold["rule_id"]] = list(_ABOUT.get(hold["rule_id"], ()))
    for name, subjects in made.contradicted.items():
        for subject in subjects.to_pylist():
            blamed[subject][CONTRADICTED].append(name)
    return blamed


def _per_rule(found: Counter[tuple[str, str]]) -> dict[str, int]:
    rules: Counter[str] = Counter()
    for (rule, _), count in found.items():
        rules[rule] += count
    return dict(sorted(rules.items()))


def _row_counts(sent: _Sent) -> dict[str, int]:
    """Count source rows: all, with a problem, and of kinds that the site declares to be nothing of ours."""
    held = len({(file, row) for file, row, _, _ in sent.rows if row != WHOLE_FILE})
    return {"rows_in": sent.rows_in, "rows_held": held, "rows_ignored": sum(sent.records.ignored)}
