"""Where cells come from: source cells by keyed digests, whole columns by their derivation, and what held a cell."""

from typing import Any

import pytest

from config.deid import load_profile
from config.fields import KINDS
from config.lineage import origins
from config.rules import data_rules
from config.site import load_site
from expectations.schemas.catalog import BATCH
from expectations.schemas.lineage import EVERY_ROW
from flows.demo_tables import demo_tables
from tasks.harmonize.lineage import action_of, column_statements, tags_of
from tasks.harmonize.traces import CONSTANT, raw_digest
from tests.harmonize.test_demo_sites import SITES, patients

SITE = """
country = "{country}"
[[tables]]
pattern = "people*.csv"
[tables.columns]
id = "patient_id"
sex = {{ field = "subject.sex", codes = "sex.en" }}
age = {{ field = "subject.age_at_index", optional = true }}
hispanic = {{ field = "subject.ethnicity", codes = "ethnicity.en", optional = true }}
[[tables]]
pattern = "tests*.csv"
constant = {{ "test.name" = "COVID-19", "test.class" = "naat" }}
[tables.columns]
id = "patient_id"
taken = {{ field = "test.start", date = "iso" }}
result = "test.result"
kind = {{ field = "test.class", optional = true }}
"""
NO_VALUE = {"not-sent", "not-kept"}


@pytest.fixture
def told(curate: Any, table: Any) -> Any:
    """Harmonize text tables and give the lineage of single cells by table and column, with the batch."""

    def run(country: str = "US", **files: str) -> tuple[Any, dict[tuple[str, str], list[dict[str, Any]]]]:
        named = {f"{name}.csv": table(text) for name, text in files.items()}
        batch = curate(SITE.format(country=country), named)
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in batch.table("lineage"):
            if row["entity_id"] != EVERY_ROW:
                found.setdefault((row["entity"], row["field"]), []).append(row)
        return batch, found

    return run


def test_a_cell_names_file_row_column_and_mapping(told: Any) -> None:
    batch, found = told(people="id | age | sex\nZZCANARY1 | 40 | F")
    (sex,) = found["subject", "sex"]
    who = batch.people.subject("ZZCANARY1")
    assert sex["entity_id"] == who
    assert (sex["source_file"], sex["row_number"]) == (batch.people.source("s01/b1/people.csv"), 2)
    assert sex["source_column"] == 2, "the place in the site file, not in the sent one"
    assert sex["source_row"] == batch.people.source("row\x1fs01/b1\x1f0\x1f2")
    assert sex["raw_digest"] == raw_digest(batch.people, who, "subject.sex", "F")
    assert (sex["mapping_id"], len(sex["mapping_version"]), sex["rule_id"]) == ("sex.en", 16, None)
    (age,) = found["subject", "age_at_index"]
    assert age["mapping_id"] == "age:built-in"


def test_equal_cells_of_two_people_have_two_digests(told: Any) -> None:
    _, found = told(people="id | sex\n1 | F\n2 | F\n")
    assert len({row["raw_digest"] for row in found["subject", "sex"]}) == 2


def test_the_first_row_that_says_it_is_named(told: Any) -> None:
    _, found = told(people="id | sex | age\n1 | | 40\n1 | F |\n1 | F | 40")
    assert [row["row_number"] for row in found["subject", "sex"]] == [3]
    assert [row["row_number"] for row in found["subject", "age_at_index"]] == [2]


def test_a_value_by_declaration_names_its_row_and_no_cell(told: Any) -> None:
    _, found = told(
        tests="id | taken | result | kind\n1 | 2020-04-01 | Positive |\n1 | 2020-04-02 | Positive | antigen"
    )
    (name, other) = sorted(found["test_result", "test_name"], key=lambda row: row["row_number"])
    assert {(row["mapping_id"], row["raw_digest"], row["source_column"]) for row in (name, other)} == {
        (CONSTANT, None, None)
    }
    classes = {row["row_number"]: row["mapping_id"] for row in found["test_result", "test_class"]}
    assert classes[2] == CONSTANT
    assert classes[3] != CONSTANT


def test_a_row_that_says_nothing_gets_no_value_by_declaration(told: Any) -> None:
    batch, found = told(tests="id | taken | result\n1 | |")
    assert batch.table("test_result") == []
    assert not found


def test_a_cell_that_nobody_could_decide_names_its_rule(told: Any) -> None:
    batch, found = told(people="id | sex\n1 | Q")
    (sex,) = found["subject", "sex"]
    assert (sex["rule_id"], sex["mapping_id"]) == ("S-UNMAPPED", "sex.en")
    assert ("subject", "S-UNMAPPED") in batch.holds


def test_identical_rows_are_told_of_once(told: Any) -> None:
    _, found = told(tests="id | taken | result\n1 | 2020-04-01 | Positive\n1 | 2020-04-01 | Positive")
    assert [row["row_number"] for row in found["test_result", "result"]] == [2]


def test_american_fields_are_told_of_at_american_sites_only(told: Any) -> None:
    people = "id | sex | hispanic\n1 | F | Not Hispanic or Latino"
    assert ("subject", "ethnicity") in told("US", people=people)[1]
    assert ("subject", "ethnicity") not in told("GB", people=people)[1]


def test_no_source_value_is_in_the_lineage(told: Any) -> None:
    batch, _ = told(people="id | sex\nZZCANARY1 | ZZCANARY2")
    assert "ZZCANARY" not in str(batch.table("lineage"))


def test_origins_are_columns_fields_and_rules_that_exist() -> None:
    for (table, column), origin in origins().items():
        assert column in BATCH[table].schema.names
        assert origin.meaning
        assert origin.rule_id in {"", *data_rules()}
        for cell in (*origin.cells, *origin.us_cells):
            kind, attribute = cell.split(".")
            assert attribute in KINDS[kind], cell


@pytest.mark.parametrize("code", ["s01", "s02"])
def test_every_cell_of_a_demo_batch_has_a_row_that_makes_a_value(curate: Any, images: Any, code: str) -> None:
    site = load_site(SITES, code)
    instances = images(site.id_issuer)
    for one in patients():
        for day in one.study_dates:
            instances.add(one.patient_id, day, patient_age_years=40)
    batch = curate(site, demo_tables(code, patients()), instances.rows)
    rows = {(row["entity"], row["entity_id"], row["field"]): row for row in batch.table("lineage")}
    unexplained = set()
    for name in {table for table, _ in origins()}:
        for row in batch.table(name):
            for field, value in row.items():
                own = rows.get((name, row[BATCH[name].key[0]], field), rows[name, EVERY_ROW, field])
                if value is not None and own["mapping_id"] in NO_VALUE:
                    unexplained.add(f"{name}.{field}")
    assert unexplained == set()


def test_attributes_stand_with_what_deidentification_does_to_them() -> None:
    profile = load_profile()
    rows = {(row["entity"], row["field"]): row for row in column_statements(profile, "s/b").to_pylist()}
    assert rows["imaging_series", "series_uid"]["deid_actions"] == ["U"]
    assert rows["imaging_series", "modality"]["deid_actions"] == ["K"]
    assert rows["imaging_series", "transfer_syntaxes"]["deid_actions"] == ["new"]
    assert rows["clinical_event", "event_id"]["deid_actions"] is None
    for origin in origins().values():
        assert all(action_of(tag, profile) for tag in tags_of(origin))
