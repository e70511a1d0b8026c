"""One image of two people is found in the whole of a release."""

import pyarrow as pa
import pytest

from tasks.release.query import query
from tasks.release.same_pixels import SHARED_PIXELS, shared_pixels

Rows = list[tuple[str, str, str | None]]


def found(rows: Rows) -> list[str]:
    columns = ("subject_id", "sop_uid", "pixel_sha256")
    table = pa.table(
        {name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(columns)}
        | {"study_uid": pa.array([f"study of {row[0]}" for row in rows], pa.string())}
    )
    uids: list[str] = shared_pixels(table)["sop_uid"].to_pylist()
    assert query(SHARED_PIXELS, instances=table)["sop_uid"].to_pylist() == uids
    return uids


@pytest.mark.parametrize(
    ("rows", "uids"),
    [
        ([], []),
        ([("a", "1", "p"), ("b", "2", "q")], []),
        ([("a", "1", "p"), ("a", "2", "p")], []),
        ([("a", "2", "p"), ("b", "1", "p")], ["1", "2"]),
        ([("a", "1", None), ("b", "2", None)], []),
        ([("a", "1", "p"), ("a", "3", "p"), ("b", "2", "p"), ("b", "4", "q"), ("c", "5", None)], ["1", "2", "3"]),
        ([("a", "1", "p"), ("b", "2", "p"), ("c", "3", "q"), ("d", "4", "q"), ("c", "5", "r")], ["1", "2", "3", "4"]),
    ],
    ids=["none", "different", "one subject", "two subjects", "unknown", "all of them", "two images"],
)
def test_the_instances_of_all_subjects_that_share_pixels_are_named_in_order(rows: Rows, uids: list[str]) -> None:
    assert found(rows) == uids


def test_no_null_hides_what_is_shared() -> None:
    assert found([("a", "1", "p"), ("b", "2", "p"), ("c", "3", None)]) == ["1", "2"]


def test_the_order_in_which_rows_come_makes_no_difference() -> None:
    rows: Rows = [(f"s{number % 7}", f"{number:05}", f"p{number // 2}") for number in range(5000)]
    assert found(rows) == found(rows[::-1]) == [row[1] for row in rows]
