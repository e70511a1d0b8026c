"""What part every subject was assigned to: kept in the private prefix of the work store, compared and swapped.

A subject never moves, so the record is written before anything is published by it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.pipeline import PARTITIONS as FORM
from tasks.errors import GateError
from tasks.layout import PARTITIONS
from tasks.model import Finding
from tasks.release.partitions import Partitions
from tasks.release.reading import current_version, history, open_tables
from tasks.store import ReadOnlyStore, Store
from tasks.store.parquet import read_table, write_table

STABLE = "R-SPLIT-STABLE"


@dataclass(frozen=True, slots=True)
class Record:
    """All assignments as they were read: `token` is null if none was recorded yet."""

    rows: pa.Table
    token: str | None

    @property
    def partitions(self) -> dict[str, str]:
        """The part of every subject."""
        return dict(zip(self.rows["subject_id"].to_pylist(), self.rows["partition"].to_pylist(), strict=True))


def read_record(work: ReadOnlyStore, stores: Mapping[str, ReadOnlyStore]) -> Record:
    """Give all earlier assignments; before the first was recorded, those that earlier releases show.

    Parameters
    ----------
    stores
        The release stores by part.

    Raises
    ------
    GateError
        If the record is not of this version's form, or earlier releases show a subject in two parts.
    """
    found = work.read_versioned(PARTITIONS)
    if found is None:
        rows = pa.concat_tables([FORM.schema.empty_table(), *_published(stores)])
        _require_one_each(rows)
        return Record(rows, None)
    rows = read_table(found[0]).replace_schema_metadata(None)
    if rows.schema.names != FORM.schema.names:
        raise GateError(f"{PARTITIONS} is not of this version's form", next_step="restore it from a backup")
    return Record(rows.cast(FORM.schema), found[1])


def _published(stores: Mapping[str, ReadOnlyStore]) -> Iterator[pa.Table]:
    for part, store in stores.items():
        seen = pa.array([], pa.string())
        for commit in history(store, current_version(store)):
            ids = open_tables(store, commit.release_version, ["subject"])["subject"]["subject_id"].combine_chunks()
            new = ids.filter(pc.invert(pc.is_in(ids, value_set=seen)))
            seen = pa.concat_arrays([seen, new])
            yield _rows(new, [part] * len(new), commit.release_version)


def _rows(subjects: pa.Array, parts: list[str], version: str) -> pa.Table:
    columns = [subjects, pa.array(parts, pa.string()), pa.repeat(pa.scalar(version), len(subjects))]
    return pa.Table.from_arrays(columns, schema=FORM.schema)


def _require_one_each(rows: pa.Table) -> None:
    twice = rows.num_rows - pc.count_distinct(rows["subject_id"]).as_py()
    if twice:
        raise GateError(
            f"{STABLE}: earlier releases show {twice} subjects in both parts, and no assignment is recorded",
            next_step="withdraw them from one part, or restore the record from a backup",
        )


def moved_findings(partitions: Partitions, before: Mapping[str, pa.Array], *, stage: str) -> list[Finding]:
    """Count the subjects that the release before shows in another part than the record.

    Parameters
    ----------
    before
        The subjects of the releases before, by part.
    """
    moved = sum(partitions.get(one, part) != part for part, ids in before.items() for one in ids.to_pylist())
    return [Finding(STABLE, stage, "subject.partition", moved)] if moved else []


def keep(work: Store, record: Record, partitions: Partitions, version: str) -> None:
    """Record the new assignments; nothing is written if all are known.

    Raises
    ------
    StaleVersionError
        If others were recorded meanwhile: what was decided without them must be decided again.
    """
    known = record.partitions
    new = sorted(partitions.keys() - known.keys())
    if new or (record.token is None and known):
        added = _rows(pa.array(new, pa.string()), [partitions[one] for one in new], version)
        rows = pa.concat_tables([record.rows, added]).sort_by("subject_id")
        work.swap(PARTITIONS, write_table(rows), expected=record.token)
