"""Parquet: its typed columns become text column by column; nested columns are no cells and are left out."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.tables.cells import text_of
from tasks.tables.model import CELL, Layout, Parsed, UnreadableTableError


def read_parquet(content: bytes, layout: Layout, _: frozenset[str]) -> Parsed:
    """Read a Parquet file; the number of its first row is 1.

    Raises
    ------
    UnreadableTableError
        If the bytes are no sound Parquet.
    """
    try:
        stored = pq.ParquetFile(pa.BufferReader(content)).read()
        flat = [at for at, field in enumerate(stored.schema) if not pa.types.is_nested(field.type)]
        columns = [_texts(stored.column(at)).to_pylist() for at in flat]
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        raise UnreadableTableError from None
    header = [stored.schema.names[at] for at in flat]
    rows = ((number, cells, "") for number, cells in enumerate(zip(*columns, strict=True), start=1))
    return Parsed(replace(layout, encoding="", delimiter=""), header, rows, (CELL,) * (stored.num_columns - len(flat)))


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give a column as text; only types that Arrow has no such text for are walked by value."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    column = column.cast(kind)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        column = column.cast(pa.string())  # refuses what is no UTF-8
        kind = column.type
    if pa.types.is_floating(kind) and kind != pa.float64():
        column = column.cast(pa.string()).cast(pa.float64())  # the shortest digits that give the same number
    if pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None):
        texts = column.cast(pa.date32(), safe=False).cast(pa.string())
    elif pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = column.cast(pa.string())
    else:
        distinct = column.unique()
        texts = pa.chunked_array([pa.array(map(text_of, distinct.to_pylist()), pa.string())])
        texts = texts.take(pc.index_in(column, value_set=distinct))
    return pc.fill_null(texts, "")
