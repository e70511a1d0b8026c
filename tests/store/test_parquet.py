"""Parquet in one form."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import VerificationError
from tasks.store.parquet import ROWS_PER_GROUP, find_rows, read_table, write_batches, write_table

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False, metadata={"description": "a key"}),
        pa.field("size_bytes", pa.int64(), metadata={"unit": "By"}),
        pa.field("days", pa.list_(pa.field("item", pa.int32(), nullable=False))),
    ],
    metadata={"release": "1", "commit": "abc"},
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.text(st.characters(exclude_categories=["Cs"])),
            "size_bytes": st.none() | st.integers(-(2**63), 2**63 - 1),
            "days": st.none() | st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3),
        }
    ),
    max_size=20,
)


@given(rows)
def test_a_table_comes_back_with_its_metadata(content: list[dict[str, object]]) -> None:
    table = pa.Table.from_pylist(content, SCHEMA)
    again = read_table(write_table(table))
    assert again.to_pylist() == content
    assert again.schema.metadata == SCHEMA.metadata
    assert again.schema.field("key").metadata[b"description"] == b"a key"
    assert again.schema.field("size_bytes").metadata[b"unit"] == b"By"
    assert again.schema.equals(SCHEMA)


@given(rows, st.integers(0, 20))
def test_the_bytes_do_not_tell_how_a_table_was_put_together(content: list[dict[str, object]], cut: int) -> None:
    table = pa.Table.from_pylist(content, SCHEMA)
    assert write_table(pa.concat_tables([table.slice(0, cut), table.slice(cut)])) == write_table(table)


def test_an_empty_table_keeps_its_columns() -> None:
    assert read_table(write_table(SCHEMA.empty_table())).schema.names == SCHEMA.names


def test_the_writer_leaves_what_readers_skip_by() -> None:
    data = write_table(pa.table({"n": pa.array(range(ROWS_PER_GROUP + 1))}))
    metadata = pq.ParquetFile(pa.BufferReader(data)).metadata
    column = metadata.row_group(0).column(0)
    assert metadata.num_row_groups == 2
    assert (column.compression, column.statistics.max) == ("ZSTD", ROWS_PER_GROUP - 1)
    assert column.has_offset_index
    assert column.has_column_index


@pytest.mark.parametrize("data", [b"", b"PAR1", b"ZZCANARY" * 100, write_table(SCHEMA.empty_table())[:-20]])
def test_damaged_bytes_are_refused_in_our_words(data: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        read_table(data)
    assert "ZZCANARY" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 1, ROWS_PER_GROUP - 1, ROWS_PER_GROUP, 2 * ROWS_PER_GROUP + 5])
@pytest.mark.parametrize("cut", [1 << 14, 100_003, 1 << 18])
def test_rows_that_come_some_at_a_time_give_the_same_bytes(tmp_path: Path, length: int, cut: int) -> None:
    table = pa.table({"key": pa.array(range(length), pa.int64()), "word": pa.array(["a", None] * length)[:length]})
    path = tmp_path / "streamed.parquet"
    assert write_batches(table.to_batches(max_chunksize=cut), table.schema, path) == length
    assert path.read_bytes() == write_table(table)


def test_rows_are_found_by_the_values_that_are_wanted() -> None:
    table = pa.table({"key": ["a", "b", "b", "c"], "word": ["x", "x", "y", None]})
    assert find_rows(write_table(table), {"key": ["b", "c"], "word": ["x"]}).to_pylist() == [{"key": "b", "word": "x"}]
    with pytest.raises(VerificationError):
        find_rows(b"ZZCANARY", {"key": ["a"]})
