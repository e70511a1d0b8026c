"""What differs between two releases: every subject, study, series and instance that came, changed or went."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH
from tasks.release.merging import DUPLICATE_SOP, ORIGIN

Digests = Mapping[str, pa.Table]
ROWS_AT_ONCE = 1 << 14
ENTITY_TABLES: Final[Mapping[str, str]] = {
    "subject": "subject",
    "study": "imaging_study",
    "series": "imaging_series",
    "instance": "imaging_instance",
}
CLINICAL = ("clinical_event", "test_result", "condition")
REPLACED = "the object was replaced"
REVISED = "values were revised"
GONE = "no longer in an accepted batch"
HELD = f"held by {DUPLICATE_SOP}"
_NONE = pa.table({"id": pa.array([], pa.string()), "digest": pa.array([], pa.string())})
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
    digests = [hashlib.sha256(line).hexdigest() for _, line in _lines(name, rows)]
    return pa.table({"id": rows[BATCH[name].key[0]], "digest": pa.array(digests, pa.string())})


def _subject_digests(tables: Mapping[str, pa.Table]) -> pa.Table:
    lines: dict[str, list[bytes]] = defaultdict(list)
    for name in ("subject", *CLINICAL):
        for subject, line in _lines(name, tables[name]):
            lines[subject].append(name.encode() + line)
    subjects = tables["subject"]["subject_id"]
    digests = [hashlib.sha256(b"\n".join(sorted(lines[subject]))).hexdigest() for subject in subjects.to_pylist()]
    return pa.table({"id": subjects, "digest": pa.array(digests, pa.string())})


def _lines(name: str, rows: pa.Table) -> Iterator[tuple[str, bytes]]:
    """Give the subject and the canonical text of every row."""
    columns = [column for column in BATCH[name].schema.names if column not in ORIGIN.get(name, ())]
    present = [column for column in columns if column in rows.schema.names]
    for batch in rows.select(present).to_batches(max_chunksize=ROWS_AT_ONCE):
        for row in batch.to_pylist():
            yield row["subject_id"], json.dumps(row, sort_keys=True, separators=(",", ":")).encode()


def changed_since(ids: pa.ChunkedArray, now: pa.Table, before: pa.Table) -> pa.ChunkedArray:
    """Tell for every id of `now` whether its digest is not that of `before`; what is new counts as changed."""
    assert ids.equals(now["id"]), "digests stand in the order of their rows"
    old = before["digest"].take(pc.index_in(ids, value_set=before["id"].combine_chunks()))
    return pc.fill_null(pc.not_equal(now["digest"], old), fill_value=True)


def held_entities(instances: pa.Table | None, held_sop_uids: pa.Array) -> dict[str, pa.Array]:
    """Give the ids, by entity, of all that instances which are held now were part of in the release before.

    Parameters
    ----------
    instances
        The instances of the release before; None if there is none.
    """
    columns = {"subject": "subject_id", "study": "study_uid", "series": "series_uid", "instance": "sop_uid"}
    if instances is None:
        return dict.fromkeys(columns, pa.array([], pa.string()))
    held = instances.filter(pc.is_in(instances["sop_uid"], value_set=held_sop_uids))
    return {entity: pc.unique(held[column]) for entity, column in columns.items()}


def change_log(version: str, now: Digests, before: Digests, held: Mapping[str, pa.Array]) -> dict[str, Any]:
    """Give the columns of the change log, unsorted.

    Parameters
    ----------
    held
        What hung on instances that are held now, by entity; its withdrawal has that reason.
    """
    parts = [_changes(entity, now[entity], before[entity], held[entity]) for entity in ENTITY_TABLES]
    log = pa.concat_tables(parts)
    return {
        "release_version": pa.array([version], pa.string()).take(pa.array([0] * log.num_rows, pa.int32())),
        **{name: log[name] for name in log.schema.names},
    }


def _changes(entity: str, now: pa.Table, before: pa.Table, held: pa.Array) -> pa.Table:
    old = before["digest"].take(pc.index_in(now["id"], value_set=before["id"].combine_chunks()))
    both = now.append_column("old", old)
    added = both.filter(pc.is_null(both["old"]))
    changed = both.filter(pc.fill_null(pc.not_equal(both["digest"], both["old"]), fill_value=False))
    gone = before.filter(pc.invert(pc.is_in(before["id"], value_set=now["id"].combine_chunks())))
    changed_reason = REPLACED if entity == "instance" else REVISED
    gone_reason = pc.if_else(pc.is_in(gone["id"], value_set=held), HELD, GONE)
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
