import json

import pyarrow.parquet as pq
import pytest
from pyarrow import BufferReader

from config.errors import ConfigError
from config.version import VERSION
from tasks.errors import GateError
from tasks.release.build import build_release, plan_release
from tasks.release.reading import open_tables
from tasks.release.verify import verify_release
from tests.release.batches import Batch, Installation, first_batch, second_batch, some_images


def test_a_release_holds_all_and_verifies(installation: Installation) -> None:
    told: list[tuple[int, int]] = []
    report = build_release(
        "2026.11", context=installation.context, progress=lambda done, total: told.append((done, total))
    )
    assert (report.unchanged, report.objects_copied, report.previous_version) == (False, 10, None)
    assert {name: count for name, count in report.counts.items() if name != "n_bytes"} == {
        "n_subjects": 3, "n_studies": 4, "n_series": 5, "n_instances": 10,
    }  # fmt: skip
    assert told == [(done, 10) for done in range(1, 11)]
    assert verify_release(installation.release) == []
    assert json.loads(json.dumps(report.as_dict()))["version"] == "2026.11"


def test_building_again_elsewhere_gives_the_same_bytes(installation: Installation) -> None:
    other = Installation()
    second_batch().write(other.work)
    first_batch().write(other.work)
    for made in (installation, other):
        build_release("2026.11", context=made.context)
        build_release("2026.12", context=made.context)
    assert other.contents() == installation.contents()


def test_building_again_changes_nothing_and_says_so(installation: Installation) -> None:
    first = build_release("2026.11", context=installation.context)
    before = installation.contents()
    again = build_release("2026.11", context=installation.context)
    assert (again.unchanged, again.objects_copied, again.root_digest) == (True, 0, first.root_digest)
    assert installation.contents() == before


def test_an_old_release_built_again_stands_and_the_pointer_stays(installation: Installation) -> None:
    for version in ("2026.10", "2026.11", "2026.12"):
        build_release(version, context=installation.context)
    before = installation.contents()
    again = build_release("2026.10", context=installation.context)
    assert (again.unchanged, again.previous_version) == (True, None)
    assert installation.contents() == before


def test_a_version_that_exists_with_other_content_is_refused(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    before = installation.contents()
    Batch("site-c/batch-1", some_images("SUBJECTD", study="5")).write(installation.work)
    for attempt in (build_release, plan_release):
        with pytest.raises(GateError, match=r"refused by R-IMMUTABLE at release \(1\)") as refused:
            attempt("2026.11", context=installation.context)
        assert refused.value.next_step == "choose a new version"
    assert installation.contents() == before


def test_a_version_that_was_begun_with_other_content_is_refused(installation: Installation) -> None:
    installation.release.create("releases/2026.11/tables/subject.parquet", b"of a builder with other inputs")
    with pytest.raises(GateError, match="or was begun, with other content"):
        build_release("2026.11", context=installation.context)
    assert "current.json" not in installation.contents()


def test_a_version_of_another_scheme_is_refused(installation: Installation) -> None:
    with pytest.raises(ConfigError, match="calver"):
        build_release("v1", context=installation.context)


def test_a_plan_says_what_would_be_done_and_writes_nothing(installation: Installation) -> None:
    plan = plan_release("2026.11", context=installation.context)
    assert installation.contents() == {}
    report = build_release("2026.11", context=installation.context)
    assert (plan.stands, plan.objects_to_copy, plan.bytes_to_copy) == (False, 10, plan.counts["n_bytes"])
    assert (plan.root_digest, plan.counts, plan.changes) == (report.root_digest, report.counts, report.changes)
    again = plan_release("2026.11", context=installation.context)
    assert (again.stands, again.objects_to_copy, again.bytes_to_copy) == (True, 0, 0)
    assert json.loads(json.dumps(again.as_dict()))["stands"] is True


def test_an_unchanged_object_is_not_copied_again(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    Batch("site-c/batch-1", some_images("SUBJECTD", study="5")).write(installation.work)
    report = build_release("2026.12", context=installation.context)
    assert (report.objects_copied, report.previous_version) == (2, "2026.11")
    assert verify_release(installation.release, version="2026.11") == []
    assert verify_release(installation.release) == []


def test_files_say_what_they_belong_to_and_never_when_they_were_made(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    file = pq.ParquetFile(BufferReader(installation.contents()["releases/2026.11/tables/imaging_instance.parquet"]))
    metadata = {name.decode(): text.decode() for name, text in file.schema_arrow.metadata.items()}
    assert metadata["release"] == "2026.11"
    assert metadata["commit"] in installation.contents()
    assert metadata["generator"] == f"imaging-curation {VERSION}"
    assert metadata["config_digest"] == installation.policy.digest
    assert metadata["schema_digest"]
    assert file.metadata.row_group(0).column(0).has_offset_index


def test_rows_stand_in_the_order_of_subject_study_and_series(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    rows = open_tables(installation.release)["imaging_instance"].to_pylist()
    order = [(row["subject_id"], row["study_uid"], row["series_uid"], row["sop_uid"]) for row in rows]
    assert order == sorted(order)


def test_every_released_subject_is_open(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    assert set(open_tables(installation.release)["subject"]["partition"].to_pylist()) == {"open"}
