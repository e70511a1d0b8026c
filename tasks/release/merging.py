"""Many batches as one collection: identical rows are kept once, conflicts are held or named, counts are made anew."""

from collections.abc import Mapping, Sequence
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH
from tasks.model import Finding
from tasks.release.model import AcceptedBatch, Collection, Tables

STAGE = "release"
DUPLICATE_SOP = "I-DUP-SOP"
# What says where a row came from: of the same row sent twice, by one site or by two, the first batch's stays.
ORIGIN: Final[Mapping[str, tuple[str, ...]]] = {"subject": ("site_id",), "clinical_event": ("source_row",)}
# What is counted from the rows below, and so made anew once the batches are one.
COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "imaging_series": ("transfer_syntaxes", "n_instances", "n_bytes", "series_sha256"),
    "imaging_study": ("modalities", "n_series", "n_instances"),
}
# The rule that two unlike rows of one thing break, by the columns they differ in; any other column: S-KEY-UNIQUE.
CONFLICT_RULES: Final = (
    ("subject", ("sex", "race_ethnicity", "race", "ethnicity"), "D-SEX-STABLE"),
    ("imaging_study", ("subject_id",), "I-UID-TREE"),
    ("imaging_series", ("study_uid", "subject_id"), "I-UID-TREE"),
    ("imaging_instance", ("series_uid", "study_uid", "subject_id"), "I-UID-TREE"),
)
_OF_SUBJECT = tuple(
    name for name, form in BATCH.items() if any(reference.table == "subject" for reference in form.references)
)
_SERIES_COUNTS = """
    SELECT series_uid, list_sort(list(DISTINCT transfer_syntax_uid)) AS transfer_syntaxes,
           count(*)::INTEGER AS n_instances, sum(size)::BIGINT AS n_bytes,
           sha256(string_agg(sop_uid || ' ' || sha256, chr(10) ORDER BY sop_uid)) AS series_sha256
    FROM rows GROUP BY series_uid
"""
_STUDY_COUNTS = """
    SELECT study_uid, list_sort(list(DISTINCT modality)) AS modalities, count(*)::INTEGER AS n_series,
           sum(n_instances)::INTEGER AS n_instances
    FROM rows GROUP BY study_uid
"""


def _answer(connection: duckdb.DuckDBPyConnection, sql: str, rows: pa.Table) -> pa.Table:
    """Give the answer of a query over one table, which it calls ``rows``."""
    connection.register("rows", rows)
    return connection.sql(sql).to_arrow_table()


def merged(batches: Sequence[AcceptedBatch]) -> tuple[Collection, list[Finding]]:
    """Make one collection of many batches, and name what they do not agree on.

    An instance that came with different content in two batches is held with its whole study, and with the subject that
    no study is left of.
    """
    stacked = {name: pa.concat_tables([batch.tables[name] for batch in batches]) for name in batches[0].tables}
    stacked["imaging_instance"], held = without_conflicts(stacked["imaging_instance"])
    stacked = without_empty(stacked)
    findings = [finding for name, rows in stacked.items() for finding in disagreements(name, rows)]
    tables = {name: first_of_each(rows, BATCH[name].key) for name, rows in stacked.items()}
    counts = {DUPLICATE_SOP: len(held)} if len(held) else {}
    return Collection(recounted(tables), counts, held), findings


def without_conflicts(instances: pa.Table) -> tuple[pa.Table, pa.Array]:
    """Leave out the studies in which a SOP Instance UID has two contents; give the rest, and the UIDs of what was left.

    A study is released whole or not at all, as within a batch.
    """
    contents = instances.group_by(["sop_uid", "sha256"]).aggregate([])
    versions = contents.group_by("sop_uid").aggregate([([], "count_all")])
    unlike = versions.filter(pc.greater(versions["count_all"], 1))["sop_uid"].combine_chunks()
    studies = pc.unique(instances.filter(pc.is_in(instances["sop_uid"], value_set=unlike))["study_uid"])
    held = pc.is_in(instances["study_uid"], value_set=studies)
    return instances.filter(pc.invert(held)), pc.unique(instances.filter(held)["sop_uid"])


def disagreements(name: str, rows: pa.Table) -> list[Finding]:
    """Count, by rule, the keys under which rows of a table differ."""
    key = BATCH[name].key
    if rows.group_by(list(key)).aggregate([]).num_rows == rows.num_rows:
        return []
    ignored = {*key, *ORIGIN.get(name, ()), *COUNTED.get(name, ())}
    compared = [column for column in rows.schema.names if column not in ignored]
    explanations = [(columns, rule_id) for table, columns, rule_id in CONFLICT_RULES if table == name]
    with duckdb.connect() as connection:
        unlike = _differing(connection, rows, key, compared)
        found = [(rule_id, _differing(connection, rows, key, columns)) for columns, rule_id in explanations]
    rest = unlike - sum(count for _, count in found)
    return [Finding(rule_id, STAGE, name, count) for rule_id, count in (*found, ("S-KEY-UNIQUE", rest)) if count]


def _differing(
    connection: duckdb.DuckDBPyConnection, rows: pa.Table, key: Sequence[str], columns: Sequence[str]
) -> int:
    """Count the keys under which rows do not agree on some columns."""
    names, content = (", ".join(f'"{column}"' for column in part) for part in (key, columns))
    sql = f"SELECT {names} FROM rows GROUP BY {names} HAVING count(*) > 1 AND count(DISTINCT row({content})) > 1"  # noqa: S608 -- the names are our schemas'
    return int(_answer(connection, sql, rows.select([*key, *columns])).num_rows)


def first_of_each(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """Give the first row of each key, in the order of the rows."""
    numbered = rows.select(list(key)).append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    first = numbered.group_by(list(key)).aggregate([("row", "min")])["row_min"]
    return rows if len(first) == rows.num_rows else rows.take(first.take(pc.sort_indices(first)))


def without_empty(tables: Mapping[str, pa.Table]) -> Tables:
    """Leave out series without instances, studies without series, and subjects that lost their last study by that."""
    kept = dict(tables)
    kept["imaging_series"] = _known(tables["imaging_series"], "series_uid", tables["imaging_instance"])
    kept["imaging_study"] = _known(tables["imaging_study"], "study_uid", kept["imaging_series"])
    before, after = (pc.unique(form["imaging_study"]["subject_id"]) for form in (tables, kept))
    lost = before.filter(pc.invert(pc.is_in(before, value_set=after)))
    for name in ("subject", *_OF_SUBJECT):
        if len(lost) and name in kept:
            kept[name] = kept[name].filter(pc.invert(pc.is_in(kept[name]["subject_id"], value_set=lost)))
    return kept


def _known(rows: pa.Table, column: str, among: pa.Table) -> pa.Table:
    return rows.filter(pc.is_in(rows[column], value_set=pc.unique(among[column])))


def recounted(tables: Mapping[str, pa.Table]) -> Tables:
    """Count series and studies from the rows below them."""
    instances = tables["imaging_instance"].select(["series_uid", "sop_uid", "sha256", "size", "transfer_syntax_uid"])
    with duckdb.connect() as connection:
        counts = _answer(connection, _SERIES_COUNTS, instances)
        series = _with_counts(tables["imaging_series"], "series_uid", counts)
        below = series.select(["study_uid", "modality", "n_instances"])
        study = _with_counts(tables["imaging_study"], "study_uid", _answer(connection, _STUDY_COUNTS, below))
    return dict(tables) | {"imaging_series": series, "imaging_study": study}


def _with_counts(rows: pa.Table, key: str, counts: pa.Table) -> pa.Table:
    places = pc.index_in(rows[key], value_set=counts[key].combine_chunks())
    columns = {
        name: counts[name].take(places) if name in counts.schema.names else rows[name] for name in rows.schema.names
    }
    return pa.table(columns).cast(rows.schema)
