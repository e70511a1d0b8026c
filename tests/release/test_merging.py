from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from expectations.schemas.pipeline import LATE
from expectations.schemas.table import table_of
from tasks.layout import BatchLayout
from tasks.release.merging import merged
from tasks.release.model import Collection
from tasks.release.rows import in_memory
from tasks.release.selection import accepted_batches
from tasks.store.memory import MemoryStore
from tasks.store.parquet import write_table
from tests.release.batches import Batch, Image, a_policy, an_event, merge, some_images


def ids(collection: Collection, table: str, column: str) -> list[str]:
    return sorted(in_memory(collection.tables[table])[column].to_pylist())


def two(images: Sequence[Image], more: Sequence[Image]) -> tuple[Batch, Batch]:
    return Batch("s1/b1", images), Batch("s1/b2", more)


def test_a_batch_that_came_twice_is_one() -> None:
    images = some_images("A", study="1", series=2)
    events = [an_event("e1", "A")]
    collection, findings = merge(
        Batch("s1/b1", images, events=events), Batch("s1/b2", images, events=[an_event("e1", "A", source_row="b2/e1")])
    )
    assert findings == []
    assert {name: table.num_rows for name, table in collection.tables.items()} == {
        "subject": 1, "clinical_event": 1, "test_result": 0, "condition": 0, "measurement": 0, "medication": 0,
        "imaging_study": 1, "imaging_series": 2, "imaging_instance": 4,
    }  # fmt: skip
    assert collection.tables["clinical_event"]["source_row"].to_pylist() == ["b1/e1"]


def test_a_study_that_came_in_two_parts_is_counted_anew() -> None:
    images = some_images("A", study="1", series=2, instances=2)
    collection, findings = merge(*two(images[:2], images[2:]))
    whole, _ = merge(Batch("s1/b1", images))
    assert findings == []
    assert collection.tables["imaging_study"].to_pylist() == whole.tables["imaging_study"].to_pylist()
    assert collection.tables["imaging_series"].to_pylist() == whole.tables["imaging_series"].to_pylist()


def test_a_series_that_came_in_two_parts_has_the_digest_of_all_its_instances() -> None:
    images = some_images("A", study="1", instances=3)
    collection, _ = merge(*two(images[:1], images[1:]))
    whole, _ = merge(Batch("s1/b1", images))
    assert collection.tables["imaging_series"].to_pylist() == whole.tables["imaging_series"].to_pylist()
    assert collection.tables["imaging_series"]["n_instances"].to_pylist() == [3]


def test_counts_agree_with_those_that_a_batch_states() -> None:
    batch = Batch("s1/b1", some_images("A", study="1", series=2))
    collection, _ = merge(batch)
    stated = {row["series_uid"]: row["series_sha256"] for row in batch.rows["imaging_series"]}
    series = collection.tables["imaging_series"]
    assert dict(zip(series["series_uid"].to_pylist(), series["series_sha256"].to_pylist(), strict=True)) == stated


def test_an_instance_that_tells_what_another_batch_knew_is_held_and_its_study_counted_anew(tmp_path: Path) -> None:
    images = some_images("A", study="1", instances=3)
    work = MemoryStore("work")
    Batch("s1/b1", images).write(work)
    row = {"source_id": "x", "site": "s1", "batch": "b1", "sop_uid": images[0].sop, "sha256": images[0].sha256}
    late = table_of(LATE, [row | {"rule_id": "DE-RESIDUAL", "kinds": ["name"]}])
    work.create(BatchLayout("s1", "b2").late("run2") + "0.parquet", write_table(late))
    collection, _ = merged(accepted_batches(work, a_policy(), tmp_path), tmp_path)
    assert ids(collection, "imaging_instance", "sop_uid") == sorted(image.sop for image in images[1:])
    assert collection.tables["imaging_study"]["n_instances"].to_pylist() == [2]
    assert collection.held_instances == {"DE-RESIDUAL": 1}


def test_one_sop_uid_with_two_contents_is_held_with_its_study() -> None:
    first = [*some_images("A", study="1", series=2, instances=2), *some_images("A", study="2", instances=1)]
    other = Image("A", "2.25.1", "2.25.1.1", "2.25.1.1.2", content="other pixels")
    collection, findings = merge(*two(first, [other]))
    assert findings == []
    assert ids(collection, "imaging_instance", "sop_uid") == ["2.25.2.1.1"]
    assert ids(collection, "imaging_series", "series_uid") == ["2.25.2.1"]
    assert ids(collection, "subject", "subject_id") == ["A"]
    assert collection.held_instances == {"I-DUP-SOP": 4}
    assert collection.held_subjects == ()


def test_rows_of_a_held_study_need_not_agree() -> None:
    first, other = (some_images("A", study="1", instances=1, content=content) for content in ("pixels", "others"))
    _, findings = merge(Batch("s1/b1", first), Batch("s1/b2", other, studies={"2.25.1": {"age_at_study": 44}}))
    assert findings == []


def test_what_hangs_on_held_instances_alone_goes_with_them() -> None:
    lost = some_images("A", study="1", instances=1)
    kept = some_images("B", study="2", instances=1)
    other = some_images("A", study="1", instances=1, content="other pixels")
    collection, findings = merge(
        Batch("s1/b1", [*lost, *kept], events=[an_event("e1", "A"), an_event("e2", "B")]), Batch("s1/b2", other)
    )
    assert findings == []
    assert ids(collection, "subject", "subject_id") == ["B"]
    assert ids(collection, "clinical_event", "event_id") == ["e2"]
    assert ids(collection, "imaging_study", "study_uid") == ["2.25.2"]
    assert [held.sop_uids.to_pylist() for held in collection.held] == [["2.25.1.1.1"]]


def held(*batches: Batch) -> list[tuple[str, list[str]]]:
    collection, findings = merge(*batches)
    assert findings == []
    return [(one.rule_id, sorted(one.sop_uids.to_pylist())) for one in collection.held]


def test_one_study_that_two_batches_describe_alike_is_kept_once() -> None:
    images = some_images("A", study="1")
    assert held(Batch("s1/b1", images), Batch("s1/b2", images, studies={"2.25.1": {}})) == []


@pytest.mark.parametrize("other", [60, None])
def test_a_study_that_two_batches_describe_differently_is_held_whole_and_the_rest_is_kept(other: int | None) -> None:
    first, more = some_images("A", study="1", instances=1), some_images("A", study="1", series=2, instances=1)
    kept = some_images("A", study="2", instances=1)
    batches = Batch("s1/b1", [*first, *kept]), Batch("s1/b2", more, studies={"2.25.1": {"age_at_study": other}})
    assert held(*batches) == [("I-STUDY-AGREE", ["2.25.1.1.1", "2.25.1.2.1"])]
    collection, _ = merge(*batches)
    assert ids(collection, "imaging_study", "study_uid") == ["2.25.2"]
    assert ids(collection, "imaging_series", "series_uid") == ["2.25.2.1"]
    assert ids(collection, "subject", "subject_id") == ["A"]


def test_a_subject_whose_only_study_is_contradicted_goes_with_it() -> None:
    images, other = some_images("A", study="1"), some_images("B", study="2")
    collection, _ = merge(
        Batch("s1/b1", [*images, *other], events=[an_event("e1", "A")]),
        Batch("s1/b2", images, studies={"2.25.1": {"age_at_study": 60}}),
    )
    assert ids(collection, "subject", "subject_id") == ["B"]
    assert collection.tables["clinical_event"].num_rows == 0


def test_a_series_or_an_instance_that_is_described_differently_holds_its_study() -> None:
    images = some_images("A", study="1", instances=1)
    for table, column, value in (("imaging_series", "lossy", True), ("imaging_instance", "deid_pixel", "redacted")):

        def change(rows: pa.Table, column: str = column, value: object = value) -> pa.Table:
            place = rows.schema.get_field_index(column)
            return rows.set_column(place, rows.schema.field(column), pa.array([value] * rows.num_rows))

        batches = Batch("s1/b1", images), Batch("s1/b2", images, changed={table: change})
        assert held(*batches) == [("I-STUDY-AGREE", ["2.25.1.1.1"])]


def test_one_study_under_two_subjects_is_named_by_the_rule_of_the_tree() -> None:
    _, findings = merge(
        *two(some_images("A", study="1", instances=1), [Image("B", "2.25.1", "2.25.1.2", "2.25.1.2.1")])
    )
    assert findings == [("I-UID-TREE", "imaging_study", 1)]
