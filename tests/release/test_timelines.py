"""One time line per subject: anchors, days, and what is derived from the rows of all batches."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.schemas.catalog import BATCH
from tasks.release.merging import merged
from tasks.release.model import AcceptedBatch, Collection
from tasks.release.rows import in_memory
from tasks.release.selection import accepted_batches
from tasks.store.memory import MemoryStore
from tests.release.batches import ANCHOR, Batch, a_condition, a_policy, a_test, an_event, merge, some_images

FIRST_STUDY = "First Imaging Study"
NONE: dict[str, Any] = {"index_event": None, "age_at_index": None, "age_at_index_gt89": None}


def a_batch(number: int, index: str | None = "COVID-19 Test", at: int = 0, **values: Any) -> Batch:
    """A batch with one study of subject A, which counts its days from `ANCHOR` and some days."""
    study = f"2.25.{number}"
    subject = {"index_event": index} if index else NONE
    values.setdefault("studies", {study: {"day": 3 if index else None}})
    images = some_images("A", study=str(number), instances=1)
    return Batch(f"s1/b{number}", images, subjects={"A": subject}, anchors={"A": ANCHOR + timedelta(days=at)}, **values)


def column(collection: Collection, table: str, name: str) -> list[Any]:
    rows = collection.tables[table]
    return rows.sort_by([(key, "ascending") for key in BATCH[table].key])[name].to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("first", "second", "event", "days"),
    [
        (("COVID-19 Test", 0), ("COVID-19 Test", 0), "COVID-19 Test", [3, 3]),
        (("COVID-19 Test", 0), ("COVID-19 Test", 30), "COVID-19 Test", [3, 33]),
        ((FIRST_STUDY, 0), ("COVID-19 Test", 30), "COVID-19 Test", [-27, 3]),
        ((FIRST_STUDY, 0), (FIRST_STUDY, 30), FIRST_STUDY, [3, 33]),
        (("Study Enrollment", 0), ("COVID-19 Test", 0), "COVID-19 Test", [3, 3]),
        ((None, 0), ("COVID-19 Test", 30), "COVID-19 Test", [None, 3]),
        ((None, 0), (None, 0), None, [None, None]),
    ],
)
def test_days_are_counted_from_one_anchor(first: Any, second: Any, event: str | None, days: list[Any]) -> None:
    collection, findings = merge(a_batch(1, *first), a_batch(2, *second))
    assert findings == []
    assert column(collection, "subject", "index_event") == [event]
    assert column(collection, "imaging_study", "day") == days


def test_rows_that_are_the_same_on_one_timeline_are_kept_once() -> None:
    def batch(number: int, at: int) -> Batch:
        return a_batch(
            number,
            at=at,
            events=[an_event("e1", "A", start_day=10 - at, end_day=14 - at, source_row=f"b{number}")],
            tests=[a_test("t1", "A", 10 - at)],
            conditions=[a_condition("c1", "A", 10 - at)],
        )

    collection, findings = merge(batch(2, 10), batch(1, 0))
    assert findings == []
    assert column(collection, "clinical_event", "start_day") == [10]
    assert column(collection, "clinical_event", "end_day") == [14]
    assert column(collection, "clinical_event", "source_row") == ["b1"]
    assert column(collection, "test_result", "day") == [10]
    assert column(collection, "condition", "start_day") == [10]


def test_one_event_on_two_days_is_refused() -> None:
    _, findings = merge(*(a_batch(n, events=[an_event("e1", "A", start_day=n)]) for n in (1, 2)))
    assert findings == [("S-KEY-UNIQUE", "clinical_event", 1)]


def test_a_day_that_one_batch_knows_is_known() -> None:
    ageless = a_batch(1, None, tests=[a_test("t1", "A", None), a_test("t2", "A", None)])
    collection, findings = merge(ageless, a_batch(2, tests=[a_test("t1", "A", 5)]))
    assert findings == []
    assert column(collection, "test_result", "day") == [5, None]


def test_distances_to_tests_are_made_anew() -> None:
    first = a_batch(1, tests=[a_test("t1", "A", 0), a_test("t2", "A", 1, "Negative")])
    collection, _ = merge(first, a_batch(2, at=30, tests=[a_test("t3", "A", 0), a_test("t4", "A", 2, "Indeterminate")]))
    assert column(collection, "imaging_study", "days_to_positive_tests") == [[-3, 27], [-33, -3]]
    assert column(collection, "imaging_study", "days_to_negative_tests") == [[-2], [-32]]


@pytest.mark.parametrize(
    ("first", "second", "years", "withheld"),
    [
        ((2020, 0), (2020, 100), [2020, 2020], 0),
        ((2020, 0), (2020, 340), [None, None], 2),  # 26 index dates are left
        ((2020, 0), (2021, 30), [None, None], 2),
        ((None, 0), (2020, 100), [None, None], 1),  # a batch withheld it
        ((None, None), (2020, 100), [None, 2020], 0),
    ],
)
def test_years_that_together_nearly_name_a_day_are_withheld(first: Any, second: Any, years: Any, withheld: int) -> None:
    studies = [
        {f"2.25.{number}": {"study_year": year, "day": day}} for number, (year, day) in enumerate((first, second), 1)
    ]
    collection, _ = merge(*(a_batch(number, studies=study) for number, study in enumerate(studies, 1)))
    assert column(collection, "imaging_study", "study_year") == years
    assert sum(finding.count for finding in collection.found if finding.rule_id == "P-YEAR-WITHHELD") == withheld


def icu(event: str, start: int | None, end: int | None, parent: str | None = None) -> dict[str, Any]:
    kind = {"event_type": "icu_stay", "discharge": None, "parent_event_id": parent}
    return an_event(event, "A", start_day=start, end_day=end, **kind)


def support(event: str, start: int, end: int) -> dict[str, Any]:
    kind = {"event_type": "breathing_support", "discharge": None, "device": "imv"}
    return an_event(event, "A", start_day=start, end_day=end, **kind)


@pytest.mark.parametrize(
    ("first", "second", "parents"),
    [
        ([an_event("e1", "A", start_day=0, end_day=9)], [icu("e2", 2, 4)], [None, "e1"]),
        ([an_event("e1", "A", start_day=0, end_day=None)], [icu("e2", 2, 4)], [None, "e1"]),
        ([an_event("e1", "A", start_day=0, end_day=3)], [icu("e2", 2, 5)], [None, None]),
        ([an_event("e1", "A"), icu("e2", None, None, "e1")], [icu("e2", None, None)], [None, "e1"]),
        ([an_event("e1", "A"), icu("e2", 1, 3, "e1")], [support("e3", 1, 2)], [None, "e1", "e2"]),
    ],
)
def test_an_event_lies_in_the_innermost_stay_of_any_batch(first: Any, second: Any, parents: list[str | None]) -> None:
    collection, findings = merge(a_batch(1, events=first), a_batch(2, events=second))
    assert findings == []
    assert column(collection, "clinical_event", "parent_event_id") == parents


def test_a_follow_up_without_images_adds_its_rows() -> None:
    more = Batch("s1/b2", [], subjects={"A": {}}, tests=[a_test("t1", "A", 40, "Negative")])
    collection, findings = merge(a_batch(1), more)
    assert findings == []
    assert column(collection, "imaging_study", "days_to_negative_tests") == [[37]]


days = st.integers(-40, 40)
ages = st.sampled_from([(None, None), (61, False), (62, False), (None, True)])
demographics = st.fixed_dictionaries(
    {
        "sex": st.sampled_from(["Female", "Male", "Not Reported"]),
        "race_ethnicity": st.sampled_from([["Asian"], ["Not Reported"]]),
        "country": st.sampled_from(["US", None]),
        "zip3": st.sampled_from(["606", "021", "000", None]),
        "covid19_status": st.sampled_from(["Positive", "Negative", "Not Reported"]),
        "ever_icu": st.sampled_from(["Yes", "No", "Not Reported"]),
        "index_event": st.sampled_from(["COVID-19 Test", FIRST_STUDY, None]),
    }
)


@st.composite
def some_batches(draw: st.DrawFn) -> list[Batch]:
    """Two or three batches of the subjects A and B; ids of events and tests say on which date they were."""
    made = []
    for number in range(1, 1 + draw(st.integers(2, 3))):
        people, anchors, events, tests, studies = {}, {}, [], [], {}
        images = []
        for subject in draw(st.sets(st.sampled_from("AB"), min_size=1)):
            person = draw(demographics)
            at, age = draw(days), draw(ages)
            people[subject] = person | dict(zip(("age_at_index", "age_at_index_gt89"), age, strict=True))
            anchors[subject] = ANCHOR + timedelta(days=at)

            def day(date: int, known: Any = person["index_event"], at: int = at) -> int | None:
                return date - at if known else None

            for date in draw(st.sets(st.integers(0, 2))):
                events.append(
                    an_event(
                        f"{subject}{date}", subject, start_day=day(date), end_day=day(date), source_row=f"{number}"
                    )
                )
                tests.append(a_test(f"{subject}{date}", subject, day(date)))
            study = f"{1 + 'AB'.index(subject)}{draw(st.integers(1, 2))}"
            images += some_images(subject, study=study, instances=1)
            studies[f"2.25.{study}"] = {"day": day(7), "study_year": draw(st.sampled_from([2020, None]))}
        made.append(Batch(f"s1/b{number}", images, "run1", people, events, tests, (), studies, anchors))
    return made


def accepted(batches: list[Batch], folder: Path) -> list[AcceptedBatch]:
    work = MemoryStore("work")
    for batch in batches:
        batch.write(work)
    return accepted_batches(work, a_policy(), folder)


def in_order(collection: Collection) -> dict[str, list[dict[str, Any]]]:
    return {
        name: in_memory(rows).sort_by([(key, "ascending") for key in BATCH[name].key]).to_pylist()
        for name, rows in collection.tables.items()
    }


@settings(max_examples=25, deadline=None)
@given(some_batches(), st.randoms(use_true_random=False))
def test_the_order_of_batches_decides_nothing(batches: list[Batch], order: Any) -> None:
    with TemporaryDirectory() as name:
        straight = accepted(batches, Path(name))
        shuffled = order.sample(straight, len(straight))
        one, found = merged(straight, Path(name))
        rows = in_order(one)
        other, too = merged(shuffled, Path(name))
        assert rows == in_order(other)
    assert (one.held_instances, one.held_subjects, one.found, found) == (
        other.held_instances, other.held_subjects, other.found, too,
    )  # fmt: skip


def test_a_batch_merged_with_itself_is_the_batch() -> None:
    events = [an_event("e1", "A"), icu("e2", 1, 3, "e1"), support("e3", 2, 3) | {"parent_event_id": "e2"}]
    tests = [a_test("t1", "A", 0), a_test("t2", "A", None), a_test("t3", "A", -8, "Negative")]
    study = {"day": 3, "study_year": 2020, "days_to_positive_tests": [-3], "days_to_negative_tests": [-11]}
    one, again = (
        Batch(
            name,
            some_images("A", study="1"),
            events=events,
            tests=tests,
            conditions=[a_condition("c1", "A", 2)],
            studies={"2.25.1": study},
        )
        for name in ("s1/b1", "s1/b2")
    )
    (alone, _), (twice, findings) = merge(one), merge(one, again)
    assert findings == []
    assert in_order(twice) == in_order(alone)
    assert {name: rows.schema for name, rows in twice.tables.items()} == {
        name: rows.schema for name, rows in alone.tables.items()
    }
    assert isinstance(twice.tables["subject"], pa.Table)
