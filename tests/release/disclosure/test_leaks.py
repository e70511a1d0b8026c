"""Leaks by arithmetic: when they are seen, and what is withheld or held."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.schemas.catalog import BATCH
from expectations.schemas.table import table_of
from tasks.release.disclosure.control import controlled
from tasks.release.disclosure.leaks import ages_over_89, narrowed_birth_dates, narrowed_index_dates, without_ages
from tasks.release.model import HEADERS, AcceptedBatch, Collection, Tables
from tests.release.batches import a_subject
from tests.release.disclosure.persons import a_control

Study = dict[str, Any]


def tables_of(studies: Sequence[Study], **subject: Any) -> Tables:
    """One subject with some studies; all other tables are empty."""
    rows = [
        {
            "study_uid": f"2.25.{place}", "subject_id": "A", "modalities": ["CT"], "loinc_basis": "unmapped",
            "days_to_positive_tests": [], "days_to_negative_tests": [], "n_series": 1, "n_instances": 1, **study,
        }
        for place, study in enumerate(studies)
    ]  # fmt: skip
    empty = {name: form.schema.empty_table() for name, form in BATCH.items() if name != "lineage"}
    return empty | {
        "subject": table_of(BATCH["subject"], [a_subject("A") | subject]),
        "imaging_study": table_of(BATCH["imaging_study"], rows),
    }


@pytest.mark.parametrize(
    ("studies", "leaks"),
    [
        ([{"study_year": 2020, "day": 3}], False),
        ([{"study_year": 2020, "day": 3}, {"study_year": 2021, "day": 5}], True),  # new year lay between: 2 days left
        ([{"study_year": 2020, "day": 0}, {"study_year": 2021, "day": 60}], False),  # 60 days are left
        ([{"study_year": 2020, "day": 0}, {"study_year": 2021, "day": 59}], True),
        ([{"study_year": 2020, "day": 0}, {"study_year": None, "day": 5}], False),
        ([{"study_year": 2020, "day": 0}, {"study_year": 2021, "day": None}], False),
        ([{"study_year": 2020, "day": 0}, {"study_year": 2025, "day": 5}], True),  # they contradict each other
    ],
)
def test_years_and_days_must_leave_sixty_index_dates(studies: list[Study], leaks: bool) -> None:  # noqa: FBT001
    assert narrowed_index_dates(tables_of(studies), 60).to_pylist() == (["A"] if leaks else [])


@given(st.lists(st.tuples(st.integers(2019, 2022), st.integers(-400, 800)), max_size=5))
def test_the_window_is_that_of_counting_days(seen: list[tuple[int, int]]) -> None:
    """Against trying every index date of fourteen years."""
    possible = [date(2014, 1, 1) + timedelta(days) for days in range(366 * 14)]
    for year, day in seen:
        possible = [one for one in possible if (one + timedelta(day)).year == year]
    found = narrowed_index_dates(tables_of([{"study_year": year, "day": day} for year, day in seen]), 60)
    assert (found.to_pylist() == ["A"]) == bool(seen and len(possible) < 60)


@pytest.mark.parametrize(
    ("studies", "subject", "leaks"),
    [
        ([{"age_at_study": 61, "day": 3}], {}, False),
        ([{"age_at_study": 62, "day": 3}], {}, True),  # a birthday in the first three days
        ([{"age_at_study": 62, "day": 300}], {}, False),
        ([{"age_at_study": 61, "day": 0}, {"age_at_study": 61, "day": 330}], {}, True),  # none in 330 days
        ([{"age_at_study": 62, "day": 3}], {"age_at_index": None}, False),
        ([{"age_at_study": 62, "day": None}], {}, False),
        ([{"age_at_study": 62, "day": 3}], {"index_event": None}, False),
    ],
)
def test_ages_and_days_must_leave_sixty_birth_dates(
    studies: list[Study],
    subject: dict[str, Any],
    leaks: bool,  # noqa: FBT001
) -> None:
    assert narrowed_birth_dates(tables_of(studies, **subject), 60).to_pylist() == (["A"] if leaks else [])


@pytest.mark.parametrize(
    ("studies", "subject", "leaks"),
    [
        ([{"day": 365}], {"age_at_index": 88}, False),
        ([{"day": 731}], {"age_at_index": 88}, True),
        ([{"day": 731, "age_at_study_gt89": True}], {"age_at_index": None, "age_at_index_gt89": True}, False),
        ([{"day": -31, "age_at_study": 89}], {"age_at_index": None, "age_at_index_gt89": True}, True),
        ([{"day": 31, "age_at_study_gt89": True}], {"age_at_index": 89}, True),
        ([{"day": -900, "age_at_study_gt89": False}], {"age_at_index": None, "age_at_index_gt89": True}, True),
        ([{"day": 9000}], {"age_at_index": None, "age_at_index_gt89": None}, False),
    ],
)
def test_no_age_over_89_can_be_told_from_another(
    studies: list[Study],
    subject: dict[str, Any],
    leaks: bool,  # noqa: FBT001
) -> None:
    tables = tables_of(studies, **subject)
    found = ages_over_89(tables)
    assert found.to_pylist() == (["A"] if leaks else [])
    assert ages_over_89(without_ages(tables, found)).to_pylist() == []


def control(tables: Tables, *, headers: bool = False, **policy: Any) -> tuple[Tables, dict[str, int], tuple[str, ...]]:
    """The tables after disclosure control, what is told, and who is held."""
    shown = pa.Table.from_pylist([{"subject_id": "A", "has_age": True, "has_sex": True}] if headers else [], HEADERS)
    none = pa.table({"sop_uid": pa.array([], pa.string()), "sha256": pa.array([], pa.string())})
    batch = AcceptedBatch("s1", "b1", "run1", tables, pa.table({}), none, headers=shown)
    made = controlled(Collection(tables, ()), [batch], a_control(k=1, **policy)).collection
    return made.tables, {f"{one.rule_id} at {one.place}": one.count for one in made.found}, made.held_subjects


def test_years_that_tell_too_much_are_withheld_and_told() -> None:
    tables, told, _ = control(tables_of([{"study_year": 2020, "day": 3}, {"study_year": 2021, "day": 5}]))
    assert tables["imaging_study"]["study_year"].to_pylist() == [None, None]
    assert told == {"P-YEAR-LEAK at imaging_study.study_year": 1}


def test_a_wider_window_withholds_more() -> None:
    studies = [{"study_year": 2020, "day": 0}, {"study_year": 2021, "day": 60}]
    assert control(tables_of(studies))[1] == {}
    assert control(tables_of(studies), window_days=90)[1] == {"P-YEAR-LEAK at imaging_study.study_year": 1}


def test_ages_that_tell_a_birthday_are_coarsened_to_the_one_at_the_index_event() -> None:
    tables, told, _ = control(tables_of([{"age_at_study": 62, "day": 3}]))
    assert tables["imaging_study"]["age_at_study"].to_pylist() == [None]
    assert tables["subject"]["age_at_index"].to_pylist() == [61]
    assert told == {"P-BDAY-LEAK at imaging_study.age_at_study": 1}


def test_an_age_over_89_that_could_be_told_is_withheld_with_its_band() -> None:
    tables, told, held = control(tables_of([{"day": 731, "age_at_study": 89}], age_at_index=88))
    row = tables["subject"].to_pylist()[0]
    assert (row["age_at_index"], row["age_at_index_gt89"], row["age_band"]) == (None, None, None)
    assert tables["imaging_study"]["age_at_study"].to_pylist() == [None]
    assert (told, held) == ({"P-AGE89-LEAK at subject.age_at_index": 1}, ())


def test_a_subject_whose_headers_show_such_an_age_is_held() -> None:
    leaking = tables_of([{"day": 731}], age_at_index=88)
    tables, _, held = control(leaking, headers=True)
    assert (held, tables["subject"].num_rows, tables["imaging_study"].num_rows) == (("A",), 0, 0)


def test_a_birthday_that_headers_tell_is_told_of_them_too() -> None:
    leaking = tables_of([{"age_at_study": 62, "day": 3}])
    assert control(leaking)[1] == {"P-BDAY-LEAK at imaging_study.age_at_study": 1}
    assert control(leaking, headers=True)[1] == {
        "P-BDAY-LEAK at imaging_study.age_at_study": 1,
        "P-BDAY-LEAK at headers": 1,
    }
