from datetime import date, timedelta

import pytest
from pydicom.uid import EnhancedCTImageStorage

from expectations.schemas.pipeline import INSTANCES
from expectations.schemas.table import table_of
from tests.deidentify.objects import DAYS, PEOPLE, ROOT, SUBJECT, a_code, a_ct, an_item, outcome_of

SHARD_COLUMNS = {"source_id", "sha256", "md5", "crc64nvme", "pixel_sha256", "size_bytes"}


def facts_of_ct(**attributes: object) -> dict[str, object]:
    outcome = outcome_of(a_ct(**attributes))
    assert outcome.facts is not None, outcome.rule_id
    return dict(outcome.facts)


def test_facts_are_the_columns_of_the_instance_table() -> None:
    facts = facts_of_ct()
    assert set(facts) | SHARD_COLUMNS == set(INSTANCES.schema.names)
    digests = {"source_id": "s", "sha256": "0", "md5": "0", "crc64nvme": "0", "size_bytes": 1}
    table_of(INSTANCES, [facts | digests]).validate(full=True)


def test_facts_are_those_of_the_finished_object() -> None:
    facts = facts_of_ct(
        PatientAge="093Y", StudyDescription="ZZCANARY", PixelSpacing=["0.5", "0.6"], SliceThickness="2.5",
        ImagePositionPatient=["1", "2", "3"], ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        ConvolutionKernel=["B30f", "2"], BodyPartExamined="Chest", LossyImageCompression="01", Laterality="R",
    )  # fmt: skip
    expected = {
        "subject_id": SUBJECT, "study_uid": PEOPLE.uid(f"{ROOT}.1"), "series_uid": PEOPLE.uid(f"{ROOT}.2"),
        "sop_uid": PEOPLE.uid(f"{ROOT}.1.1"), "patient_age_years": None, "patient_age_gt89": True, "patient_sex": "F",
        "study_description": None, "pixel_spacing_mm": [0.5, 0.6], "spacing_source": "PixelSpacing",
        "slice_thickness_mm": 2.5, "image_position_mm": [1, 2, 3], "image_orientation": [1, 0, 0, 0, 1, 0],
        "convolution_kernel": ["B30f", "2"], "body_part_raw": "CHEST", "lossy": True, "laterality": "R", "frames": 1,
        "rows": 4, "bits_stored": 12, "photometric": "MONOCHROME2", "deid_pixel": "not_checked",
        "instance_number": 1,
        "deid_method_codes": ["113100", "113103", "113104", "113105", "113107", "113108", "113111"],
    }  # fmt: skip
    assert {name: facts[name] for name in expected} == expected
    study_date = facts["study_date_shifted"]
    assert study_date == date(2020, 3, 15) + timedelta(days=DAYS)


def test_descriptions_are_facts_as_far_as_they_survive() -> None:
    facts = facts_of_ct(StudyDescription="CT CHEST for ZZCANARY", SeriesDescription="Thorax 5.0 B31f")
    assert (facts["study_description"], facts["series_description"]) == ("CT CHEST", "Thorax 5.0 B31f")


@pytest.mark.parametrize(
    ("age", "years", "is_older"), [("089Y", 89, False), ("006M", 0, False), ("120M", 10, False), ("", None, None)]
)
def test_ages_are_in_completed_years(age: str, years: int | None, *, is_older: bool | None) -> None:
    facts = facts_of_ct(PatientAge=age)
    assert (facts["patient_age_years"], facts["patient_age_gt89"]) == (years, is_older)


def test_values_that_are_not_what_they_should_be_count_as_absent() -> None:
    facts = facts_of_ct(
        StudyDate="soon", PixelSpacing="1", ImagePositionPatient=["1", "2", "1e400"], InstanceNumber=str(10**11),
        BurnedInAnnotation="NO", PatientSex="", ImagerPixelSpacing=["0.1", "0.1"], Modality="",
    )  # fmt: skip
    absent = ("study_date_shifted", "image_position_mm", "instance_number", "patient_sex", "slice_thickness_mm")
    assert [facts[name] for name in absent] == [None] * len(absent)
    assert (facts["pixel_spacing_mm"], facts["spacing_source"]) == ([0.1, 0.1], "ImagerPixelSpacing")
    assert (facts["frames"], facts["modality"]) == (1, "")


def test_geometry_of_a_multi_frame_object_is_its_first_frame() -> None:
    shared = an_item(
        PixelMeasuresSequence=[an_item(PixelSpacing=["0.5", "0.5"], SliceThickness="1")],
        PlaneOrientationSequence=[an_item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])],
    )
    frames = [an_item(PlanePositionSequence=[an_item(ImagePositionPatient=["0", "0", str(z)])]) for z in (7, 8)]
    facts = facts_of_ct(
        SOPClassUID=EnhancedCTImageStorage, NumberOfFrames=2, PixelData=bytes(64),
        SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=frames,
    )  # fmt: skip
    assert (facts["pixel_spacing_mm"], facts["slice_thickness_mm"]) == ([0.5, 0.5], 1)
    assert (facts["image_position_mm"], facts["frames"]) == ([0, 0, 7], 2)


def test_procedure_codes_are_those_of_public_schemes_for_procedures() -> None:
    facts = facts_of_ct(
        ProcedureCodeSequence=[a_code("24628-0", "LN", "CT Chest"), a_code("ZZCANARY", "99SITE", "ZZCANARY")],
        RequestedProcedureCodeSequence=[a_code("RPID16", "RADLEX", "CT"), a_code("39607008", "SCT", "Lung")],
    )
    assert facts["procedure_codes"] == ["LN 24628-0", "RADLEX RPID16"]
    assert facts_of_ct(ProcedureCodeSequence=[a_code("1", "99SITE", "CT")])["procedure_codes"] is None


def test_a_localizer_is_told_by_its_image_type() -> None:
    assert facts_of_ct()["is_localizer"] is False
    assert facts_of_ct(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])["is_localizer"] is True


@pytest.mark.parametrize(
    ("orientations", "heights", "depths"),
    [
        (["1 0 0 0 1 0", "1 0 0 0 1 0"], ["7", "9"], [7.0, 9.0]),
        (["1 0 0 0 1 0", "0 1 0 0 0 1"], ["7", "9"], None),
        (["1 0 0 0 1 0", "1 0 0 0 1 0"], ["7", None], None),
    ],
)
def test_frames_have_depths_where_all_lie_in_one_direction(
    orientations: list[str], heights: list[str | None], depths: list[float] | None
) -> None:
    frames = [
        an_item(
            PlaneOrientationSequence=[an_item(ImageOrientationPatient=orientation.split())],
            PlanePositionSequence=[an_item(ImagePositionPatient=["0", "0", height])] if height else [],
        )
        for orientation, height in zip(orientations, heights, strict=True)
    ]
    facts = facts_of_ct(
        SOPClassUID=EnhancedCTImageStorage,
        NumberOfFrames=2,
        PixelData=bytes(64),
        PerFrameFunctionalGroupsSequence=frames,
    )
    assert facts["frame_depths_mm"] == depths
