"""The suites as data: their rules, their texts and their JSON."""

import runpy
from pathlib import Path

import great_expectations.expectations as gxe
import pyarrow as pa
import pytest
from great_expectations.expectations.metadata_types import FailureSeverity

from config.rules import Severity, data_rules, ledger_rules
from expectations.schemas.catalog import BATCH
from expectations.schemas.table import Table, column
from expectations.suites import cross_table
from expectations.suites.catalog import FOLDER, as_json, suites, write_json
from expectations.suites.checks import Check, fact
from expectations.suites.demands import demands_of
from expectations.suites.derive import from_schema, type_name
from expectations.suites.facts import suite_of_facts
from expectations.suites.forms import FORMS
from expectations.suites.rule import bound, place_of

NAMES = sorted(suites())
OF_ROWS = sorted(set(NAMES) & set(BATCH) - {"imaging_instance"})


@pytest.mark.parametrize("name", NAMES)
def test_the_json_of_a_suite_is_current(name: str) -> None:
    """`python -m expectations.suites` writes it again."""
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == as_json(suites()[name])


def test_the_command_writes_the_json(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr("expectations.suites.catalog.write_json", lambda: calls.append("written"))
    runpy.run_module("expectations.suites", run_name="__main__")
    assert calls == ["written"]


def test_there_is_json_of_every_suite_and_of_nothing_else(tmp_path: Path) -> None:
    write_json(tmp_path / "json")
    assert {path.name for path in (tmp_path / "json").iterdir()} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_every_expectation_is_bound_to_a_rule_and_its_severity(name: str) -> None:
    for expectation in suites()[name].expectations:
        severity = Severity(expectation.meta["severity"])
        assert expectation.meta["rule_id"] in data_rules() | ledger_rules()
        assert (expectation.severity == FailureSeverity.WARNING) == (severity is Severity.WARN)


@pytest.mark.parametrize("name", NAMES)
def test_every_text_of_a_suite_is_its_own(name: str) -> None:
    texts = [expectation.description for expectation in suites()[name].expectations]
    assert all(texts)
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("name", NAMES)
def test_no_expectation_is_content_with_most_rows(name: str) -> None:
    assert '"mostly"' not in as_json(suites()[name])


@pytest.mark.parametrize("name", sorted(set(NAMES) & set(BATCH)))
def test_every_key_of_a_table_has_a_form(name: str) -> None:
    """Keys of held rows stand outside the private part, so none may be a source value."""
    assert set(BATCH[name].key) <= FORMS.keys()


@pytest.mark.parametrize("name", OF_ROWS)
def test_a_suite_looks_at_every_column(name: str) -> None:
    typed = {one.column for one in suites()[name].expectations if isinstance(one, gxe.ExpectColumnValuesToBeOfType)}
    assert typed == set(BATCH[name].schema.names)


def test_a_compound_key_is_unique_together() -> None:
    schema = pa.schema([column("a", pa.string(), "One"), column("b", pa.string(), "Other")])
    table = Table("pairs", "Pairs.", ("a", "b"), schema)
    expectations = from_schema(table, empty="S-EMPTY")
    compound = [one for one in expectations if isinstance(one, gxe.ExpectCompoundColumnsToBeUnique)]
    assert [one.column_list for one in compound] == [["a", "b"]]
    assert compound[0].meta["place"] == "a+b"


def test_a_bound_on_one_side_is_a_bound() -> None:
    schema = pa.schema([column("n", pa.int32(), "Number", maximum=3)])
    expectations = from_schema(Table("t", "T.", ("n",), schema), empty="S-EMPTY")
    between = next(one for one in expectations if isinstance(one, gxe.ExpectColumnValuesToBeBetween))
    assert (between.min_value, between.max_value) == (None, 3)
    assert between.description == "n is at most 3"


@pytest.mark.parametrize(
    ("kind", "values", "name"),
    [
        (pa.string(), (), "str"),
        (pa.string(), ("a", "b"), "CategoricalDtypeType"),
        (pa.list_(pa.string()), ("a",), "list"),
        (pa.float32(), (), "float32"),
        (pa.int16(), (), "int16"),
        (pa.bool_(), (), "bool"),
    ],
)
def test_a_type_has_the_name_that_great_expectations_knows(
    kind: pa.DataType, values: tuple[str, ...], name: str
) -> None:
    assert type_name(column("c", kind, "Column", values=values)) == name


def test_the_suite_of_instances_counts_every_demand_of_every_column() -> None:
    asked = {(one.meta["rule_id"], one.meta["place"]) for one in suites()["imaging_instance"].expectations}
    assert {(demand.rule_id, demand.place) for demand in demands_of(BATCH["imaging_instance"])} <= asked


def test_every_demand_of_a_schema_is_expected_or_counted() -> None:
    counted = {(one.table, one.rule_id, one.place) for one in cross_table.checks()}
    for name in OF_ROWS:
        expected = {(name, one.meta["rule_id"], one.meta["place"]) for one in suites()[name].expectations}
        assert {(name, one.rule_id, one.place) for one in demands_of(BATCH[name])} <= expected | counted


def test_a_fact_is_named_after_rule_table_and_column() -> None:
    assert Check("clinical_event", "C-LOS", "text").name == fact("clinical_event", "C-LOS") == "C-LOS clinical_event"
    assert Check("subject", "S-ENUM", "text", "race", part="unique").name == "S-ENUM subject.race unique"


def test_a_check_may_weigh_otherwise_than_its_rule() -> None:
    suite = suite_of_facts("t", "T.", [Check("t", "I-DUP-PIXEL", "text", severity=Severity.BLOCK)])
    assert suite.expectations[-1].meta["severity"] == "block"


def test_an_unknown_rule_makes_no_expectation() -> None:
    with pytest.raises(KeyError):
        suite_of_facts("t", "T.", [Check("t", "X-NONE", "text")])


def test_a_dollar_in_a_text_is_no_parameter() -> None:
    expectation = bound(gxe.ExpectTableRowCountToEqual, "I-COUNT", "costs $5", table="t", value=1)
    assert expectation.description == "costs $$5"


def test_a_pair_of_columns_is_one_place() -> None:
    assert place_of({"column_A": "a", "column_B": "b"}) == "a+b"
    assert place_of({"value": 1}) == ""
