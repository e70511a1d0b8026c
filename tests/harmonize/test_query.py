"""Statements over tables, files and views, in little memory."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.harmonize.query import ROWS_PER_BATCH, View, query, query_groups, spilling, streamed

NUMBERS = pa.table({"n": pa.array(range(10), pa.int64())})
EVEN = View("SELECT n FROM numbers WHERE n % 2 = 0 ORDER BY n", {"numbers": NUMBERS})


def test_a_view_is_a_table_to_a_statement() -> None:
    assert query("SELECT sum(n)::BIGINT AS total FROM even", even=EVEN).to_pylist() == [{"total": 20}]
    assert len(EVEN) == 5


def test_a_view_may_be_made_of_a_view() -> None:
    large = View("SELECT n FROM even WHERE n > 4 ORDER BY n", {"even": EVEN})
    assert query("FROM large ORDER BY n", large=large)["n"].to_pylist() == [6, 8]


def test_a_parquet_file_is_a_table_to_a_statement_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "it's here"
    pq.write_table(NUMBERS, path)
    assert query("SELECT max(n) AS most FROM file", file=path).to_pylist() == [{"most": 9}]


@pytest.mark.parametrize("length", [0, 1, 3 * ROWS_PER_BATCH + 1])
def test_a_view_is_given_some_rows_at_a_time_and_in_order(length: int) -> None:
    table = pa.table({"n": pa.array(range(length), pa.int64())})
    with streamed(View("FROM rows ORDER BY n DESC", {"rows": table})) as batches:
        parts = list(batches)
    assert all(len(part) <= ROWS_PER_BATCH for part in parts)
    assert [n for part in parts for n in part["n"].to_pylist()] == list(range(length))[::-1]


def test_a_sort_beyond_the_memory_goes_to_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.harmonize.query.MEMORY", "64MiB")
    statement = "SELECT n, md5(n::VARCHAR) AS word FROM range(?) AS counter (n)".replace("?", "1_500_000")
    used = 0
    with spilling(tmp_path), streamed(View(f"FROM ({statement}) ORDER BY word", {})) as batches:
        rows = 0
        for batch in batches:
            rows += len(batch)
            used = max(used, sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()))
    assert rows == 1_500_000
    assert used
    assert query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


@pytest.mark.parametrize("rows_per_part", [1, 3, 1000])
def test_groups_are_whole_and_sorted_however_many_are_asked_at_a_time(
    monkeypatch: pytest.MonkeyPatch, rows_per_part: int
) -> None:
    monkeypatch.setattr("tasks.harmonize.query.ROWS_PER_PART", rows_per_part)
    words = pa.table({"word": list("abcabcab"), "n": pa.array(range(8), pa.int64())})
    statement = "SELECT word, list(n ORDER BY n) AS n FROM instances GROUP BY word ORDER BY word"
    assert query_groups(statement, "word", words).to_pylist() == [
        {"word": "a", "n": [0, 3, 6]},
        {"word": "b", "n": [1, 4, 7]},
        {"word": "c", "n": [2, 5]},
    ]
    assert not len(query_groups(statement, "word", words.slice(0, 0)))
