"""Whatever a collection holds: after disclosure control no gate of a person's privacy has anything to refuse."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from config.release import Lever
from expectations.schemas.catalog import BATCH
from expectations.schemas.table import table_of
from tasks.release.disclosure.control import Controlled, controlled
from tasks.release.disclosure.detail import small_classes
from tasks.release.disclosure.leaks import ages_over_89, narrowed_birth_dates, narrowed_index_dates
from tasks.release.model import HEADERS, AcceptedBatch, Collection, Tables
from tests.release.batches import a_subject, an_event
from tests.release.disclosure.persons import a_control

ages = st.sampled_from([17, 18, 61, 88, 89, 90, None])
studies = st.lists(
    st.tuples(st.sampled_from([None, 0, 5, 100, 800]), st.sampled_from([None, 2020, 2021]), ages), max_size=3
)
people = st.tuples(
    ages, st.sampled_from(["Female", "Male"]), st.sampled_from(["606", "607", None]), studies,
    st.sampled_from([None, 3, 900]),
)  # fmt: skip


def age(name: str, years: int | None) -> dict[str, Any]:
    """The two columns of an age."""
    return {name: years if years is None or years < 90 else None, f"{name}_gt89": None if years is None else years > 89}


def a_collection(persons: list[Any]) -> Tables:
    """The tables of some people: studies with days, years and ages, and a stay that ends some day."""
    rows: dict[str, list[dict[str, Any]]] = {"subject": [], "imaging_study": [], "clinical_event": []}
    for place, (years, sex, zip3, seen, end) in enumerate(persons):
        name = f"S{place:02}"
        rows["subject"].append(a_subject(name) | age("age_at_index", years) | {"sex": sex, "zip3": zip3})
        if end is not None:
            rows["clinical_event"].append(an_event(f"e{place}", name, end_day=end))
        for number, (day, year, then) in enumerate(seen):
            rows["imaging_study"].append(
                {
                    "study_uid": f"2.25.{place}.{number}", "subject_id": name, "day": day, "study_year": year,
                    "modalities": ["CT"], "loinc_basis": "unmapped", "days_to_positive_tests": [],
                    "days_to_negative_tests": [], "n_series": 1, "n_instances": 1, **age("age_at_study", then),
                }
            )  # fmt: skip
    return {name: table_of(form, rows.get(name, [])) for name, form in BATCH.items() if name != "lineage"}


def control(tables: Tables, named: list[int], **policy: Any) -> Controlled:
    """Control with the headers of some people showing age and sex."""
    shown = [{"subject_id": f"S{place:02}", "has_age": True, "has_sex": True} for place in named]
    none = pa.table({"sop_uid": pa.array([], pa.string()), "sha256": pa.array([], pa.string())})
    headers = pa.Table.from_pylist(shown, HEADERS)
    batch = AcceptedBatch("s1", "b1", "run1", tables, pa.table({}), none, headers=headers)
    return controlled(Collection(tables, ()), [batch], a_control(**policy))


@settings(max_examples=30)  # each asks DuckDB several times
@given(st.lists(people, max_size=14), st.lists(st.integers(0, 13)), st.integers(1, 4))
def test_no_gate_has_anything_to_refuse(persons: list[Any], named: list[int], k: int) -> None:
    tables = a_collection(persons)
    made = control(tables, named, k=k)
    shown = made.collection.tables
    assert small_classes(shown["subject"], k) == 0
    assert len(narrowed_index_dates(shown, 60)) == len(narrowed_birth_dates(shown, 60)) == len(ages_over_89(shown)) == 0


@settings(max_examples=30)  # each asks DuckDB several times
@given(st.lists(people, max_size=14), st.lists(st.integers(0, 13)), st.integers(1, 4))
def test_everybody_is_recorded_once_and_shown_or_held(persons: list[Any], named: list[int], k: int) -> None:
    tables = a_collection(persons)
    made = control(tables, named, k=k)
    record = made.record.to_pylist()
    assert [row["subject_id"] for row in record] == tables["subject"]["subject_id"].to_pylist()
    shown = set(made.collection.tables["subject"]["subject_id"].to_pylist())
    assert {row["subject_id"] for row in record if not row["held"]} == shown
    assert {row["subject_id"] for row in record if row["held"]} == set(made.collection.held_subjects)
    assert all(row["rules"] for row in record if row["held"] or row["levers"])
    studies_shown = made.collection.tables["imaging_study"]["subject_id"].to_pylist()
    assert set(studies_shown) <= shown
    assert len(studies_shown) == sum(name in shown for name in tables["imaging_study"]["subject_id"].to_pylist())


@settings(max_examples=30)  # each asks DuckDB several times
@given(st.lists(people, max_size=14), st.integers(1, 4))
def test_who_needs_nothing_is_left_as_it_was(persons: list[Any], k: int) -> None:
    tables = a_collection(persons)
    made = control(tables, [], k=k)
    untouched = [row["subject_id"] for row in made.record.to_pylist() if not row["rules"]]
    for name in ("subject", "imaging_study"):
        before, after = tables[name], made.collection.tables[name]
        kept = [
            rows.filter(pc.is_in(rows["subject_id"], value_set=pa.array(untouched, pa.string())))
            for rows in (before, after)
        ]
        assert kept[0].to_pylist() == kept[1].select(before.schema.names).to_pylist()


def test_an_age_that_is_coarsened_goes_from_the_studies_too() -> None:
    alike = [(61, "Female", "606", [(5, None, 61)], None)] * 4
    made = control(a_collection([*alike, (62, "Female", "606", [(5, None, 62)], None)]), [], k=5)
    assert set(made.collection.tables["imaging_study"]["age_at_study"].to_pylist()) == {None}
    assert made.collection.tables["subject"]["age_band"].to_pylist() == ["50-64"] * 5
    assert {tuple(levers) for levers in made.record["levers"].to_pylist()} == {(Lever.AGE_BAND.value,)}
