"""What differs between two releases: every subject, study, series and instance that came, changed or went."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH, CANONICAL
from tasks.release.merging import ORIGIN
from tasks.release.model import Held
from tasks.release.query import query, streamed
from tasks.release.rows import INSTANCES, OnDisk, Rows
from tasks.store.parquet import write_batches

FORM: Final = CANONICAL["change_log"].schema
Digests = Mapping[str, Rows]
ROWS_AT_ONCE = 1 << 14
BYTES_AT_ONCE = 1 << 27
ENTITY_TABLES: Final[Mapping[str, str]] = {
    "subject": "subject",
    "study": "imaging_study",
    "series": "imaging_series",
    "instance": INSTANCES,
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
SELECT id, sha256(string_agg(line, chr(10) ORDER BY line)) AS digest FROM lines, chosen
WHERE hash(id) % parts = part GROUP BY id ORDER BY id
"""
_OBJECTS = ("sop_uid", "sha256")  # what an instance is known by, and what it holds
NOTHING: Final[Digests] = dict.fromkeys(ENTITY_TABLES, _NONE) | {
    "instance": pa.table({name: pa.array([], pa.string()) for name in _OBJECTS})
}
# Only what is new, changed or gone is a row.
_CHANGES = """
SELECT (SELECT version FROM edition) AS release_version, '{entity}' AS entity, coalesce(now.id, old.id) AS entity_id,
       CASE WHEN old.id IS NULL THEN 'added' WHEN now.id IS NULL THEN 'withdrawn' ELSE 'changed' END AS change,
       CASE WHEN old.id IS NULL THEN NULL WHEN now.id IS NULL THEN coalesce(why.reason, '{gone}')
            ELSE '{changed}' END AS reason,
       old.digest AS old_digest, now.digest AS new_digest
FROM (SELECT {id} AS id, {digest} AS digest FROM now) AS now
     FULL JOIN (SELECT {id} AS id, {digest} AS digest FROM before) AS old USING (id)
     LEFT JOIN (SELECT id, first(reason ORDER BY place) AS reason FROM held GROUP BY id) AS why ON why.id = old.id
WHERE now.digest IS DISTINCT FROM old.digest ORDER BY entity_id
"""
_HELD = """
SELECT DISTINCT {key} AS id, 'held by {rule_id}' AS reason FROM rows SEMI JOIN held USING ({by}) ORDER BY id
"""
_COUNTS = "SELECT entity, change, count(*) AS n FROM log GROUP BY entity, change ORDER BY entity, change"


def entity_digests(tables: Mapping[str, pa.Table]) -> Digests:
    """Give, for every kind of entity, ids and digests of content; what only a release adds does not count.

    Of an instance it is the digest of its object, which stands in its own row; of a study or series that of its row, of
    a subject that of its row and of all its clinical rows.
    """
    return {
        "subject": _subject_digests(tables),
        "study": _row_digests("imaging_study", tables["imaging_study"]),
        "series": _row_digests("imaging_series", tables["imaging_series"]),
        "instance": tables[INSTANCES],
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
    found = _digests(pa.concat_tables([_NO_LINES, *parts]))
    places = pc.index_in(subjects, value_set=found["id"].combine_chunks())
    return pa.table({"id": subjects, "digest": found["digest"].combine_chunks().take(places)})


def _digests(lines: pa.Table) -> pa.Table:
    """Give the digest of the lines of each id; some of the ids at a time, since their lines are held together."""
    parts = 1 + lines.nbytes // BYTES_AT_ONCE
    chosen = [pa.table({"parts": [parts], "part": [part]}) for part in range(parts)]
    return pa.concat_tables([query(_DIGESTS, lines=lines, chosen=one) for one in chosen])


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


def held_entities(before: Mapping[str, Rows], held: Sequence[Held]) -> dict[str, pa.Table]:
    """Give the ids, by entity, of all in the release before that is held now, or hung on what is, and the reasons.

    Parameters
    ----------
    before
        The tables of the release before; none if there is none.
    """
    found = {entity: [_NO_REASONS] for entity in ENTITY_TABLES}
    for entity, table in ENTITY_TABLES.items() if before else ():
        for one in held:
            found[entity] += [
                query(_HELD.format(key=BATCH[table].key[0], rule_id=one.rule_id, by=by), rows=rows, held=ids)
                for rows, by, ids in (
                    (before[table], "subject_id", pa.table({"subject_id": one.subject_ids})),
                    (before[INSTANCES], "sop_uid", pa.table({"sop_uid": one.sop_uids})),
                )
                if ids.num_rows
            ]
    return {entity: pa.concat_tables(parts) for entity, parts in found.items()}


def change_log(
    version: str, digests: tuple[Digests, Digests], held: Mapping[str, pa.Table], path: Path, schema: pa.Schema = FORM
) -> OnDisk:
    """Write the change log of a release to a file, sorted, and give its rows.

    Parameters
    ----------
    digests
        Those of the release and of the one before, as from `entity_digests`.
    held
        What is held now, by entity, as from `held_entities`; its withdrawal has that reason, the first one given.
    schema
        That of the table, with what the file is to say of itself.
    """
    now, before = digests
    edition = pa.table({"version": [version]})
    numbered = {
        entity: rows.append_column("place", pa.array(np.arange(rows.num_rows))) for entity, rows in held.items()
    }
    changes = (
        streamed(
            schema, _statement(entity), now=now[entity], before=before[entity], held=numbered[entity], edition=edition
        )
        for entity in sorted(ENTITY_TABLES)
    )
    write_batches(chain.from_iterable(changes), schema, path)
    return OnDisk((path,))


def _statement(entity: str) -> str:
    key, digest = _OBJECTS if entity == "instance" else ("id", "digest")
    changed = REPLACED if entity == "instance" else REVISED
    return _CHANGES.format(entity=entity, id=key, digest=digest, gone=GONE, changed=changed)


def count_changes(log: Rows) -> dict[str, dict[str, int]]:
    """Count the rows of a change log by entity and change."""
    counts: dict[str, dict[str, int]] = {entity: {} for entity in ENTITY_TABLES}
    for row in query(_COUNTS, log=log).to_pylist():
        counts[row["entity"]][row["change"]] = row["n"]
    return counts
