"""Parquet in one fixed form: the same table gives the same bytes, on any machine with the same pyarrow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import VerificationError

ROWS_PER_GROUP = 1 << 17  # a column chunk of some MB: large enough to compress, small enough to skip
ROWS_AT_ONCE = 1 << 16
PAGE_BYTES = 1 << 20
COMPRESSION_LEVEL = 3
_FORM: Final[dict[str, Any]] = {
    "version": "2.6",
    "data_page_version": "1.0",
    "data_page_size": PAGE_BYTES,
    "compression": "zstd",
    "compression_level": COMPRESSION_LEVEL,
    "use_dictionary": True,
    "write_statistics": True,
    "write_page_index": True,
    "store_schema": True,
}


def write_table(table: pa.Table) -> bytes:
    """Give the bytes of a table as Parquet; how the table lies in memory chunks does not show in them.

    The caller sorts the rows. Schema and field metadata are kept.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table.combine_chunks(), sink, row_group_size=ROWS_PER_GROUP, **_FORM)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def write_batches(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path) -> int:
    """Write a file with the bytes that `write_table` gives, holding one group of rows at a time; give their number.

    Parameters
    ----------
    batches
        Sorted rows of `schema`, however they are cut.
    """
    count = 0
    with pq.ParquetWriter(path, schema, **_FORM) as writer:
        for group in _groups(batches, schema):
            writer.write_table(group, row_group_size=ROWS_PER_GROUP)
            count += len(group)
    pa.default_memory_pool().release_unused()
    return count


def _groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Cut rows into groups of `ROWS_PER_GROUP`; without rows there is one group without any."""
    waiting, is_first = schema.empty_table(), True
    for batch in batches:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch], schema)])
        while len(waiting) > ROWS_PER_GROUP:
            yield waiting.slice(0, ROWS_PER_GROUP).combine_chunks()
            waiting, is_first = waiting.slice(ROWS_PER_GROUP), False
    if len(waiting) or is_first:
        yield waiting.combine_chunks()


def read_batches(
    path: Path, names: Sequence[str] | None = None, at_once: int = ROWS_AT_ONCE
) -> Iterator[pa.RecordBatch]:
    """Give some columns of the rows of a file in their order, at most `at_once` at a time; None gives all columns.

    Raises
    ------
    VerificationError
        If the file is no sound Parquet.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:  # what is fetched ahead stays until the file is closed
            yield from file.iter_batches(batch_size=at_once, columns=names)
    except (pa.ArrowException, OSError):
        raise damaged() from None


def count_rows(path: Path) -> int:
    """Give the number of rows of a file.

    Raises
    ------
    VerificationError
        If the file is no sound Parquet.
    """
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        raise damaged() from None


def schema_of(path: Path) -> pa.Schema:
    """Give the schema of a file, with its metadata.

    Raises
    ------
    VerificationError
        If the file is no sound Parquet.
    """
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError):
        raise damaged() from None


def read_table(data: bytes) -> pa.Table:
    """Give back a table that `write_table` wrote, with its metadata.

    Raises
    ------
    VerificationError
        If the bytes are no sound Parquet.
    """
    try:
        return pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError):
        raise damaged() from None


def find_rows(data: bytes, wanted: Mapping[str, Sequence[str]]) -> pa.Table:
    """Give the rows of a table that `write_table` wrote which have, in each named column, one of the wanted values.

    Groups of rows that cannot have them are not read.

    Raises
    ------
    VerificationError
        If the bytes are no sound Parquet.
    """
    try:
        return pq.read_table(
            pa.BufferReader(data), filters=[(name, "in", list(these)) for name, these in wanted.items()]
        )
    except (pa.ArrowException, OSError):
        raise damaged() from None


def damaged() -> VerificationError:
    """Give the error that says that a file is no sound Parquet."""
    return VerificationError(
        "a Parquet file is damaged and cannot be read", next_step="remove it and run the stage that wrote it again"
    )
