"""No suite passes for want of something to look at: nothing, nulls only, a column gone, a column of another type."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from config.site import Site
from expectations.schemas.catalog import BATCH
from expectations.schemas.table import Table
from expectations.suites.catalog import suites
from tasks.validate.checking import Batch, results_of
from tasks.validate.database import opened
from tasks.validate.facts import Facts
from tasks.validate.marginals import marginals_of
from tasks.validate.running import TableResult, run_suites
from tests.validate.builders import Cluster, found_of, tables_of
from tests.validate.runs import RUN, SITE

TABLES = tuple(Cluster().rows)
CLINICAL = {"clinical_event", "test_result", "condition", "measurement", "medication"}


def emptied(table: pa.Table, _: Table) -> pa.Table:
    return table.slice(0, 0)


def nulled(table: pa.Table, form: Table) -> pa.Table:
    return pa.table({field.name: pa.nulls(len(table), field.type) for field in form.schema})


def without_its_last_column(table: pa.Table, form: Table) -> pa.Table:
    return table.drop_columns([form.schema.names[-1]])


def with_its_last_column_as_text_or_number(table: pa.Table, form: Table) -> pa.Table:
    name = form.schema.names[-1]
    other = pa.array(range(len(table))) if form.schema.types[-1] == pa.string() else pa.array(["1"] * len(table))
    return table.set_column(len(form.schema) - 1, name, other)


def with_a_column_too_many(table: pa.Table) -> pa.Table:
    return table.append_column("ZZCANARY", pa.array(["ZZCANARY"] * len(table)))


KINDS: list[Callable[[pa.Table, Table], pa.Table]] = [
    emptied,
    nulled,
    without_its_last_column,
    with_its_last_column_as_text_or_number,
]
Degenerate = tuple[str, dict[str, TableResult]]


def results(folder: Path, instead: dict[str, pa.Table]) -> dict[str, TableResult]:
    found = found_of([Cluster()], folder, instead=instead)
    columns = SITE["tables"][0]["columns"] | {"kg": {"field": "measurement.value"}, "drug": "medication.name"}
    site = Site.model_validate(SITE | {"tables": [{"pattern": "*.csv", "columns": columns}]})
    with opened({**found.tables, **found.evidence}, folder) as database:
        batch = Batch(site, "b1", RUN, has_tables=True)
        return {result.suite: result for result in results_of(found, batch, database, marginals_of(database))}


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def degenerate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Degenerate:
    tables = {name: request.param(table, BATCH[name]) for name, table in tables_of([Cluster()]).items()}
    return request.param.__name__, results(tmp_path_factory.mktemp("degenerate"), tables)


RULES = {
    "emptied": {"S-EMPTY", "S-NO-CLINICAL"},
    "nulled": {"S-KEY-UNIQUE"},
    "without_its_last_column": {"S-SCHEMA"},
    "with_its_last_column_as_text_or_number": {"S-SCHEMA"},
}


@pytest.mark.parametrize("name", TABLES)
def test_a_degenerate_table_fails_its_suite(name: str, degenerate: Degenerate) -> None:
    kind, found = degenerate
    failed = {outcome.rule_id for outcome in found[name].outcomes if not outcome.success}
    assert failed & RULES[kind] or (name == "imaging_instance" and any(one.broken for one in found[name].outcomes))
    assert not found[name].shown.success


@pytest.mark.parametrize("name", TABLES)
def test_a_degenerate_table_stops_the_batch_unless_it_is_an_empty_clinical_table(
    name: str, degenerate: Degenerate
) -> None:
    kind, found = degenerate
    stops = any(outcome.stops for outcome in found[name].outcomes)
    assert stops == (kind != "emptied" or name not in CLINICAL | {"measurement", "medication"})


def test_degenerate_tables_fail_the_suite_of_cross_table_rules(degenerate: Degenerate) -> None:
    _, found = degenerate
    assert not found["cross_table"].shown.success
    assert any(outcome.stops for outcome in found["cross_table"].outcomes)


def test_a_column_too_many_stops_the_batch_and_is_not_named(tmp_path: Path) -> None:
    found = results(tmp_path, {"condition": with_a_column_too_many(tables_of([Cluster()])["condition"])})["condition"]
    assert [outcome.rule_id for outcome in found.outcomes if outcome.stops] == ["S-SCHEMA"]
    assert "ZZCANARY" not in str(found.shown.to_json_dict())


@pytest.mark.parametrize("place", [2, -1], ids=["a column in the middle", "the last column"])
def test_an_instance_table_without_a_column_or_with_another_type_counts_nothing_that_it_cannot(
    place: int, tmp_path: Path
) -> None:
    whole = tables_of([Cluster()])["imaging_instance"]
    name = whole.schema.names[place]
    without = results(tmp_path / "without", {"imaging_instance": whole.drop_columns([name])})["imaging_instance"]
    about = [one for one in without.outcomes if name in one.place.split("+")]
    assert about
    assert all(one.broken for one in about)
    as_numbers = whole.set_column(place % len(whole.schema), name, pa.array(range(len(whole))))
    other = results(tmp_path / "other", {"imaging_instance": as_numbers})["imaging_instance"]
    assert ("S-SCHEMA", name) in {(one.rule_id, one.place) for one in other.outcomes if one.stops}


def facts(counts: dict[str, object]) -> Facts:
    return Facts(counts)  # type: ignore[arg-type]


class NoRow(Facts):
    """Facts whose frame has columns and no row."""

    @property
    def frame(self) -> pd.DataFrame:
        return super().frame.iloc[:0]


OF_FACTS = tuple(
    name
    for name, suite in suites().items()
    if any(expectation.expectation_type == "expect_column_max_to_be_between" for expectation in suite.expectations)
)


def names_of(suite: str) -> list[str]:
    return [one.column for one in suites()[suite].expectations if hasattr(one, "column")]


@pytest.mark.parametrize("suite", OF_FACTS)
def test_facts_pass_if_all_are_there_and_none_counts_anything(suite: str) -> None:
    (result,) = run_suites({}, {}, {suite: facts(dict.fromkeys(names_of(suite), 0))})
    assert result.shown.success
    assert all(outcome.success for outcome in result.outcomes)


@pytest.mark.parametrize("suite", OF_FACTS)
@pytest.mark.parametrize("value", [None, float("nan"), "0"], ids=["null", "not a number", "a text"])
def test_a_fact_that_is_no_number_is_never_a_pass(suite: str, value: object) -> None:
    (result,) = run_suites({}, {}, {suite: facts(dict.fromkeys(names_of(suite), value))})
    assert all(one.broken and one.stops for one in result.outcomes if one.rule_id != "S-SCHEMA")


@pytest.mark.parametrize("suite", OF_FACTS)
def test_facts_that_are_not_there_are_never_a_pass(suite: str) -> None:
    one, *others = names_of(suite)
    (none,) = run_suites({}, {}, {suite: NoRow(dict.fromkeys(names_of(suite), 0))})
    assert all(
        outcome.stops for outcome in none.outcomes if outcome.text != "There is one fact for each check, and no other"
    )
    (without,) = run_suites({}, {}, {suite: facts(dict.fromkeys(others, 0))})
    assert [outcome.stops for outcome in without.outcomes if not outcome.success] == [True, True]
    (more,) = run_suites({}, {}, {suite: facts(dict.fromkeys([one, *others, "ZZCANARY"], 0))})
    assert [outcome.rule_id for outcome in more.outcomes if outcome.stops] == ["S-SCHEMA"]
    assert "ZZCANARY" not in str(more.shown.to_json_dict())


def test_no_expectation_lets_a_share_of_its_rows_fail() -> None:
    """`mostly` is banned on rules of identity, keys and de-identification, and nothing else needs it."""
    shares = {
        (name, expectation.configuration.kwargs["mostly"])
        for name, suite in suites().items()
        for expectation in suite.expectations
        if expectation.configuration.kwargs.get("mostly") is not None
    }
    assert {share for _, share in shares} <= {1}
