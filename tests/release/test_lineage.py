"""A release tells which mapping and rule made a cell, and nothing that leads back to where it came from."""

from dataclasses import replace
from typing import Any

import pyarrow as pa

from expectations.schemas.catalog import CANONICAL
from tasks.release.build import build_release
from tasks.release.lineage import PUBLIC
from tasks.release.reading import open_tables
from tasks.release.verify import verify_release
from tasks.release.withdraw import withdraw
from tasks.release.withdrawn import Withdrawal
from tasks.store import ReadOnlyStore
from tasks.store.memory import MemoryStore
from tests.release.batches import Batch, Installation, a_policy, some_images


def a_cell(subject: str, field: str = "sex", mapping: str = "sex", **values: Any) -> dict[str, Any]:
    return {
        "entity": "subject", "entity_id": subject, "field": field, "source_file": "f" * 32, "row_number": 4,
        "source_row": "c" * 32, "source_column": 2, "raw_digest": "d" * 64, "mapping_id": mapping,
        "mapping_version": "1", "batch_id": "s01/b1", **values,
    }  # fmt: skip


def a_column(field: str) -> dict[str, Any]:
    return {
        "entity": "imaging_study", "entity_id": "*", "field": field, "mapping_id": f"derived:{field}",
        "mapping_version": "1", "inputs": ["(0008,0020)"], "deid_actions": ["C"], "batch_id": "s01/b1",
    }  # fmt: skip


def lineage_of(store: ReadOnlyStore) -> pa.Table:
    return open_tables(store, None, ["lineage"])["lineage"]


def an_installation(*batches: Batch) -> Installation:
    made = Installation()
    for batch in batches:
        batch.write(made.work)
    return made


def test_mapping_rule_and_derivation_are_public_and_all_that_leads_to_the_source_is_withheld() -> None:
    cells = [a_cell("A", rule_id="D-SEX"), a_column("day")]
    made = an_installation(Batch("s01/b1", some_images("A", study="1"), lineage=cells))
    build_release("2026.11", context=made.context)
    rows = lineage_of(made.release)
    assert rows.schema.names == CANONICAL["lineage"].schema.names
    withheld = [name for name in rows.schema.names if name not in PUBLIC]
    assert withheld == ["source_file", "row_number", "source_row", "source_column", "raw_digest", "batch_id"]
    assert all(rows[name].null_count == 2 for name in withheld)
    column, cell = rows.select(PUBLIC).to_pylist()
    assert (column["inputs"], column["deid_actions"], column["mapping_id"]) == (["(0008,0020)"], ["C"], "derived:day")
    assert (cell["entity_id"], cell["mapping_id"], cell["rule_id"]) == ("A", "sex", "D-SEX")
    assert verify_release(made.release) == []


def test_a_cell_that_two_batches_tell_names_all_of_their_mappings_once() -> None:
    images = some_images("A", study="1")
    first = Batch("s01/b1", images, lineage=[a_cell("A"), a_column("day")])
    second = Batch("s01/b2", images, lineage=[a_cell("A", mapping="sex-words"), a_column("day")])
    for batches in ((first, second), (second, first)):
        made = an_installation(*batches)
        build_release("2026.11", context=made.context)
        assert lineage_of(made.release)["mapping_id"].to_pylist() == ["derived:day", "sex; sex-words"]


def test_only_cells_of_released_rows_are_told_of() -> None:
    cells = [a_cell(subject) for subject in "ABX"]
    images = [*some_images("A", study="1"), *some_images("B", study="2")]
    made = an_installation(Batch("s01/b1", images, lineage=cells))
    build_release("2026.11", context=made.context)
    assert lineage_of(made.release)["entity_id"].to_pylist() == ["A", "B"]
    withdraw([Withdrawal("subject", "A", "consent withdrawn")], "2026.12", context=made.context)
    assert lineage_of(made.release)["entity_id"].to_pylist() == ["B"]


def test_each_part_has_the_lineage_of_its_own_subjects() -> None:
    subjects = "ABCDE"
    images = [image for number, one in enumerate(subjects) for image in some_images(one, study=f"{number + 1}")]
    made = an_installation(Batch("s01/b1", images, lineage=[*map(a_cell, subjects), a_column("day")]))
    policy = a_policy(partition={"sequestered_percent": 20})
    made = replace(made, policy=policy, sequestered=MemoryStore("s"))
    build_release("2026.11", context=made.context)
    for store, count in ((made.release, 4), (made.sequestered, 1)):
        told = lineage_of(store)["entity_id"].to_pylist()
        assert set(told) == {"*", *open_tables(store)["subject"]["subject_id"].to_pylist()}
        assert len(told) == count + 1
