"""Rows by the million: in files, read some at a time or asked by statements, never held as a whole.

Most tables of a release are small and lie in memory; what has a row per instance or per cell lies on disk. Statements
(`tasks.release.query`) read both alike.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.store.parquet import ROWS_AT_ONCE, count_rows, read_batches, schema_of

INSTANCES: Final = "imaging_instance"
ROWS_PER_PIECE: Final = 1 << 18
ROWS_PER_SORT: Final = 1 << 17
ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "subject": ("subject_id",),
    "clinical_event": ("subject_id", "event_id"),
    "test_result": ("subject_id", "test_id"),
    "condition": ("subject_id", "condition_id"),
    "measurement": ("subject_id", "measurement_id"),
    "medication": ("subject_id", "medication_id"),
    "imaging_study": ("subject_id", "study_uid"),
    "imaging_series": ("subject_id", "study_uid", "series_uid"),
    "imaging_instance": ("subject_id", "study_uid", "series_uid", "sop_uid"),
    "change_log": ("entity", "entity_id"),
    "lineage": ("entity", "entity_id", "field"),
    "release": ("release_version",),
    "withdrawals": ("subject_id", "study_uid", "series_uid", "guid"),
}


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Rows of Parquet files in their order, without those that were left out.

    `left_out` holds columns and values: a row that has one of the values is none. `subjects` bounds the subject_id:
    from the first on, and before the second; None is no bound.
    """

    paths: tuple[Path, ...]
    left_out: tuple[tuple[str, pa.Array], ...] = ()
    subjects: tuple[str | None, str | None] = (None, None)

    @property
    def schema(self) -> pa.Schema:
        """The columns of the files."""
        return schema_of(self.paths[0])

    @property
    def num_rows(self) -> int:
        """The number of rows; they are counted where some were left out."""
        if self.left_out or any(self.subjects):
            return sum(len(batch) for batch in batches_of(self, self.schema.names[:1]))
        return sum(map(count_rows, self.paths))


Rows: TypeAlias = pa.Table | OnDisk


def batches_of(rows: Rows, names: Sequence[str] | None = None, at_once: int = ROWS_AT_ONCE) -> Iterator[pa.RecordBatch]:
    """Give some columns of rows in their order, at most `at_once` rows at a time; None gives all columns.

    Raises
    ------
    VerificationError
        If a file is no sound Parquet.
    """
    wanted = list(rows.schema.names if names is None else names)
    if isinstance(rows, pa.Table):
        yield from rows.select(wanted).to_batches(max_chunksize=at_once)
        return
    first, last = rows.subjects
    also = [column for column, _ in rows.left_out] + ["subject_id"] * any(rows.subjects)
    for path in rows.paths:
        for batch in read_batches(path, list(dict.fromkeys([*wanted, *also])), at_once):
            for column, values in rows.left_out:
                batch = batch.filter(pc.invert(pc.is_in(batch[column], value_set=values)))  # noqa: PLW2901
            if first is not None:
                batch = batch.filter(pc.greater_equal(batch["subject_id"], first))  # noqa: PLW2901
            if last is not None:
                batch = batch.filter(pc.less(batch["subject_id"], last))  # noqa: PLW2901
            yield batch.select(wanted)


def in_memory(rows: Rows, names: Sequence[str] | None = None) -> pa.Table:
    """Give some columns of rows as a table; None gives all columns."""
    if isinstance(rows, pa.Table):
        return rows if names is None else rows.select(list(names))
    return pa.Table.from_batches(batches_of(rows, names), _schema(rows, names))


def _schema(rows: Rows, names: Sequence[str] | None) -> pa.Schema:
    return rows.schema if names is None else pa.schema([rows.schema.field(name) for name in names])


def without(rows: Rows, column: str, values: pa.Array) -> Rows:
    """Leave out the rows that have one of some values in a column; a null is none of them."""
    if not len(values):
        return rows
    if isinstance(rows, pa.Table):
        return rows.filter(pc.invert(pc.is_in(rows[column], value_set=values)))
    return replace(rows, left_out=(*rows.left_out, (column, values)))


def together(parts: Sequence[Rows]) -> Rows:
    """Give the rows of all parts, of which all lie in memory, or all in files, of which the same was left out.

    Raises
    ------
    ValueError
        If some lie in memory and some in files, or something else was left out of one file than of another.
    """
    tables, files = ([part for part in parts if isinstance(part, kind)] for kind in (pa.Table, OnDisk))
    if tables and not files:
        return pa.concat_tables(tables)
    if tables or any((part.left_out, part.subjects) != (files[0].left_out, files[0].subjects) for part in files):
        raise ValueError("all parts must lie in files, and the same be left out of each")
    return replace(files[0], paths=tuple(path for part in files for path in part.paths))


def sampled(rows: Rows, size: int, names: Sequence[str] | None = None) -> pa.Table:
    """Give some columns of at most `size` rows spread evenly over all, the same ones every time."""
    total = rows.num_rows
    chosen = min(size, total)
    places = np.arange(chosen, dtype=np.int64) * total // max(chosen, 1)
    parts, start = [], 0
    for batch in batches_of(rows, names):
        first, last = np.searchsorted(places, (start, start + len(batch)))
        parts.append(batch.take(pa.array(places[first:last] - start)))
        start += len(batch)
    return pa.Table.from_batches(parts, _schema(rows, names))


def pieces(rows: Rows, counts: pa.Table) -> Iterator[Rows]:
    """Cut rows that lie on disk, sorted by subject, into pieces that a statement may hold as a whole.

    Parameters
    ----------
    counts
        subject_id and n, the number of rows, sorted by subject.
    """
    if isinstance(rows, pa.Table):
        yield rows
        return
    subjects, parts = counts["subject_id"].to_pylist(), _parts(counts, ROWS_PER_PIECE)
    starts = [subject for subject, (before, now) in zip(subjects[1:], pairwise(parts), strict=True) if now != before]
    yield from (replace(rows, subjects=bounds) for bounds in pairwise([None, *starts, None]))


def _parts(counts: pa.Table, limit: int) -> list[int]:
    """Give the number of the part that each subject falls in: a part ends with the subject that makes it a limit's."""
    return [(end - 1) // limit for end in accumulate(counts["n"].to_pylist())]


def in_order(rows: Rows, counts: pa.Table, names: Sequence[str], folder: Path) -> Iterator[pa.Table]:
    """Give rows sorted by some columns, the first of which is the subject_id, part by part.

    Rows are put aside into files of a few subjects each, and each file is sorted in memory.

    Parameters
    ----------
    counts
        As in `pieces`.
    folder
        Takes the files, which are gone at the end.
    """
    order = [(name, "ascending") for name in names]
    subjects, part_of = counts["subject_id"].combine_chunks(), pa.array(_parts(counts, ROWS_PER_SORT), pa.int64())
    paths = {part: folder / f"unsorted-{part}.arrows" for part in pc.unique(part_of).to_pylist()}
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with ExitStack() as stack:
        files = {
            part: stack.enter_context(pa.ipc.new_stream(path, rows.schema, options=options))
            for part, path in paths.items()
        }
        for batch in batches_of(rows):
            parts = part_of.take(pc.index_in(batch["subject_id"], value_set=subjects))
            for part in pc.unique(parts).to_pylist():
                files[part].write_batch(batch.filter(pc.equal(parts, part)))
    for path in paths.values():
        with pa.ipc.open_stream(path) as file:
            yield file.read_all().sort_by(order)
        path.unlink()


def alongside(
    rows: Rows, others: Rows, order: Sequence[str], names: Sequence[str]
) -> Iterator[tuple[pa.RecordBatch, pa.Table]]:
    """Give rows, many at a time, and with them some columns of the others that have the keys of these rows.

    Parameters
    ----------
    order
        The columns by which both are sorted; the last is the key.
    names
        The columns of the others to give.
    """
    wanted = list(dict.fromkeys([*order, *names]))
    coming = batches_of(others, wanted)
    waiting: pa.RecordBatch | None = next(coming, None)

    def place(batch: pa.RecordBatch, row: int) -> tuple[str, ...]:
        return tuple(batch[name][row].as_py() for name in order)

    for batch in batches_of(rows):
        if not len(batch):
            continue
        last, met = place(batch, len(batch) - 1), []
        while waiting is not None:
            end = bisect_right(range(len(waiting)), last, key=partial(place, waiting))
            passed = waiting.slice(0, end)
            met.append(passed.filter(pc.is_in(passed[order[-1]], value_set=batch[order[-1]])))
            if end < len(waiting):
                waiting = waiting.slice(end)
                break
            waiting = next(coming, None)
        yield batch, pa.Table.from_batches(met, _schema(others, wanted)).select(list(names))
