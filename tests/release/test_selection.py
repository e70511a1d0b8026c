from pathlib import Path

import pyarrow as pa
import pytest

from config.errors import ConfigError
from tasks.errors import BatchNotReadyError, GateError
from tasks.layout import BatchLayout
from tasks.release.selection import RELEASED, accepted_batches
from tasks.store.memory import MemoryStore
from tasks.store.parquet import write_table
from tests.release.batches import Batch, Image, Installation, a_policy, first_batch


def test_the_accepted_run_of_every_batch_is_selected_in_order(installation: Installation, tmp_path: Path) -> None:
    again = Batch("site-b/batch-1", [Image("SUBJECTC", "2.25.4", "2.25.4.1", "2.25.4.1.1")], run="run2")
    again.write(installation.work)
    batches = accepted_batches(installation.work, a_policy(), tmp_path)
    assert [(batch.name, batch.run) for batch in batches] == [("site-a/batch-1", "run1"), ("site-b/batch-1", "run2")]
    assert [batch.tables["imaging_instance"].num_rows for batch in batches] == [7, 1]


def test_the_policy_may_name_the_batches(installation: Installation, tmp_path: Path) -> None:
    batches = accepted_batches(installation.work, a_policy(batches=("site-b/batch-1",)), tmp_path)
    assert [batch.name for batch in batches] == ["site-b/batch-1"]


def test_named_batches_restrict_what_the_policy_releases(installation: Installation, tmp_path: Path) -> None:
    work, named = installation.work, ("site-b/batch-1",)
    for policy in (a_policy(), a_policy(batches=("site-a/batch-1", "site-b/batch-1"))):
        assert [batch.name for batch in accepted_batches(work, policy, tmp_path, named)] == ["site-b/batch-1"]
    with pytest.raises(ConfigError, match="the release policy does not release site-b/batch-1"):
        accepted_batches(work, a_policy(batches=("site-a/batch-1",)), tmp_path, named)
    with pytest.raises(BatchNotReadyError, match="no accepted run of site-b/batch-2"):
        accepted_batches(work, a_policy(), tmp_path, ("site-b/batch-2",))


def test_a_batch_without_an_accepted_run_is_not_released(installation: Installation, tmp_path: Path) -> None:
    layout = BatchLayout("site-c", "batch-1")
    installation.work.create(layout.run("run1", "ledger.parquet"), b"unfinished")
    assert len(accepted_batches(installation.work, a_policy(), tmp_path)) == 2
    with pytest.raises(BatchNotReadyError, match="site-c/batch-1"):
        accepted_batches(installation.work, a_policy(batches=("site-c/batch-1",)), tmp_path)


def test_nothing_accepted_is_nothing_to_release(tmp_path: Path) -> None:
    with pytest.raises(BatchNotReadyError, match="no batch"):
        accepted_batches(MemoryStore("work"), a_policy(), tmp_path)


def test_a_table_that_a_run_did_not_write_has_no_rows(installation: Installation, tmp_path: Path) -> None:
    tables = accepted_batches(installation.work, a_policy(), tmp_path)[0].tables
    assert (tables["condition"].num_rows, tables["clinical_event"].num_rows) == (0, 2)


def test_a_table_of_another_form_is_refused_by_its_key(tmp_path: Path) -> None:
    work = MemoryStore("work")
    batch = first_batch()
    batch.changed = {"subject": lambda table: table.drop_columns(["zip3"])}
    batch.write(work)
    with pytest.raises(GateError, match=r"batches/site-a/batch-1/run1/tables/subject\.parquet"):
        accepted_batches(work, a_policy(), tmp_path)


def test_lineage_is_not_released() -> None:
    assert "lineage" not in RELEASED


def test_headers_of_released_candidates_tell_whose_age_and_sex_they_show(
    installation: Installation, tmp_path: Path
) -> None:
    images = first_batch().images
    rows = [
        {"subject_id": image.subject, "sha256": image.sha256, "patient_age_years": age, "patient_age_gt89": over}
        | {"patient_sex": "F" if image.subject == "SUBJECTB" else None}
        for image, age, over in zip(
            images, [None] * 4 + [61, None, None], [None, False, None, None, False, None, None], strict=True
        )
    ]
    unreleased = {"subject_id": "SUBJECTB", "sha256": "0" * 64, "patient_age_years": 61, "patient_sex": "F"}
    kinds = [("subject_id", pa.string()), ("sha256", pa.string()), ("patient_age_years", pa.int16())]
    kinds += [("patient_age_gt89", pa.bool_()), ("patient_sex", pa.string())]
    table = pa.Table.from_pylist([*rows, unreleased], pa.schema(kinds))
    key = BatchLayout("site-a", "batch-1").run("run1", "settled/instances.parquet")
    installation.work.create(key, write_table(table))
    headers = accepted_batches(installation.work, a_policy(), tmp_path)[0].headers.sort_by("subject_id").to_pylist()
    assert headers == [
        {"subject_id": "SUBJECTA", "has_age": True, "has_sex": False},
        {"subject_id": "SUBJECTB", "has_age": False, "has_sex": True},
    ]
