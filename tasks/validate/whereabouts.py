"""Where the sender of a batch finds what validation asks about: file and row, or images, of every row of ours.

Its answers name files of the site, so they belong under ``private/`` only.
"""

import csv
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH
from tasks.context import BatchContext
from tasks.model import BatchPlan
from tasks.store.files import fetch
from tasks.store.parquet import read_table
from tasks.validate.outcome import Outcome

GAP = "I-GAP"
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
_OBJECTS = """
WITH named AS (
    SELECT 'imaging_study' AS entity, study_uid AS key, source_id FROM settled
    UNION ALL SELECT 'imaging_series', series_uid, source_id FROM settled
    UNION ALL SELECT 'imaging_instance', sop_uid, source_id FROM settled
    UNION ALL SELECT 'subject', subject_id, source_id FROM settled
    WHERE subject_id IN (SELECT key FROM asked WHERE rule_id = 'I-ORPHAN-IMAGE'))
SELECT rule_id, min(source) AS file, '' AS "column", NULL::INTEGER AS "row", count(*) AS objects
FROM asked JOIN named USING (entity, key) JOIN objects USING (source_id)
GROUP BY rule_id, entity, key
"""
_ALL = """
SELECT rule_id, file, "column", "row", objects FROM (FROM whole UNION ALL FROM in_rows UNION ALL FROM in_images)
ORDER BY ALL
"""


def whereabouts(
    outcomes: Sequence[Outcome],
    tables: Mapping[str, pa.Table],
    evidence: tuple[pa.Table, pa.Table],
    of: tuple[BatchPlan, BatchContext],
) -> pa.Table:
    """Give where every rule fired that the report of harmonization does not place, in the form of `PLACES`, sorted.

    A row of a file has a `row`. Images have `objects`, how many they are, and the first of them as `file`. What the
    whole batch breaks has neither.

    Parameters
    ----------
    outcomes
        Those of the suites.
    tables
        The harmonized tables by name.
    evidence
        ``harmonized/holds.parquet``, of which those on images are placed here, and ``settled/instances.parquet``.
    """
    holds, settled = evidence
    whole = pa.Table.from_pylist(
        [{"rule_id": one.rule_id, "file": "", "column": ""} for one in outcomes if not one.success and not one.rows],
        schema=PLACES,
    )
    asked = pa.concat_tables(
        [_ASKED.empty_table(), *_of_outcomes(outcomes, tables), *_of_images(tables, holds), _of_orphans(*of)]
    )
    if not len(asked):
        return whole.sort_by("rule_id")
    plan, context = of
    with tempfile.TemporaryDirectory(prefix="validate-") as folder, duckdb.connect() as connection:
        fetch(context.work, context.layout.run(plan.run, "harmonized/lineage.parquet"), Path(folder) / "lineage")
        relations = {
            "whole": whole,
            "asked": asked,
            "owned": _owned(tables),
            "settled": settled.select(["source_id", "subject_id", *IMAGES.values()]),
            "sources": _sources(plan, context),
            "objects": read_table(context.work.read(context.layout.private_run(plan.run, "sources.parquet"))),
        }
        for name, relation in relations.items():
            connection.register(name, relation)
        connection.read_parquet(str(Path(folder) / "lineage")).create_view("lineage")
        for name, statement in (("in_rows", _ROWS), ("in_images", _OBJECTS)):
            connection.register(name, connection.sql(statement).to_arrow_table())
        return connection.sql(_ALL).to_arrow_table().cast(PLACES)


def _of_outcomes(outcomes: Sequence[Outcome], tables: Mapping[str, pa.Table]) -> Iterator[pa.Table]:
    for one in outcomes:
        if one.rows:
            rows = tables[one.table].take(pa.array(one.rows, pa.int64()))
            keys = rows[BATCH[one.table].key[0]], rows["subject_id"]
            yield _asked(
                one.rule_id, one.table, keys, one.place.split("+") if one.place else ABOUT.get(one.rule_id, [])
            )


def _of_images(tables: Mapping[str, pa.Table], holds: pa.Table) -> Iterator[pa.Table]:
    """Give the images that harmonization holds, and the series of which slices are missing."""
    for name in IMAGES:
        for rule in pc.unique(holds.filter(pc.equal(holds["table"], name))["rule_id"]).to_pylist():
            keys = holds.filter(pc.and_(pc.equal(holds["table"], name), pc.equal(holds["rule_id"], rule)))["key"]
            yield _asked(rule, name, (keys, pa.nulls(len(keys), pa.string())), [])
    series = tables["imaging_series"]
    gaps = series.filter(pc.greater(pc.fill_null(series["n_missing_slices"], 0), 0))
    yield _asked(GAP, "imaging_series", (gaps["series_uid"], gaps["subject_id"]), [])


def _of_orphans(plan: BatchPlan, context: BatchContext) -> pa.Table:
    """Give who has images only or rows only, as the report of harmonization lists them by pseudonym."""
    listed = context.work.read(context.layout.private_run(plan.run, "report/orphans.csv")).decode()
    rows = [
        {"rule_id": row["rule_id"], "entity": "subject", "key": row["subject_id"], "subject_id": row["subject_id"]}
        for row in csv.DictReader(listed.splitlines())
    ]
    return pa.Table.from_pylist(rows, schema=_ASKED)


def _asked(rule: str, entity: str, keys: tuple[pa.ChunkedArray, pa.ChunkedArray], fields: list[str]) -> pa.Table:
    length = len(keys[0])
    if not length:
        return _ASKED.empty_table()
    columns = [pa.repeat(pa.scalar(rule), length), pa.repeat(pa.scalar(entity), length), *keys]
    return pa.Table.from_arrays([*columns, pa.repeat(pa.scalar(fields, pa.list_(pa.string())), length)], schema=_ASKED)


def _owned(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Give the keys of all clinical rows with their subjects."""
    found = [
        pa.table({
            "entity": pa.repeat(pa.scalar(name), len(table)),
            "key": table[BATCH[name].key[0]],
            "subject_id": table["subject_id"],
        })
        for name, table in tables.items()
        if name != "subject" and name not in IMAGES
    ]  # fmt: skip
    return pa.concat_tables(found)


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
