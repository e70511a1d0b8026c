"""One subject in two batches: what the release says of it."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.release.batches import ANCHOR, Batch, merge, some_images

Row = dict[str, Any]
NOBODY: Row = {
    "sex": "Not Reported", "race_ethnicity": ["Not Reported"], "race": "Not Reported", "age_at_index": None,
    "age_at_index_gt89": None, "zip3": None,
}  # fmt: skip


def two(here: Row, there: Row, later: int = 0) -> tuple[Row | None, list[str], dict[str, int]]:
    """The row that two batches make, who is held, and what is counted; the second counts days from `later`."""
    batches = (
        Batch("s1/b1", some_images("A", study="1"), subjects={"A": here}),
        Batch("s1/b2", some_images("A", study="2"), subjects={"A": there}, anchors={"A": after(later)}),
    )
    collection, findings = merge(*batches)
    assert findings == []
    rows = collection.tables["subject"].to_pylist()
    found = {finding.rule_id: finding.count for finding in collection.found}
    return (rows[0] if rows else None), list(collection.held_subjects), found


def after(days: int) -> date:
    return ANCHOR + timedelta(days=days)


def race(category: str, **values: Any) -> Row:
    return {"race_ethnicity": [category], "race": category, "ethnicity": "Not Reported", **values}


INDIAN = race("Not Reported", race="Indian", race_scheme="NHS ethnic category 2001")
ASIAN = race("Asian", race_scheme="OMB-1997")


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ({}, {}, {"sex": "Female", "zip3": "606"}),
        ({"site_id": "s02"}, {"site_id": "s01"}, {"site_id": "s01"}),
        ({"sex": "Not Reported"}, {"sex": "Male"}, {"sex": "Male"}),
        ({"sex": "Not Reported"}, {"sex": "Not Reported"}, {"sex": "Not Reported"}),
        (race("Not Reported"), ASIAN, ASIAN),
        (INDIAN, race("Not Reported"), INDIAN),
        (INDIAN, ASIAN, ASIAN),
        (race("Asian"), race("Asian", ethnicity="Not Hispanic or Latino"), {"ethnicity": "Not Hispanic or Latino"}),
        ({"country": None}, {"country": "CA", "zip3": None}, {"country": "CA"}),
        (NOBODY | {"country": "US"}, {"country": "CA", "zip3": None}, {"country": "CA"}),
        (NOBODY | {"country": "US"}, NOBODY | {"country": "CA"}, {"country": "CA"}),
        ({"zip3": None}, {"zip3": "021"}, {"zip3": "021"}),
        ({"zip3": "000"}, {"zip3": "021"}, {"zip3": "021"}),
        ({"zip3": "000"}, {"zip3": None}, {"zip3": "000"}),
        ({"zip3": None}, {"zip3": None}, {"zip3": None}),
        ({"covid19_status": "Negative"}, {"covid19_status": "Positive"}, {"covid19_status": "Positive"}),
        ({"covid19_status": "Negative"}, {"covid19_status": "Indeterminate"}, {"covid19_status": "Indeterminate"}),
        ({"covid19_status": "Not Reported"}, {"covid19_status": "Negative"}, {"covid19_status": "Negative"}),
        ({"ever_icu": "No"}, {"ever_icu": "Yes"}, {"ever_icu": "Yes"}),
        ({"ever_icu": "No"}, {"ever_icu": "Not Reported"}, {"ever_icu": "No"}),
        ({"ever_ventilated": "Not Reported"}, {"ever_ventilated": "Yes"}, {"ever_ventilated": "Yes"}),
        ({"ever_ventilated": "Not Reported"}, {"ever_ventilated": "No"}, {"ever_ventilated": "No"}),
    ],
)
def test_what_is_reported_comes_before_what_is_not(here: Row, there: Row, expected: Row) -> None:
    for first, second in ((here, there), (there, here)):
        row, held, found = two(first, second)
        assert row is not None
        assert {name: row[name] for name in expected} == expected
        assert (held, found) == ([], {})


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"sex": "Female"}, {"sex": "Male"}),
        ({"sex": "Female"}, {"sex": "Other"}),
        (race("Asian"), race("White")),
        (INDIAN, INDIAN | {"race": "Chinese"}),
        ({"country": "US"}, {"country": "CA"}),
        ({"age_at_index": 61}, {"age_at_index": 58}),
        ({"age_at_index": 61}, {"age_at_index": None, "age_at_index_gt89": True}),
    ],
)
def test_who_two_batches_contradict_each_other_about_is_held(here: Row, there: Row) -> None:
    for first, second in ((here, there), (there, here)):
        assert two(first, second) == (None, ["A"], {"D-SEX-STABLE": 1})


@pytest.mark.parametrize(
    ("here", "there", "later", "age"),
    [
        ((61, False), (61, False), 0, (61, False)),
        ((61, False), (None, None), 0, (61, False)),
        ((61, False), (62, False), 300, (61, False)),  # of the batch whose anchor it is
        ((None, None), (62, False), 300, (62, False)),  # of another, from less than a year later
        ((None, None), (62, False), 400, (None, None)),
        ((61, False), (62, False), 0, (62, False)),  # on the same day the higher
        ((89, False), (None, True), 0, (None, True)),
        ((61, False), (66, False), 5 * 365, (61, False)),
    ],
)
def test_the_age_is_that_at_the_anchor(here: Any, there: Any, later: int, age: Any) -> None:
    rows = [dict(zip(("age_at_index", "age_at_index_gt89"), told, strict=True)) for told in (here, there)]
    row, held, _ = two(*rows, later=later)
    assert row is not None
    assert (row["age_at_index"], row["age_at_index_gt89"]) == age
    assert held == []


@pytest.mark.parametrize(("country", "zip3"), [("US", "000"), ("CA", None)])
def test_who_moved_lives_nowhere_and_is_counted(country: str, zip3: str | None) -> None:
    row, held, found = two({"zip3": "606", "country": country}, {"zip3": "021", "country": country})
    assert row is not None
    assert (row["zip3"], held, found) == (zip3, [], {"P-ZIP-CHANGED": 1})


def test_the_basis_is_that_of_the_batches_which_say_so() -> None:
    status = "covid19_status", "covid19_status_basis"
    told = [("Positive", ["diagnosis"]), ("Negative", ["test"]), ("Positive", ["test", "diagnosis"])]
    rows = [dict(zip(status, one, strict=True)) for one in told]
    assert [(two(rows[0], other)[0] or {})[status[1]] for other in rows] == [
        ["diagnosis"], ["diagnosis"], ["diagnosis", "test"],
    ]  # fmt: skip
    nothing = {"covid19_status": "Not Reported", "covid19_status_basis": None}
    assert (two(nothing, nothing)[0] or {})[status[1]] is None


def test_a_subject_of_one_batch_is_left_as_it_is() -> None:
    odd = {"zip3": "000", "country": "CA", "sex": "Other"}
    other = Batch("s1/b2", some_images("B", study="2"))
    collection, _ = merge(Batch("s1/b1", some_images("A", study="1"), subjects={"A": odd}), other)
    assert {name: collection.tables["subject"].to_pylist()[0][name] for name in odd} == odd
