"""Many batches as one collection: what is the same is kept once, conflicts are held or named, counts are made anew.

The order of the batches decides nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH
from tasks.model import Finding
from tasks.release.clinical import YEAR_WITHHELD, with_derived, with_parents, withheld_years
from tasks.release.model import AcceptedBatch, Collection, Held, Tables
from tasks.release.query import by_pieces, column, number, query, rows_of_subjects
from tasks.release.rows import INSTANCES, ORDER, OnDisk, Rows, in_order, together, without
from tasks.release.same_pixels import RULE as SHARED_PIXELS
from tasks.release.same_pixels import studies_of_shared_pixels
from tasks.release.subjects import CONFLICTING, MOVED, conflicting, one_row_each
from tasks.release.timelines import DAYS, rebased, timelines, told_subjects, with_known_days
from tasks.store.parquet import write_batches

STAGE = "release"
DUPLICATE_SOP = "I-DUP-SOP"
CONTRADICTED = "I-STUDY-AGREE"
RESIDUAL = "DE-RESIDUAL"
KEY_UNIQUE = "S-KEY-UNIQUE"
IMAGELESS = "I-ORPHAN-TABLE"
# What says where a row came from: of the same row sent twice, by one site or by two, the least stays.
ORIGIN: Final[Mapping[str, tuple[str, ...]]] = {"subject": ("site_id",), "clinical_event": ("source_row",)}
# What is made anew from the rows of all batches, and so need not agree before.
_DERIVED: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
    ("clinical_event", "measurement", "medication"), ("parent_event_id",)
)
# What is counted from the rows below, and so made anew once the batches are one.
COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "imaging_series": ("transfer_syntaxes", "n_instances", "n_bytes", "series_sha256"),
    "imaging_study": ("modalities", "n_series", "n_instances"),
}
# The rule that two unlike rows of one thing break, by the columns they differ in; any other column: S-KEY-UNIQUE.
CONFLICT_RULES: Final = (
    ("imaging_study", ("subject_id",), "I-UID-TREE"),
    ("imaging_series", ("study_uid", "subject_id"), "I-UID-TREE"),
    (INSTANCES, ("series_uid", "study_uid", "subject_id"), "I-UID-TREE"),
)
_NONE: Final = pa.array([], pa.string())
_SERIES_COUNTS = """
    SELECT series_uid, list_sort(list(DISTINCT transfer_syntax_uid)) AS transfer_syntaxes,
           count(*)::INTEGER AS n_instances, sum(size)::BIGINT AS n_bytes,
           sha256(string_agg(sop_uid || ' ' || sha256, chr(10) ORDER BY sop_uid)) AS series_sha256
    FROM rows GROUP BY series_uid ORDER BY series_uid
"""
_CONFLICTS = """
    SELECT DISTINCT study_uid
    FROM instances SEMI JOIN (SELECT sop_uid FROM instances GROUP BY sop_uid HAVING min(sha256) <> max(sha256))
    USING (sop_uid) ORDER BY study_uid
"""
_IMAGELESS = """
    SELECT DISTINCT subject_id FROM subjects ANTI JOIN studies USING (subject_id) ANTI JOIN instances USING (subject_id)
    ORDER BY subject_id
"""
_STUDY_COUNTS = """
    SELECT study_uid, list_sort(list(DISTINCT modality)) AS modalities, count(*)::INTEGER AS n_series,
           sum(n_instances)::INTEGER AS n_instances
    FROM rows GROUP BY study_uid ORDER BY study_uid
"""


def merged(batches: Sequence[AcceptedBatch], folder: Path) -> tuple[Collection, list[Finding]]:
    """Make one collection of many batches, and name what they do not agree on.

    A subject whose batches contradict each other about who it is, is held with all that is its own. An instance that
    came with different content in two batches is held with its whole study, and with the subject that no study is left
    of. An instance that holds what only another batch knew of its subject is held. Studies of two subjects that have
    an image in common are held. A study that its batches describe differently is held.

    Parameters
    ----------
    folder
        Takes the file of the merged instances, which are sorted as a release is.
    """
    told = told_subjects(batches)
    lines = timelines(told, batches)
    stacked = _stacked([rebased(batch, lines) for batch in batches])
    stacked, strangers = without_subjects(stacked, conflicting(told, lines))
    told, lines = (_others(rows, strangers.subject_ids) for rows in (told, lines))
    stacked[INSTANCES], unlike = without_conflicts(stacked[INSTANCES])
    stacked[INSTANCES], telling = without_late(stacked[INSTANCES], batches)
    stacked[INSTANCES], shared = without_shared_pixels(stacked[INSTANCES])
    stacked["subject"], moved = _one_person_each(stacked["subject"], told, lines)
    unseen = len(imageless(stacked))
    stacked, withheld = _on_one_timeline(without_empty(stacked), pc.unique(lines["subject_id"]))
    stacked, contradicted = without_contradictions(stacked)
    findings = [*_lost(lines), *(finding for name, rows in stacked.items() for finding in disagreements(name, rows))]
    tables = {name: one_of_each(name, rows) for name, rows in stacked.items() if name != INSTANCES}
    tables[INSTANCES] = one_of_each_instance(stacked[INSTANCES], folder / "merged.parquet")
    tables["clinical_event"] = _in_stays(tables["clinical_event"], stacked["clinical_event"], lines)
    found = (
        Finding(CONFLICTING, STAGE, "subject", len(strangers.subject_ids)),
        Finding(MOVED, STAGE, "subject.zip3", moved),
        Finding(IMAGELESS, STAGE, "subject", unseen),
        Finding(YEAR_WITHHELD, STAGE, "imaging_study.study_year", withheld),
    )
    held = tuple(
        one for one in (strangers, unlike, telling, shared, contradicted) if len(one.subject_ids) + len(one.sop_uids)
    )
    return Collection(recounted(tables), held, tuple(one for one in found if one.count)), findings


def _stacked(parts: Sequence[Tables]) -> Tables:
    return {name: together([part[name] for part in parts]) for name in parts[0]}


def without_subjects(tables: Tables, subjects: pa.Array) -> tuple[Tables, Held]:
    """Leave out some subjects with all rows that are theirs."""
    held = Held(CONFLICTING, subjects, _instances_of(tables[INSTANCES], "subject_id", subjects))
    return {name: without(rows, "subject_id", subjects) for name, rows in tables.items()}, held


def _instances_of(instances: Rows, key: str, values: pa.Array) -> pa.Array:
    """Give the SOP Instance UIDs of the rows that have one of some values, sorted."""
    if not len(values):
        return _NONE
    sql = f"SELECT DISTINCT sop_uid FROM instances SEMI JOIN chosen USING ({key}) ORDER BY sop_uid"  # noqa: S608 -- our own names
    return column(sql, instances=instances, chosen=pa.table({key: values}))


def _among(rows: pa.Table, subjects: pa.Array) -> pa.ChunkedArray:
    return pc.is_in(rows["subject_id"], value_set=subjects)


def _others(rows: pa.Table, subjects: pa.Array) -> pa.Table:
    return without(rows, "subject_id", subjects)


def _one_person_each(rows: pa.Table, told: pa.Table, lines: pa.Table) -> tuple[pa.Table, int]:
    """Give the subject rows with one for each subject of several batches, and how many of these moved."""
    if not lines.num_rows:
        return rows, 0
    persons, moved = one_row_each(told, lines)
    return pa.concat_tables([_others(rows, pc.unique(lines["subject_id"])), persons]), moved


def _on_one_timeline(tables: Tables, subjects: pa.Array) -> tuple[Tables, int]:
    """Give the rows of subjects of several batches what all batches know of their days; count years withheld by it."""
    if not len(subjects):
        return tables, 0
    rows = {name: with_known_days(name, tables[name].filter(_among(tables[name], subjects))) for name in DAYS}
    studies = rows["imaging_study"]
    rows["imaging_study"] = with_derived(studies, one_of_each("test_result", rows["test_result"]))
    whole = {
        name: pa.concat_tables([_others(tables[name], subjects), made.cast(tables[name].schema)])
        for name, made in rows.items()
    }
    return tables | whole, withheld_years(studies, rows["imaging_study"])


def _in_stays(events: pa.Table, sent: pa.Table, lines: pa.Table) -> pa.Table:
    """Give the events of subjects of several batches the stays that they lie in."""
    subjects = pc.unique(lines["subject_id"])
    if not len(subjects):
        return events
    made = with_parents(*(rows.filter(_among(rows, subjects)) for rows in (events, sent)))
    return pa.concat_tables([_others(events, subjects), made.cast(events.schema)])


def _lost(lines: pa.Table) -> list[Finding]:
    """Count the subjects of whom a batch has days from a date that it does not state."""
    lost = len(pc.unique(lines.filter(lines["is_lost"])["subject_id"]))
    return [Finding("C-INDEX", STAGE, "anchors", lost)]


def without_conflicts(instances: Rows) -> tuple[Rows, Held]:
    """Leave out the studies in which a SOP Instance UID has two contents; give the rest, and what was left out.

    A study is released whole or not at all, as within a batch.
    """
    studies = _NONE if is_unique(instances, ["sop_uid"]) else column(_CONFLICTS, instances=instances)
    held = Held(DUPLICATE_SOP, _NONE, _instances_of(instances, "study_uid", studies))
    return without(instances, "study_uid", studies), held


def without_late(instances: Rows, batches: Sequence[AcceptedBatch]) -> tuple[Rows, Held]:
    """Leave out the instances in which something was found late; give the rest, and what was left out."""
    digests = pc.unique(pa.chunked_array([batch.late for batch in batches], pa.string()))
    held = Held(RESIDUAL, _NONE, _instances_of(instances, "sha256", digests))
    return without(instances, "sha256", digests), held


def without_shared_pixels(instances: Rows) -> tuple[Rows, Held]:
    """Leave out studies with an image whose pixels another subject has too; give the rest, and what was left out.

    Nobody can say whose image it is.
    """
    studies = studies_of_shared_pixels(instances)
    held = Held(SHARED_PIXELS, _NONE, _instances_of(instances, "study_uid", studies))
    return without(instances, "study_uid", studies), held


def without_contradictions(tables: Tables) -> tuple[Tables, Held]:
    """Leave out the studies of which batches say different things, be it of the study or of a series or instance.

    Who a study belongs to, and a series or instance, is another matter (I-UID-TREE): those stay and are found by it.
    """
    found = [_NONE]
    for name in ("imaging_study", "imaging_series", INSTANCES):
        rows, (key,) = tables[name], BATCH[name].key
        if is_unique(rows, [key]):
            continue
        tree = [one for columns in _explained(name) for one in columns]
        misplaced, unlike = (
            _differing(rows, [key], columns)[key] for columns in (tree, sorted(set(_compared(name, rows)) - {*tree}))
        )
        told = unlike.filter(pc.invert(pc.is_in(unlike, value_set=misplaced)))
        sql = f"SELECT DISTINCT study_uid FROM rows SEMI JOIN told USING ({key}) ORDER BY study_uid"  # noqa: S608 -- our own names
        found.append(column(sql, rows=rows, told=pa.table({key: told})))
    studies = pa.concat_arrays(found)
    held = Held(CONTRADICTED, _NONE, _instances_of(tables[INSTANCES], "study_uid", studies))
    if not len(held.sop_uids):
        return tables, held
    return without_empty(tables | {INSTANCES: without(tables[INSTANCES], "study_uid", studies)}), held


def is_unique(rows: Rows, key: Sequence[str]) -> bool:
    """Tell whether no two rows have the same key."""
    return not repeated(rows, key)


def repeated(rows: Rows, key: Sequence[str]) -> int:
    """Count the rows beyond the first of each key.

    Of rows on disk digests of 64 bits are counted first, which are equal where keys are; where these are fewer than
    rows, the keys themselves are counted.
    """
    if isinstance(rows, pa.Table):
        return int(rows.num_rows - rows.group_by(list(key)).aggregate([]).num_rows)
    names = ", ".join(f'"{name}"' for name in key)
    if not number(f"SELECT count(*) - count(DISTINCT hash({names})) FROM rows", rows=rows):  # noqa: S608 -- the names are our schemas'
        return 0
    return number(f"SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM rows GROUP BY {names})", rows=rows)  # noqa: S608 -- the names are our schemas'


def _explained(name: str) -> list[tuple[str, ...]]:
    return [columns for table, columns, _ in CONFLICT_RULES if table == name]


def _compared(name: str, rows: Rows) -> list[str]:
    """Give the columns in which rows of one key must agree."""
    ignored = {*BATCH[name].key, *ORIGIN.get(name, ()), *COUNTED.get(name, ()), *_DERIVED.get(name, ())}
    return [one for one in rows.schema.names if one not in ignored]


def disagreements(name: str, rows: Rows) -> list[Finding]:
    """Count, by rule, the keys under which rows of a table differ; 0 where none do."""
    key = BATCH[name].key
    explanations = [(columns, rule_id) for table, columns, rule_id in CONFLICT_RULES if table == name]
    if is_unique(rows, key):
        return [Finding(rule_id, STAGE, name, 0) for rule_id in (*(rule_id for _, rule_id in explanations), KEY_UNIQUE)]
    unlike = _differing(rows, key, _compared(name, rows)).num_rows
    found = [(rule_id, _differing(rows, key, columns).num_rows) for columns, rule_id in explanations]
    rest = unlike - sum(count for _, count in found)
    return [Finding(rule_id, STAGE, name, count) for rule_id, count in (*found, (KEY_UNIQUE, rest))]


def _differing(rows: Rows, key: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """Give the keys under which rows do not agree on some columns, compared by digests of 64 bits."""
    names, content = (", ".join(f'"{name}"' for name in part) for part in (key, columns))
    told = f"SELECT {names}, hash({content}) AS content FROM rows"  # noqa: S608 -- the names are our schemas'
    differ = f"SELECT {names} FROM ({told}) GROUP BY {names} HAVING min(content) <> max(content)"  # noqa: S608
    return query(f"{differ} ORDER BY {names}", rows=rows)


def one_of_each(name: str, rows: pa.Table) -> pa.Table:
    """Give one row of each key of a table; of several that differ in their origin alone, that of the least."""
    key = list(BATCH[name].key)
    if is_unique(rows, key):
        return rows
    ordered = rows.sort_by([(column, "ascending") for column in (*key, *ORIGIN.get(name, ()))])
    numbered = ordered.select(key).append_column("row", pa.array(np.arange(rows.num_rows)))
    return ordered.take(numbered.group_by(key, use_threads=False).aggregate([("row", "min")])["row_min"])


def one_of_each_instance(rows: Rows, path: Path) -> OnDisk:
    """Write one row of each instance, sorted as a release is; several differ in nothing, or the release is refused."""
    counts, form = rows_of_subjects(rows), BATCH[INSTANCES].schema
    parts = (_first_of_each(part) for part in in_order(rows, counts, ORDER[INSTANCES], path.parent))
    write_batches((batch for part in parts for batch in part.cast(form).to_batches()), form, path)
    return OnDisk((path,))


def _first_of_each(rows: pa.Table) -> pa.Table:
    """Give the first of neighbours with the same SOP Instance UID."""
    uids = rows["sop_uid"].combine_chunks()
    is_other = pc.not_equal(uids.slice(1), uids.slice(0, max(len(uids) - 1, 0)))
    return rows.filter(pa.concat_arrays([pa.array([True] * min(len(uids), 1), pa.bool_()), is_other]))


def without_empty(tables: Mapping[str, pa.Table]) -> Tables:
    """Leave out series without instances, studies without series, and subjects without studies, with all of theirs.

    A collection of images has no subjects without any (rule I-COHORT); they are told of (`imageless`).
    """
    kept = dict(tables)
    kept["imaging_series"] = _known(tables["imaging_series"], "series_uid", tables[INSTANCES])
    kept["imaging_study"] = _known(tables["imaging_study"], "study_uid", kept["imaging_series"])
    unseen = imageless(kept)
    return {name: without(rows, "subject_id", unseen) for name, rows in kept.items()}


def imageless(tables: Mapping[str, pa.Table]) -> pa.Array:
    """Give the subjects of whom there is a row, and neither a study nor an instance."""
    named = {"subjects": "subject", "studies": "imaging_study", "instances": INSTANCES}
    return column(_IMAGELESS, **{name: tables[table] for name, table in named.items()})


def _known(rows: pa.Table, key: str, among: Rows) -> pa.Table:
    known = column(f"SELECT DISTINCT {key} FROM among ORDER BY {key}", among=among)  # noqa: S608 -- our own names
    return rows.filter(pc.is_in(rows[key], value_set=known))


def recounted(tables: Mapping[str, pa.Table]) -> Tables:
    """Count series and studies from the rows below them."""
    counts = by_pieces(_SERIES_COUNTS, "rows", tables[INSTANCES])
    series = _with_counts(tables["imaging_series"], "series_uid", counts)
    below = series.select(["study_uid", "modality", "n_instances"])
    study = _with_counts(tables["imaging_study"], "study_uid", query(_STUDY_COUNTS, rows=below))
    return dict(tables) | {"imaging_series": series, "imaging_study": study}


def _with_counts(rows: pa.Table, key: str, counts: pa.Table) -> pa.Table:
    places = pc.index_in(rows[key], value_set=counts[key].combine_chunks())
    columns = {
        name: counts[name].take(places) if name in counts.schema.names else rows[name] for name in rows.schema.names
    }
    return pa.table(columns).cast(rows.schema)
