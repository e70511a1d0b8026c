"""One image of two people is found in the whole of a release."""

from dataclasses import replace

import pyarrow as pa
import pytest

from tasks.release.same_pixels import studies_of_shared_pixels
from tests.release.batches import Batch, merge, some_images

Rows = list[tuple[str, str, str | None]]


def found(rows: Rows) -> list[str]:
    columns = ("subject_id", "study_uid", "pixel_sha256")
    table = pa.table({name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(columns)})
    studies: list[str] = studies_of_shared_pixels(table).to_pylist()
    return studies


@pytest.mark.parametrize(
    ("rows", "studies"),
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
def test_the_studies_of_all_subjects_that_share_pixels_are_named_in_order(rows: Rows, studies: list[str]) -> None:
    assert found(rows) == studies


def test_no_null_hides_what_is_shared() -> None:
    assert found([("a", "1", "p"), ("b", "2", "p"), ("c", "3", None)]) == ["1", "2"]


def test_the_order_in_which_rows_come_makes_no_difference() -> None:
    rows: Rows = [(f"s{number % 7}", f"{number:05}", f"p{number // 2}") for number in range(5000)]
    assert found(rows) == found(rows[::-1]) == [row[1] for row in rows]


def test_studies_of_two_people_with_one_image_are_held_and_the_others_released() -> None:
    mine, theirs = some_images("A", study="1"), some_images("B", study="2")
    alike = [replace(mine[0], pixels="one image"), mine[1], replace(theirs[0], pixels="one image"), theirs[1]]
    others = [*some_images("A", study="3"), *some_images("B", study="4")]
    first, second = [*alike[:2], *others[:2]], [*alike[2:], *others[2:]]
    collection, findings = merge(Batch("s1/b1", first), Batch("s2/b1", second))
    assert findings == []
    assert collection.held_instances == {"I-DUP-PIXEL": 4}
    assert collection.tables["imaging_study"]["study_uid"].to_pylist() == ["2.25.3", "2.25.4"]
