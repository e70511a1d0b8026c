import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tasks.release.disclosure.classes import OPEN, chosen_levels, coded, sizes
from tests.oracle import k_anonymity as oracle

digits = st.tuples(*[st.integers(0, 2)] * 3)


def steps_of(rows: list[tuple[int, ...]]) -> list[list[tuple[str, ...]]]:
    """Three digits, then two, then one, then none: each level hides one more."""
    return [
        [tuple("*" if place >= 3 - level else str(d) for place, d in enumerate(row)) for row in rows]
        for level in range(4)
    ]


def tables_of(steps: list[list[tuple[str, ...]]]) -> list[pa.Table]:
    return [pa.table({f"c{place}": [row[place] for row in step] for place in range(3)}) for step in steps]


@given(st.lists(digits, min_size=1, max_size=40), st.integers(1, 6))
def test_levels_are_those_of_the_slow_way(rows: list[tuple[int, ...]], k: int) -> None:
    steps = steps_of(rows)
    levels = chosen_levels(coded(tables_of(steps), ["c0", "c1", "c2"]), k)
    assert [None if level == OPEN else level for level in levels] == oracle.chosen_levels(steps, k)


@given(st.lists(digits, min_size=1, max_size=40), st.integers(1, 6))
def test_every_shown_class_has_k_and_nobody_is_left_where_k_are(rows: list[tuple[int, ...]], k: int) -> None:
    steps = steps_of(rows)
    levels = chosen_levels(coded(tables_of(steps), ["c0", "c1", "c2"]), k)
    shown = [steps[level][place] for place, level in enumerate(levels) if level != OPEN]
    assert not shown or oracle.smallest_class(shown) >= k
    assert (len(shown) == len(rows)) == (len(rows) >= k)


@given(st.permutations([(0, 0, 0), (0, 0, 0), (0, 1, 0), (1, 1, 1), (1, 1, 2), (2, 0, 0)]))
def test_the_order_of_rows_decides_nothing(rows: list[tuple[int, ...]]) -> None:
    levels = chosen_levels(coded(tables_of(steps_of(rows)), ["c0", "c1", "c2"]), 2)
    assert sorted(zip(rows, levels.tolist(), strict=True)) == [
        ((0, 0, 0), 2),
        ((0, 0, 0), 2),
        ((0, 1, 0), 2),
        ((1, 1, 1), 3),
        ((1, 1, 2), 3),
        ((2, 0, 0), 3),
    ]


def test_a_null_is_a_value_and_lists_are_compared_whole() -> None:
    rows = pa.table({"a": ["x", None, "x", None], "b": [["1", "2"], ["1"], ["1", "2"], ["1"]]})
    codes = coded([rows], ["a", "b"])[0]
    assert codes[0] == codes[2] != codes[1] == codes[3]
    assert sizes(codes).tolist() == [2, 2, 2, 2]


def test_many_wide_columns_do_not_run_over() -> None:
    rng = np.random.default_rng(1)
    rows = pa.table({f"c{place}": rng.integers(0, 1 << 20, 300) for place in range(8)})
    rows = pa.concat_tables([rows, rows])
    assert sizes(coded([rows], rows.schema.names)[0]).tolist() == [2] * 600


def test_no_rows_have_no_classes() -> None:
    codes = coded([pa.table({"a": pa.array([], pa.string())})] * 2, ["a"])
    assert codes.shape == (2, 0)
    assert chosen_levels(codes, 5).tolist() == sizes(codes[0]).tolist() == []
