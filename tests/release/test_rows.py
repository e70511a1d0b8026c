"""Rows on disk are asked and read as rows in memory are."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import CurationError, VerificationError
from tasks.release import rows as module
from tasks.release.query import by_pieces, column, number, query, rows_of_subjects, stored
from tasks.release.rows import (
    OnDisk,
    alongside,
    batches_of,
    in_memory,
    in_order,
    pieces,
    sampled,
    together,
    without,
)
from tasks.store.parquet import write_table

ROWS = pa.table(
    {
        "subject_id": ["A", "A", "B", "C", "C", "C", None],
        "sop_uid": ["1", "2", "3", "4", "5", "6", "7"],
        "size": pa.array([1, 2, 3, 4, 5, 6, 7], pa.int64()),
    }
)
COUNTS = "SELECT subject_id, count(*) AS n FROM rows GROUP BY subject_id ORDER BY subject_id"


def on_disk(folder: Path, table: pa.Table = ROWS, cut: int = 3) -> OnDisk:
    """The rows in two files."""
    paths = (folder / "one's.parquet", folder / "two.parquet")
    for path, part in zip(paths, (table.slice(0, cut), table.slice(cut)), strict=True):
        path.write_bytes(write_table(part))
    return OnDisk(paths)


def test_rows_of_several_files_are_one_table(tmp_path: Path) -> None:
    rows = on_disk(tmp_path)
    assert rows.num_rows == ROWS.num_rows
    assert in_memory(rows).equals(ROWS)
    assert in_memory(rows, ["size"]).equals(ROWS.select(["size"]))
    assert query("SELECT * FROM rows ORDER BY sop_uid", rows=rows).equals(ROWS)
    assert number("SELECT sum(size) FROM rows", rows=rows) == 28


def test_a_number_of_nothing_is_none_of_it() -> None:
    assert number("SELECT sum(size) FROM rows", rows=ROWS.slice(0, 0)) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["subject_id", "sop_uid"]), st.sets(st.sampled_from("ABC1357")))))
def test_what_is_left_out_is_left_out_wherever_rows_lie(
    tmp_path_factory: pytest.TempPathFactory, left_out: list[tuple[str, set[str]]]
) -> None:
    here, there = ROWS, on_disk(tmp_path_factory.mktemp("rows"))
    for name, values in left_out:
        chosen = pa.array(sorted(values), pa.string())
        here, there = without(here, name, chosen), without(there, name, chosen)
    assert in_memory(there).equals(here)
    assert there.num_rows == here.num_rows
    assert query("SELECT * FROM rows ORDER BY sop_uid", rows=there).equals(here)
    assert in_memory(there, ["size"]).equals(here.select(["size"]))


def test_rows_together_are_in_memory_or_in_files(tmp_path: Path) -> None:
    assert in_memory(together([on_disk(tmp_path), on_disk(tmp_path)])).equals(pa.concat_tables([ROWS, ROWS]))
    assert together([ROWS, ROWS]).equals(pa.concat_tables([ROWS, ROWS]))


def test_what_was_left_out_of_all_parts_stays_out_of_the_whole(tmp_path: Path) -> None:
    gone = pa.array(["A"])
    here, there = without(ROWS, "subject_id", gone), without(on_disk(tmp_path), "subject_id", gone)
    assert in_memory(together([there, there])).equals(pa.concat_tables([here, here]))
    for parts in ([there, on_disk(tmp_path)], [there, here]):
        with pytest.raises(ValueError, match="the same"):
            together(parts)


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
def test_pieces_hold_every_row_of_a_subject_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(module, "ROWS_PER_PIECE", limit)
    known = without(ROWS, "sop_uid", pa.array(["7"]))
    rows = on_disk(tmp_path, known)
    cut = [in_memory(piece) for piece in pieces(rows, query(COUNTS, rows=rows))]
    assert pa.concat_tables(cut).equals(known)
    subjects = [set(piece["subject_id"].to_pylist()) for piece in cut]
    assert sum(map(len, subjects)) == len(set.union(*subjects))
    assert len(cut) == {1: 3, 2: 3, 3: 2, 6: 1, 7: 1}[limit]
    asked = by_pieces(
        "SELECT subject_id, string_agg(sop_uid ORDER BY sop_uid) AS all FROM rows GROUP BY 1", "rows", rows
    )
    assert asked.sort_by("subject_id")["all"].to_pylist() == ["1,2", "3", "4,5,6"]


@pytest.mark.parametrize(("size", "sops"), [(0, ""), (1, "1"), (2, "14"), (3, "135"), (7, "1234567"), (99, "1234567")])
def test_a_sample_is_spread_over_all_rows(tmp_path: Path, size: int, sops: str) -> None:
    for rows in (ROWS, on_disk(tmp_path)):
        assert sampled(rows, size)["sop_uid"].to_pylist() == list(sops)
        assert sampled(rows, size, ["size"]).schema.names == ["size"]


def test_batches_are_no_larger_than_asked_for(tmp_path: Path) -> None:
    for rows in (ROWS, on_disk(tmp_path)):
        assert max(len(batch) for batch in batches_of(rows, at_once=2)) == 2


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 no more")
    rows = OnDisk((tmp_path / "rows.parquet",))
    for ask in (lambda: list(batches_of(rows, ["size"])), lambda: rows.schema, lambda: rows.num_rows):
        with pytest.raises(VerificationError, match="damaged"):
            ask()


def test_a_statement_over_a_damaged_file_says_nothing_of_the_statement(tmp_path: Path) -> None:
    rows = on_disk(tmp_path, ROWS)
    whole = bytearray(rows.paths[1].read_bytes())
    whole[4:40] = bytes(36)
    rows.paths[1].write_bytes(whole)
    for ask in (
        lambda: number("SELECT count(DISTINCT subject_id) FROM rows", rows=rows),
        lambda: query("SELECT * FROM rows ORDER BY size", rows=rows),
        lambda: stored(tmp_path / "made.parquet", ROWS.schema, "SELECT * FROM rows", rows=rows),
    ):
        with pytest.raises(VerificationError, match="a Parquet file is damaged") as told:
            ask()
        assert str(tmp_path) not in f"{told.value} {told.value.next_step}"
        assert told.value.__suppress_context__


def test_a_statement_without_room_says_so_and_one_that_is_wrong_says_what(tmp_path: Path) -> None:
    rows = on_disk(tmp_path)
    with pytest.raises(CurationError, match="not enough memory") as told:
        number("SELECT len(list(n)) FROM rows, range(100_000_000) AS many(n)", rows=rows)
    assert "disk space" in told.value.next_step
    with pytest.raises(duckdb.BinderException, match="nothing"):
        number("SELECT nothing FROM rows", rows=rows)


def test_a_result_is_stored_in_the_form_asked_for(tmp_path: Path) -> None:
    schema = pa.schema([("size", pa.int16()), ("sop_uid", pa.string())], {"of": "x"})
    rows = stored(tmp_path / "made.parquet", schema, "SELECT sop_uid, size FROM rows ORDER BY sop_uid DESC", rows=ROWS)
    assert rows.schema.equals(schema, check_metadata=False)
    assert rows.schema.metadata[b"of"] == b"x"
    assert in_memory(rows)["size"].to_pylist() == [7, 6, 5, 4, 3, 2, 1]
    assert column("SELECT size FROM rows ORDER BY size LIMIT 1", rows=rows).to_pylist() == [1]


@pytest.mark.parametrize("limit", [1, 2, 4, 100])
def test_rows_are_sorted_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(module, "ROWS_PER_SORT", limit)
    known = without(ROWS, "sop_uid", pa.array(["7"]))
    mixed = on_disk(tmp_path, known.take(pa.array([4, 0, 2, 5, 1, 3])))
    counts = rows_of_subjects(mixed)
    parts = list(in_order(mixed, counts, ("subject_id", "sop_uid"), tmp_path))
    assert pa.concat_tables(parts).equals(known)
    assert max(len(part) for part in parts) <= max(limit + 2, 3)
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet"}


keys = st.sets(st.tuples(st.sampled_from("AB"), st.integers(0, 30).map("{:02}".format)))


@settings(max_examples=40, deadline=None)
@given(keys, keys, st.integers(1, 4))
def test_rows_are_met_by_the_others_that_have_their_keys(
    mine: set[tuple[str, str]], others: set[tuple[str, str]], at_once: int
) -> None:
    def table(pairs: set[tuple[str, str]]) -> pa.Table:
        rows = sorted((subject, subject + number) for subject, number in pairs)
        columns = {
            name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(("subject_id", "n"))
        }
        whole = pa.table(columns)
        return pa.Table.from_batches(whole.to_batches(max_chunksize=at_once), whole.schema)

    seen = []
    for batch, known in alongside(table(mine), table(others), ("subject_id", "n"), ("n",)):
        assert set(known["n"].to_pylist()) == set(batch["n"].to_pylist()) & {"".join(pair) for pair in others}
        seen += batch["n"].to_pylist()
    assert seen == sorted("".join(pair) for pair in mine)
