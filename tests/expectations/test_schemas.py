"""The canonical tables: every column described, closed sets closed, batch forms without what only a release knows."""

import pyarrow as pa
import pytest

from config.vocab import terms
from expectations.schemas import pipeline, vocabulary
from expectations.schemas.catalog import BATCH, CANONICAL
from expectations.schemas.table import Sensitivity, Stage, Table, batch_form, column, stage_of, table_of

COLUMNS = {
    "subject": 22,
    "clinical_event": 12,
    "test_result": 10,
    "condition": 7,
    "measurement": 9,
    "medication": 11,
    "imaging_study": 19,
    "imaging_series": 31,
    "imaging_instance": 27,
    "release": 16,
    "change_log": 7,
    "withdrawals": 10,
    "lineage": 15,
}
OURS = [one for one in vars(pipeline).values() if isinstance(one, Table)]
ALL = [*CANONICAL.values(), *OURS]


def test_the_tables_have_their_columns() -> None:
    assert {name: len(table.schema) for name, table in CANONICAL.items()} == COLUMNS


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_every_column_is_described(table: Table) -> None:
    assert len(set(table.schema.names)) == len(table.schema)
    for field in table.schema:
        assert field.metadata[b"description"]
        assert field.metadata[b"sensitivity"].decode() in set(Sensitivity)
        assert field.nullable == (b"null" in field.metadata)
        assert not field.metadata[b"description"].endswith(b".")


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_keys_are_columns_that_are_never_null(table: Table) -> None:
    assert table.key
    nullable = {("marginals", "value")}  # how often nothing stands there is counted as well
    assert not {(table.name, name) for name in table.key if table.schema.field(name).nullable} - nullable


@pytest.mark.parametrize("table", CANONICAL.values(), ids=lambda table: table.name)
def test_references_point_at_the_key_of_a_canonical_table(table: Table) -> None:
    for reference in table.references:
        parent = BATCH[reference.table]
        assert table.schema.field(reference.column).type == parent.schema.field(parent.key[0]).type


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_numbers_with_a_dimension_say_their_unit(table: Table) -> None:
    counted = [field for field in table.schema if field.name.startswith("n_") or field.name.endswith(("_mm", "day"))]
    assert all(b"unit" in field.metadata for field in counted)


def test_batch_forms_lack_what_only_a_release_knows() -> None:
    assert batch_form(CANONICAL["imaging_instance"]).key == ("sop_uid",)
    dropped = set(CANONICAL["subject"].schema.names) - set(BATCH["subject"].schema.names)
    assert dropped == {"age_band", "partition", "first_release", "last_changed_release"}
    assert "release" not in BATCH
    assert "change_log" not in BATCH
    for table in BATCH.values():
        assert {stage_of(field) for field in table.schema} == {Stage.HARMONIZE}
        assert {reference.column for reference in table.references} <= set(table.schema.names)


def test_a_column_carries_all_that_is_known_of_it() -> None:
    found = column("age", pa.int16(), "Age", null="unknown", unit="a", source="x", values=("1",), minimum=0, maximum=89)
    assert found.metadata == {
        b"description": b"Age",
        b"sensitivity": b"neither",
        b"null": b"unknown",
        b"unit": b"a",
        b"source": b"x",
        b"values": b"1",
        b"minimum": b"0",
        b"maximum": b"89",
    }


def test_the_vocabulary_is_that_of_the_site_files() -> None:
    assert {name: getattr(vocabulary, name) for name in vocabulary.__all__} == {
        name: value for name, value in vars(terms).items() if name.isupper()
    }
    assert all(terms.NOT_REPORTED in values for values in (terms.SEX, terms.RACE_ETHNICITY, terms.TRI_STATE))


def test_rows_become_a_table_and_an_unknown_column_is_an_error() -> None:
    made = table_of(pipeline.HOLDS, [{"table": "subject", "key": "a", "rule_id": "S-ENUM"}])
    assert made.to_pylist() == [{"table": "subject", "key": "a", "rule_id": "S-ENUM"}]
    with pytest.raises(ValueError, match="does not know"):
        table_of(pipeline.HOLDS, [{"colour": "red"}])
