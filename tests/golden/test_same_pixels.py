"""The same image twice, from a raw batch to what is accepted: of one patient it is told, of two it is held."""

from typing import Any

import numpy as np
import pytest

from config.rules import next_steps
from config.site import Site
from tasks.store.parquet import read_table
from tasks.validate.accept import accept_batch
from tasks.validate.shard import validate_batch
from tests.deidentify.objects import a_ct, bytes_of
from tests.golden.road import ROOT, Road, harmonized

TWICE = ("ZZCANARYA",)
SHARED = ("ZZCANARYB", "ZZCANARYC", "ZZCANARYD")
ALIKE = ("ZZCANARYE", "ZZCANARYF")


def an_image(patient: str, series: int, pixels: np.ndarray[Any, Any], **more: Any) -> bytes:
    study = f"{ROOT}.{ord(patient[-1])}"
    return bytes_of(
        a_ct(
            PatientID=patient, PatientName=f"{patient}^X", AccessionNumber=None, StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.{series}", SOPInstanceUID=f"{study}.{series}.1",
            FrameOfReferenceUID=f"{study}.{series}.0", PatientAge="040Y", BodyPartExamined="CHEST",
            StudyDescription="CT CHEST WITHOUT CONTRAST", ImagePositionPatient=[0, 0, series],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[0.7, 0.7], SliceThickness=1, KVP="120",
            PixelData=pixels.astype("<u2").tobytes(), **more,
        )
    )  # fmt: skip


def files() -> dict[str, bytes]:
    """One image under two UIDs of a patient, one for three patients, and empty slices of two."""
    own = {patient: np.arange(16) + 16 * number for number, patient in enumerate((*TWICE, *SHARED, *ALIKE))}
    images = [an_image(patient, 1, pixels) for patient, pixels in own.items()]
    images += [an_image(TWICE[0], 2, own[TWICE[0]], SeriesDescription="AGAIN")]
    images += [an_image(patient, 2, np.arange(16) + 1000) for patient in SHARED]
    images += [an_image(SHARED[0], 3, np.arange(16) + 1000)]
    images += [an_image(patient, 2, np.full(16, 7)) for patient in ALIKE]
    return {f"{number}.dcm": content for number, content in enumerate(images)}


@pytest.fixture(scope="module")
def road() -> Road:
    found = harmonized(Site(code="s01"), files())
    validate_batch(found.plan, found.context)
    accept_batch(found.plan, found.context)
    return found


def subjects(*patients: str, road: Road) -> set[str]:
    return {road.context.pseudonymizer.subject(patient) for patient in patients}


def held(road: Road, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_table(road.context.work.read(road.key(f"held/{table}.parquet"))).to_pylist()
    return found


def test_findings_count_the_images_of_both_kinds_and_no_empty_slice(road: Road) -> None:
    found = {row["place"]: row["count"] for row in road.read("findings").to_pylist() if row["rule_id"] == "I-DUP-PIXEL"}
    assert found == {"imaging_instance.pixel_sha256": 4, "imaging_instance.subject_id+pixel_sha256": 4}


def test_the_studies_of_all_who_share_an_image_are_held_and_no_others(road: Road) -> None:
    owners = subjects(*TWICE, *ALIKE, road=road)
    for table, count in {"imaging_instance": 7, "imaging_series": 7, "imaging_study": 3, "subject": 0}.items():
        rows = held(road, table)
        assert len(rows) == count
        assert all(row["rule_ids"] == ["I-DUP-PIXEL"] for row in rows)
    for table in ("imaging_instance", "imaging_series", "imaging_study"):
        assert {row["subject_id"] for row in road.read(f"tables/{table}").to_pylist()} == owners
    ledger = road.read("ledger").to_pylist()
    assert {row["subject_id"] for row in ledger if row["status"] == "held"} == subjects(*SHARED, road=road)
    assert {row["subject_id"] for row in ledger if row["status"] == "released-candidate"} == owners


def test_the_sender_is_told_each_of_the_images(road: Road) -> None:
    lines = [line for line in road.lines("validation.csv") if line["rule_id"] == "I-DUP-PIXEL"]
    names = {line["file"].rpartition("/")[2] for line in lines}
    assert names == {"0.dcm", "6.dcm", "7.dcm", "8.dcm", "9.dcm", "10.dcm"}
    assert {line["next_step"] for line in lines} == {next_steps()["I-DUP-PIXEL"]}


def test_the_report_names_no_image_by_its_digest_and_no_patient(road: Road) -> None:
    report = road.context.work.read(road.key("report/validation.md")).decode()
    assert "I-DUP-PIXEL" in report
    assert "ZZCANARY" not in report
    digests = {row["pixel_sha256"] for row in road.rows("imaging_instance")}
    assert len(digests) == 8
    assert not [digest for digest in digests if digest and digest in report]
