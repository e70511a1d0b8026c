"""Where the sender of a batch finds what validation asks about: file and row, or images, of every row of ours.

Its answers name files of the site, so they belong under ``private/`` only.
"""

# ruff: noqa: S608 -- every name put into a statement is of our own schemas

import csv
from collections.abc import Iterator, Sequence

import pyarrow as pa

from expectations.schemas.catalog import BATCH
from tasks.context import BatchContext
from tasks.model import BatchPlan, Status
from tasks.store.parquet import read_table
from tasks.validate.database import ROW, Database
from tasks.validate.outcome import Outcome

GAP = "I-GAP"
OBJECTS = "objects"  # the names that objects came under
_DAYS = ["start_day", "end_day"]
ABOUT = {  # which fields a rule is about that spans rows or tables, where its expectation names none
    "D-SEX-DICOM": ["sex"],
    "C-ICU-IN-HOSP": _DAYS,
    "C-VENT-IN-STAY": _DAYS,
    "C-LOS": _DAYS,
    "C-OVERLAP": _DAYS,
    "C-DEATH": _DAYS,
}
IMAGES = {"imaging_study": "study_uid", "imaging_series": "series_uid", "imaging_instance": "sop_uid"}
PLACES = pa.schema(
    [
        ("rule_id", pa.string()),
        ("file", pa.string()),
        ("column", pa.string()),
        ("row", pa.int32()),
        ("objects", pa.int64()),
    ]
)
_ASKED = pa.schema(
    [
        ("rule_id", pa.string()),
        ("entity", pa.string()),
        ("key", pa.string()),
        ("subject_id", pa.string()),
        ("fields", pa.list_(pa.string())),
    ]
)
# Rows that told of a subject stand under it; of one who has rows of events or tests only, these are given.
_ROWS = """
WITH own AS (
    SELECT asked.rule_id, asked.key, source_file, row_number, source_column, field, fields
    FROM asked JOIN lineage ON lineage.entity = asked.entity AND lineage.entity_id = asked.key
    WHERE row_number IS NOT NULL),
theirs AS (
    SELECT asked.rule_id, asked.key, source_file, row_number, NULL::INTEGER AS source_column, field, fields
    FROM asked JOIN owned USING (subject_id)
         JOIN lineage ON lineage.entity = owned.entity AND lineage.entity_id = owned.key
    WHERE asked.entity = 'subject' AND row_number IS NOT NULL
      AND (asked.rule_id, asked.key) NOT IN (SELECT (rule_id, key) FROM own)),
found AS (
    SELECT rule_id, key, name AS file, row_number AS "row",
           string_agg(DISTINCT headers[source_column], ', ' ORDER BY headers[source_column])
               FILTER (list_contains(fields, field)) AS "column"
    FROM (FROM own UNION ALL FROM theirs) JOIN sources USING (source_file)
    GROUP BY rule_id, key, name, row_number)
SELECT DISTINCT rule_id, file, coalesce("column", '') AS "column", "row", NULL::BIGINT AS objects
FROM found QUALIFY "column" IS NOT NULL OR count("column") OVER (PARTITION BY rule_id, key) = 0
"""
_OBJECTS = f"""
WITH candidates AS (
    FROM settled WHERE source_id IN (SELECT source_id FROM ledger WHERE status = '{Status.RELEASED_CANDIDATE}')),
named AS (
    SELECT 'imaging_study' AS entity, study_uid AS key, source_id FROM candidates
    UNION ALL SELECT 'imaging_series', series_uid, source_id FROM candidates
    UNION ALL SELECT 'imaging_instance', sop_uid, source_id FROM candidates
    UNION ALL SELECT 'subject', subject_id, source_id FROM candidates
    WHERE subject_id IN (SELECT key FROM asked WHERE rule_id = 'I-ORPHAN-IMAGE'))
SELECT rule_id, min(source) AS file, '' AS "column", NULL::INTEGER AS "row", count(*) AS objects
FROM asked JOIN named USING (entity, key) JOIN objects USING (source_id)
GROUP BY rule_id, entity, key
"""
_ALL = """
SELECT rule_id, file, "column", "row", objects FROM (FROM whole UNION ALL FROM in_rows UNION ALL FROM in_images)
ORDER BY ALL
"""


def whereabouts(outcomes: Sequence[Outcome], database: Database, of: tuple[BatchPlan, BatchContext]) -> pa.Table:
    """Give where every rule fired that the report of harmonization does not place, in the form of `PLACES`, sorted.

    A row of a file has a `row`. Images have `objects`, how many they are, and the first of them as `file`. What the
    whole batch breaks has neither.

    Parameters
    ----------
    outcomes
        Those of the suites.
    database
        With the tables of the batch, ``holds``, ``settled``, ``ledger``, ``lineage`` and `OBJECTS`
        (`tasks.validate.database`).
    """
    whole = [
        {"rule_id": one.rule_id, "file": "", "column": ""} for one in outcomes if not one.success and not len(one.rows)
    ]
    plan, context = of
    asked = [_ASKED.empty_table(), *_of_outcomes(outcomes, database), *_of_images(database), _of_orphans(plan, context)]
    relations = {
        "whole": pa.Table.from_pylist(whole, schema=PLACES),
        "asked": pa.concat_tables(asked),
        "sources": _sources(plan, context),
    }
    for name, relation in relations.items():
        database.register(name, relation)
    database.execute(f"CREATE TEMP VIEW owned AS {' UNION ALL '.join(_owned())}")
    for name, statement in (("in_rows", _ROWS), ("in_images", _OBJECTS)):
        database.register(name, database.sql(statement).to_arrow_table())
    return database.sql(_ALL).to_arrow_table().cast(PLACES)


def _of_outcomes(outcomes: Sequence[Outcome], database: Database) -> Iterator[pa.Table]:
    for one in outcomes:
        if len(one.rows):
            database.register("broken", pa.table({ROW: one.rows}))
            fields = one.place.split("+") if one.place else ABOUT.get(one.rule_id, [])
            key = BATCH[one.table].key[0]
            subject = "subject_id" if "subject_id" in BATCH[one.table].schema.names else "NULL"
            rows = f"SELECT {key} AS key, {subject} AS subject_id FROM {one.table} SEMI JOIN broken USING ({ROW})"
            yield _asked((one.rule_id, one.table, fields), database.sql(f"{rows} ORDER BY ALL").to_arrow_table())


def _of_images(database: Database) -> Iterator[pa.Table]:
    """Give the images that harmonization holds, and the series of which slices are missing."""
    for name in IMAGES:
        held = f"SELECT DISTINCT rule_id FROM holds WHERE \"table\" = '{name}' ORDER BY rule_id"
        for (rule,) in database.sql(held).fetchall():
            rows = f"SELECT key, NULL AS subject_id FROM holds WHERE \"table\" = '{name}' AND rule_id = '{rule}'"
            yield _asked((rule, name, []), database.sql(f"{rows} ORDER BY key").to_arrow_table())
    gaps = "SELECT series_uid AS key, subject_id FROM imaging_series WHERE n_missing_slices > 0 ORDER BY key"
    yield _asked((GAP, "imaging_series", []), database.sql(gaps).to_arrow_table())


def _of_orphans(plan: BatchPlan, context: BatchContext) -> pa.Table:
    """Give who has images only or rows only, as the report of harmonization lists them by pseudonym."""
    listed = context.work.read(context.layout.private_run(plan.run, "report/orphans.csv")).decode()
    rows = [
        {"rule_id": row["rule_id"], "entity": "subject", "key": row["subject_id"], "subject_id": row["subject_id"]}
        for row in csv.DictReader(listed.splitlines())
    ]
    return pa.Table.from_pylist(rows, schema=_ASKED)


def _asked(what: tuple[str, str, list[str]], keys: pa.Table) -> pa.Table:
    """Give the question of a rule, about some fields of some rows of a table, in the form of `_ASKED`."""
    rule, entity, fields = what
    length = keys.num_rows
    if not length:
        return _ASKED.empty_table()
    columns = [
        pa.repeat(pa.scalar(rule), length),
        pa.repeat(pa.scalar(entity), length),
        keys["key"].cast(pa.string()),
        keys["subject_id"].cast(pa.string()),
        pa.repeat(pa.scalar(fields, pa.list_(pa.string())), length),
    ]
    return pa.Table.from_arrays(columns, schema=_ASKED)


def _owned() -> Iterator[str]:
    """Give the statements of the keys of all clinical rows with their subjects."""
    for name, table in BATCH.items():
        if name not in {"subject", "lineage", *IMAGES}:
            yield f"SELECT '{name}' AS entity, {table.key[0]} AS key, subject_id FROM {name}"


def _sources(plan: BatchPlan, context: BatchContext) -> pa.Table:
    """Give the clinical files by their digest: name, with its sheet if one was declared, and declared headers."""
    rows = read_table(context.work.read(context.layout.private_run(plan.run, "clinical-sources.parquet"))).to_pylist()
    sheets = [None if row["table_place"] is None else context.site.tables[row["table_place"]].sheet for row in rows]
    names = [f"{row['key']}!{sheet}" if sheet else row["key"] for row, sheet in zip(rows, sheets, strict=True)]
    return pa.table({
        "source_file": pa.array([row["source_file"] for row in rows], pa.string()),
        "name": pa.array(names, pa.string()),
        "headers": pa.array([row["headers"] for row in rows], pa.list_(pa.string())),
    })  # fmt: skip
