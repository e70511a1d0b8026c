"""All canonical tables of one batch from its records and instances; pure, and the order of the steps in one place."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from config.site import Site
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import ANCHORS, HOLDS
from expectations.schemas.table import Table, table_of
from tasks.errors import AccountingError
from tasks.harmonize import measurements, medications, stays, tests
from tasks.harmonize.anchors import anchor_days
from tasks.harmonize.day_zero import day_zero, image_anchors, stated_days
from tasks.harmonize.flags import derived_flags
from tasks.harmonize.imaging import Imaging
from tasks.harmonize.lineage import KIND_OF, Sources, lineage_rows
from tasks.harmonize.orphans import orphans_of
from tasks.harmonize.parents import parents_of
from tasks.harmonize.query import View, query
from tasks.harmonize.records import Extraction
from tasks.harmonize.studies import days_of_studies, withheld_years
from tasks.harmonize.subjects import people_of, subject_rows
from tasks.harmonize.traces import ROW, told_blocks
from tasks.identity import Pseudonymizer

# No single cell breaks these: they are about a record, or about a subject.
RECORD_RULES = {"H-NAMELESS", "H-LOINC-NAME", "H-VALUELESS", "H-UNIT", "H-IMPLAUSIBLE", "H-CODE-SYSTEM"}
BEYOND_ROWS = {"D-SEX-STABLE", "C-FLAG-DERIVED", "T-COVID-POS", *RECORD_RULES}
Places = Counter[tuple[str, str]]  # how often a rule fired at a place
_SOURCE_ROWS = """
SELECT event_id, substr(sha256(outer_block || unhex(sha256(inner_block || encode(
       concat_ws(chr(31), word, batch_id, file, row))))), 1, 32) AS source_row
FROM events, blocks ORDER BY event_id
"""


@dataclass(frozen=True, slots=True)
class Canonical:
    """The tables of a batch in batch form and sorted, and what was found on the way.

    `holds` names rows that could not be decided; `people` and `orphans` are who is on which side. `undecided` names the
    source rows of what no single cell is to blame for: kind, file, row, slot and rule; `contradicted` by attribute the
    subjects whose rows do not agree.
    """

    tables: dict[str, pa.Table | View]
    holds: pa.Table
    anchors: pa.Table
    people: pa.Table
    orphans: pa.Table
    found: Places
    undecided: pa.Table
    contradicted: dict[str, pa.Array]


@dataclass(frozen=True, slots=True)
class _Clinical:
    """Clinical things as sent under their ids, and each distinct one once; dates are shifted."""

    sent: dict[str, pa.Table]
    merged: dict[str, pa.Table]


def canonical_tables(
    sent: Extraction, imaging: Imaging, site: Site, people: Pseudonymizer, sources: Sources
) -> Canonical:
    """Make every canonical table of a batch.

    Parameters
    ----------
    sent, imaging
        Records of all files, and what the instances tell.
    sources
        What lineage tells of.

    Raises
    ------
    AccountingError
        If a record went missing between the files and the tables.
    """
    clinical = _clinical(sent)
    persons, held, contradicted_by = people_of(sent.of("subject"), imaging.studies)
    anchors = clinical_anchors = anchor_days(persons, clinical.merged["test_result"], imaging.studies, site.index)
    offsets, contradicted = _offsets(persons, people), 0
    if site.index.found_by == "day_zero":
        clinical_anchors = day_zero(persons, offsets, site.index)
        anchors, contradicted = image_anchors(clinical_anchors, stated_days(sent.of("study"), people), imaging.studies)
    events = stays.days_of_events(clinical.merged["clinical_event"], clinical_anchors)
    status, contradictions = tests.covid_status(clinical.merged["test_result"], clinical.merged["condition"])
    flags = derived_flags(persons, clinical.merged["clinical_event"], status, site.facts)
    subjects = subject_rows(persons, anchors, flags, site)
    results = tests.days_of_tests(clinical.merged["test_result"], clinical_anchors)
    decided = clinical.merged["test_result"].filter(pc.is_null(clinical.merged["test_result"]["rule"]))
    studies = days_of_studies(imaging.studies, anchors, tests.days_of_tests(decided, clinical_anchors), offsets)
    made = {
        "subject": subjects,
        "clinical_event": _with_source(events, people, sources.batch_id),
        "test_result": results,
        "condition": tests.days_of_conditions(clinical.merged["condition"], clinical_anchors),
        **_in_stays(clinical, clinical_anchors),
        "imaging_study": studies,
        "imaging_series": imaging.series,
        "lineage": lineage_rows(clinical.sent, sent.of("subject"), people, sources),
    }
    tables = {name: table if isinstance(table, View) else conformed(table, BATCH[name]) for name, table in made.items()}
    holds = [*_held_subjects(held, flags), *_held_clinical(clinical.merged), *_held_imaging(imaging, studies, site)]
    orphans = orphans_of(persons)
    found = _places(
        imaging,
        holds,
        orphans,
        {"T-NEG-POS": contradictions, "P-YEAR-WITHHELD": withheld_years(studies), "H-STUDY-DAY": contradicted},
    )
    return Canonical(
        tables,
        _hold_rows(holds),
        conformed(anchors, ANCHORS),
        persons,
        orphans,
        found,
        _undecided(clinical.sent),
        contradicted_by,
    )


def conformed(rows: pa.Table, table: Table) -> pa.Table:
    """Give the columns of a table in its order, types and key order."""
    columns = [rows[field.name].cast(field.type) for field in table.schema]
    return pa.Table.from_arrays(columns, schema=table.schema).sort_by([(name, "ascending") for name in table.key])


def _clinical(sent: Extraction) -> _Clinical:
    """Give the clinical things, and let go of their records, which are as large again."""
    identified = {
        "clinical_event": stays.identified_events(sent),
        "test_result": tests.identified_tests(sent),
        "condition": tests.identified_conditions(sent),
        "measurement": measurements.identified_measurements(sent),
        "medication": medications.identified_medications(sent),
    }
    merged = {
        "clinical_event": stays.merged_events(identified["clinical_event"]),
        "test_result": tests.merged_tests(identified["test_result"]),
        "condition": tests.merged_conditions(identified["condition"]),
        "measurement": measurements.merged_measurements(identified["measurement"]),
        "medication": medications.merged_medications(identified["medication"]),
    }
    kinds = {"clinical_event": stays.KINDS, "test_result": ("test",)}
    for name, table in merged.items():
        rows_in = sum(len(sent.of(kind)) for kind in kinds.get(name, (name,)))
        rows_out = pc.sum(table["sources"], min_count=0).as_py()
        if rows_in != rows_out:
            raise AccountingError(f"{name}: {rows_in} records came in and {rows_out} are accounted for")
        for kind in kinds.get(name, (name,)):
            sent.records[kind].clear()
    return _Clinical(identified, merged)


def _in_stays(clinical: _Clinical, anchors: pa.Table) -> dict[str, pa.Table]:
    """Give what is neither an interval of care nor tells of the disease, with the stay that it lies in."""
    events = clinical.sent["clinical_event"], clinical.merged["clinical_event"]
    counted = {"measurement": measurements.days_of_measurements, "medication": medications.days_of_medications}
    return {
        name: days(clinical.merged[name], parents_of(clinical.sent[name], f"{name}_id", events), anchors)
        for name, days in counted.items()
    }


def _offsets(persons: pa.Table, people: Pseudonymizer) -> pa.Table:
    subjects = persons["subject_id"].to_pylist()
    days = pa.array([people.offset_days(subject) for subject in subjects], pa.int32())
    return pa.table({"subject_id": pa.array(subjects, pa.string()), "offset_days": days})


def _with_source(events: pa.Table, people: Pseudonymizer, batch_id: str) -> pa.Table:
    """Name each event's first source row by a keyed digest, since a batch's name can hold a date."""
    places, blocks = events.select(["event_id", "file", "row"]), told_blocks(people, word=ROW, batch_id=batch_id)
    return events.append_column("source_row", query(_SOURCE_ROWS, events=places, blocks=blocks)["source_row"])


def _undecided(sent: dict[str, pa.Table]) -> pa.Table:
    found = []
    for name in ("test_result", "condition", "measurement", "medication"):
        rows = sent[name].filter(pc.is_in(sent[name]["rule"], value_set=pa.array(sorted(RECORD_RULES))))
        kind = pa.repeat(pa.scalar(KIND_OF.get(name, name)), len(rows))
        found.append(rows.select(["file", "row", "slot", "rule"]).append_column("kind", kind))
    return pa.concat_tables(found, promote_options="permissive")


Hold = tuple[str, str, str]


def _hold_rows(holds: list[Hold]) -> pa.Table:
    return table_of(HOLDS, [dict(zip(HOLDS.schema.names, hold, strict=True)) for hold in sorted(set(holds))])


def _held_subjects(held: list[tuple[str, str]], flags: pa.Table) -> list[Hold]:
    denied = [
        ("subject", subject, rule)
        for column, rule in (("is_flag_denied", "C-FLAG-DERIVED"), ("is_status_denied", "T-COVID-POS"))
        for subject in flags["subject_id"].filter(flags[column]).to_pylist()
    ]
    return [*(("subject", subject, rule) for subject, rule in held), *denied]


def _held_clinical(merged: dict[str, pa.Table]) -> list[Hold]:
    holds: list[Hold] = []
    for name, table in merged.items():
        undecided = table.filter(pc.is_valid(table["rule"]))
        keys, rules = undecided[BATCH[name].key[0]].to_pylist(), undecided["rule"].to_pylist()
        holds.extend((name, key, rule) for key, rule in zip(keys, rules, strict=True))
    return holds


def _held_imaging(imaging: Imaging, studies: pa.Table, site: Site) -> list[Hold]:
    mixed = imaging.conflicts.get("imaging_series.modality", pa.array([], pa.string()))
    holds = [("imaging_series", series, "I-MODALITY") for series in mixed.to_pylist()]
    if site.facts.go_live:
        early = pc.fill_null(pc.less(studies["real_year"], site.facts.go_live.year), pa.scalar(value=False))
        holds += [("imaging_study", study, "C-FUTURE") for study in studies["study_uid"].filter(early).to_pylist()]
    return holds


def _places(imaging: Imaging, holds: list[Hold], orphans: pa.Table, counts: dict[str, int]) -> Places:
    """Count what was found beyond single rows of a file, which are reported with their rows."""
    found: Places = Counter({("I-CONFLICT", place): len(keys) for place, keys in imaging.conflicts.items()})
    found.update(imaging.found)
    found["T-NEG-POS", "test_result.result"] = counts["T-NEG-POS"]
    found["P-YEAR-WITHHELD", "imaging_study.study_year"] = counts["P-YEAR-WITHHELD"]
    found["H-STUDY-DAY", "imaging_study.day"] = counts["H-STUDY-DAY"]
    found.update((rule, "subject") for rule in orphans["rule_id"].to_pylist())
    found.update((rule, table) for table, _, rule in set(holds) if rule in BEYOND_ROWS or table.startswith("imaging"))
    return +found
