"""What differs between two releases: every subject, study, series and instance that came, changed or went."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH
from tasks.release.merging import ORIGIN
from tasks.release.model import Held
from tasks.release.query import query

Digests = Mapping[str, pa.Table]
ROWS_AT_ONCE = 1 << 14
ENTITY_TABLES: Final[Mapping[str, str]] = {
    "subject": "subject",
    "study": "imaging_study",
    "series": "imaging_series",
    "instance": "imaging_instance",
}
CLINICAL = ("clinical_event", "test_result", "condition", "measurement", "medication")
REPLACED = "the object was replaced"
REVISED = "values were revised"
GONE = "no longer in an accepted batch"
_NONE, _NO_LINES, _NO_REASONS = (
    pa.table({"id": pa.array([], pa.string()), name: pa.array([], pa.string())})
    for name in ("digest", "line", "reason")
)
_DIGESTS = """
SELECT id, sha256(string_agg(line, chr(10) ORDER BY line)) AS digest FROM lines GROUP BY id ORDER BY id
"""
NOTHING: Final[Digests] = dict.fromkeys(ENTITY_TABLES, _NONE)


def entity_digests(tables: Mapping[str, pa.Table]) -> Digests:
    """Give, for every kind of entity, ids and digests of content; what only a release adds does not count.

    Of an instance it is the digest of its object, of a study or series that of its row, of a subject that of its row
    and of all its clinical rows.
    """
    instances = tables["imaging_instance"]
    return {
        "subject": _subject_digests(tables),
        "study": _row_digests("imaging_study", tables["imaging_study"]),
        "series": _row_digests("imaging_series", tables["imaging_series"]),
        "instance": pa.table({"id": instances["sop_uid"], "digest": instances["sha256"]}),
    }


def _row_digests(name: str, rows: pa.Table) -> pa.Table:
    digests = [
        pa.array([hashlib.sha256(line).hexdigest() for line in lines], pa.string()) for _, lines in _lines(name, rows)
    ]
    return pa.table({"id": rows[BATCH[name].key[0]], "digest": pa.chunked_array(digests, pa.string())})


def _subject_digests(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Give the digests in the order of the subjects; the lines of a subject stand as columns, which hold millions."""
    parts = [
        pa.table({"id": subjects, "line": pa.array([name.encode() + line for line in lines], pa.string())})
        for name in ("subject", *CLINICAL)
        for subjects, lines in _lines(name, tables[name])
    ]
    subjects = tables["subject"]["subject_id"]
    found = query(_DIGESTS, lines=pa.concat_tables([_NO_LINES, *parts]))
    places = pc.index_in(subjects, value_set=found["id"].combine_chunks())
    return pa.table({"id": subjects, "digest": found["digest"].combine_chunks().take(places)})


def _lines(name: str, rows: pa.Table) -> Iterator[tuple[pa.Array, list[bytes]]]:
    """Give the subjects and the canonical texts of the rows, many at a time."""
    columns = [column for column in BATCH[name].schema.names if column not in ORIGIN.get(name, ())]
    present = [column for column in columns if column in rows.schema.names]
    for batch in rows.select(present).to_batches(max_chunksize=ROWS_AT_ONCE):
        lines = [json.dumps(row, sort_keys=True, separators=(",", ":")).encode() for row in batch.to_pylist()]
        yield batch.column("subject_id"), lines


def changed_since(ids: pa.ChunkedArray, now: pa.Table, before: pa.Table) -> pa.ChunkedArray:
    """Tell for every id of `now` whether its digest is not that of `before`; what is new counts as changed."""
    assert ids.equals(now["id"]), "digests stand in the order of their rows"
    old = before["digest"].take(pc.index_in(ids, value_set=before["id"].combine_chunks()))
    return pc.fill_null(pc.not_equal(now["digest"], old), fill_value=True)


def held_entities(before: Mapping[str, pa.Table], held: Sequence[Held]) -> dict[str, pa.Table]:
    """Give the ids, by entity, of all in the release before that is held now, or hung on what is, and the reasons.

    Parameters
    ----------
    before
        The tables of the release before; none if there is none.
    """
    found = {entity: [_NO_REASONS] for entity in ENTITY_TABLES}
    for entity, table in ENTITY_TABLES.items() if before else ():
        key = BATCH[table].key[0]
        for one in held:
            rows, instances = before[table], before["imaging_instance"]
            mine = pc.unique(rows.filter(pc.is_in(rows["subject_id"], value_set=one.subject_ids))[key])
            hung = pc.unique(instances.filter(pc.is_in(instances["sop_uid"], value_set=one.sop_uids))[key])
            found[entity] += [
                pa.table({"id": ids, "reason": pa.repeat(f"held by {one.rule_id}", len(ids))}) for ids in (mine, hung)
            ]
    return {entity: pa.concat_tables(parts) for entity, parts in found.items()}


def change_log(version: str, now: Digests, before: Digests, held: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Give the columns of the change log, unsorted.

    Parameters
    ----------
    held
        What is held now, by entity, as from `held_entities`; its withdrawal has that reason, the first one given.
    """
    parts = [_changes(entity, now[entity], before[entity], held[entity]) for entity in ENTITY_TABLES]
    log = pa.concat_tables(parts)
    return {
        "release_version": pa.array([version], pa.string()).take(pa.array([0] * log.num_rows, pa.int32())),
        **{name: log[name] for name in log.schema.names},
    }


def _changes(entity: str, now: pa.Table, before: pa.Table, held: pa.Table) -> pa.Table:
    old = before["digest"].take(pc.index_in(now["id"], value_set=before["id"].combine_chunks()))
    both = now.append_column("old", old)
    added = both.filter(pc.is_null(both["old"]))
    changed = both.filter(pc.fill_null(pc.not_equal(both["digest"], both["old"]), fill_value=False))
    gone = before.filter(pc.invert(pc.is_in(before["id"], value_set=now["id"].combine_chunks())))
    changed_reason = REPLACED if entity == "instance" else REVISED
    reasons = held["reason"].take(pc.index_in(gone["id"], value_set=held["id"].combine_chunks()))
    gone_reason = pc.fill_null(reasons, GONE)
    return pa.concat_tables(
        [
            _part(entity, "added", added, (None, None, added["digest"])),
            _part(entity, "changed", changed, (changed_reason, changed["old"], changed["digest"])),
            _part(entity, "withdrawn", gone, (gone_reason, gone["digest"], None)),
        ]
    )


def _part(entity: str, change: str, rows: pa.Table, rest: Sequence[object]) -> pa.Table:
    columns = [entity, rows["id"], change, *rest]
    names = ["entity", "entity_id", "change", "reason", "old_digest", "new_digest"]
    filled = [
        pa.array([value] * rows.num_rows, pa.string()) if value is None or isinstance(value, str) else value
        for value in columns
    ]
    return pa.Table.from_arrays(filled, names=names)


def count_changes(log: pa.Table) -> dict[str, dict[str, int]]:
    """Count the rows of a change log by entity and change."""
    counts: dict[str, dict[str, int]] = {entity: {} for entity in ENTITY_TABLES}
    grouped = log.group_by(["entity", "change"]).aggregate([([], "count_all")]).sort_by([("change", "ascending")])
    for row in grouped.to_pylist():
        counts[row["entity"]][row["change"]] = row["count_all"]
    return counts
