"""Every option of PS3.15 works, also those that the profile of this version leaves off."""

from datetime import date, timedelta
from typing import Any

import pytest
from pydicom import Dataset

from config.deid.profile import Profile, document_of_profile, profile_of
from tasks.deidentify.instance import InstancePolicy
from tests.deidentify.objects import (
    DAYS,
    PEOPLE,
    SUBJECT,
    a_code,
    a_ct,
    an_item,
    deidentified,
    outcome_of,
    reread,
)

PLAIN = "1.2.840.99999.7"  # holds no date
OWN = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
OFF = dict.fromkeys(document_of_profile()["options"], False)


def with_options(**options: bool) -> Profile:
    """The profile of this version with other options."""
    return profile_of(document_of_profile(**options))


def after(dataset: Dataset, **options: bool) -> Dataset:
    """The finished object under other options."""
    outcome = outcome_of(dataset, InstancePolicy(PEOPLE, with_options(**options)))
    assert outcome.content is not None, (outcome.rule_id, outcome.findings)
    return reread(outcome)


def codes_of(dataset: Dataset) -> set[str]:
    """The codes of what was done."""
    return {item.CodeValue for item in dataset.DeidentificationMethodCodeSequence}


def test_retained_device_identity() -> None:
    device = {
        "DeviceSerialNumber": "SN 4711/12", "StationName": "CTQX01", "DeviceUID": "1.2.840.99999.5", "PlateID": "P-12",
        "DateOfLastCalibration": "20190101", "TimeOfLastCalibration": "120000", "StationAETitle": "CT_QX",
        "ManufacturerDeviceClassUID": "1.2.840.99999.6",
    }  # fmt: skip
    source = a_ct(
        **device,
        ScheduledStationNameCodeSequence=[a_code("Q1", "99QX", "Scanner Q")],
        InstitutionName="ZZCANARYHOSP",
        SeriesDate="20190101",
    )
    off, on = deidentified(source), after(source, rtn_dev_id=True)
    assert not [keyword for keyword in ("DeviceSerialNumber", "StationName", "PlateID") if off.get(keyword)]
    assert {keyword: str(on.get(keyword)) for keyword in device} == device
    assert on.ScheduledStationNameCodeSequence[0].CodingSchemeDesignator == "99QX"
    assert on.SeriesDate == f"{date(2019, 1, 1) + timedelta(days=DAYS):%Y%m%d}"
    assert codes_of(on) - codes_of(off) == {"113109"}
    assert not on.get("InstitutionName")


@pytest.mark.parametrize("serial", ["ZZCANARY 1", "SN of ANNA", "mail@qx.org"])
def test_a_retained_value_that_holds_the_subject_or_a_pointer_goes(serial: str) -> None:
    assert not after(a_ct(DeviceSerialNumber=serial), rtn_dev_id=True).get("DeviceSerialNumber")


def test_a_retained_local_code_that_holds_the_subject_is_local() -> None:
    for code in (a_code("Q1", "99QX", "for ZZCANARY"), an_item(CodeValue="Q1", CodeMeaning="Scanner")):
        finished = after(a_ct(InstitutionCodeSequence=[code]), rtn_inst_id=True)
        assert finished.InstitutionCodeSequence[0].CodeValue == "LOCAL"


def test_retained_institution_identity() -> None:
    institution = {
        "InstitutionName": "General Hospital Qx", "InstitutionAddress": "Main Street 1\r\nQx Town",
        "InstitutionalDepartmentName": "Radiology 2",
    }  # fmt: skip
    source = a_ct(**institution, DeviceSerialNumber="SN1", InstitutionCodeSequence=[a_code("H1", "99QX", "Hospital Q")])
    off, on = deidentified(source), after(source, rtn_inst_id=True)
    assert not [keyword for keyword in institution if off.get(keyword)]
    assert {keyword: str(on.get(keyword)) for keyword in institution} == institution
    assert on.InstitutionCodeSequence[0].CodeMeaning == "Hospital Q"
    assert codes_of(on) - codes_of(off) == {"113112"}
    assert not on.get("DeviceSerialNumber")


def test_retained_uids() -> None:
    reference = an_item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=f"{PLAIN}.9")
    source = a_ct(
        **{keyword: f"{PLAIN}.{number}" for number, keyword in enumerate(OWN)},
        ReferencedImageSequence=[reference],
        IrradiationEventUID=f"{PLAIN}.5",
        TargetFrameOfReferenceUID=f"{PLAIN}.3",
    )
    outcome = outcome_of(source, InstancePolicy(PEOPLE, with_options(rtn_uids=True)))
    finished = reread(outcome)
    for keyword in (*OWN, "IrradiationEventUID", "TargetFrameOfReferenceUID"):
        assert finished[keyword].value == source[keyword].value
    assert finished.ReferencedImageSequence[0].ReferencedSOPInstanceUID == f"{PLAIN}.9"
    assert (outcome.study_uid, outcome.sop_uid) == (source.StudyInstanceUID, source.SOPInstanceUID)
    assert finished.PatientID == SUBJECT
    assert codes_of(finished) - codes_of(deidentified(source)) == {"113110"}


def test_a_retained_uid_that_holds_a_date_of_the_subject_holds_the_object() -> None:
    outcome = outcome_of(a_ct(), InstancePolicy(PEOPLE, with_options(rtn_uids=True)))
    assert (outcome.rule_id, [found.place for found in outcome.findings]) == ("DE-RESIDUAL", ["date"])


def test_retained_full_dates() -> None:
    source = a_ct(
        SeriesDate="2020.03.16", AcquisitionDateTime="20200315101112.5+0100", TimezoneOffsetFromUTC="+0100",
        ContentDate="soon", SeriesDescription="chest 15.03.2020", DateOfLastCalibration="20190101",
    )  # fmt: skip
    finished = after(source, rtn_long_full_dates=True, rtn_long_modif_dates=False)
    assert (finished.StudyDate, finished.SeriesDate) == ("20200315", "2020.03.16")
    assert finished.AcquisitionDateTime == "20200315101112.5+0100"
    assert finished.TimezoneOffsetFromUTC == "+0100"
    assert finished.PatientBirthDate == ""
    assert finished.SeriesDescription == "chest"
    assert "DateOfLastCalibration" not in finished
    assert not finished.get("ContentDate")
    assert finished.LongitudinalTemporalInformationModified == "UNMODIFIED"
    assert "113106" in codes_of(finished)
    assert "113107" not in codes_of(finished)


def test_a_newborn_may_have_been_examined_on_the_day_of_birth() -> None:
    finished = after(a_ct(PatientBirthDate="20200315"), rtn_long_full_dates=True, rtn_long_modif_dates=False)
    assert (finished.StudyDate, finished.PatientBirthDate) == ("20200315", "")


def test_neither_full_nor_modified_dates() -> None:
    finished = after(a_ct(SeriesDate="20200316"), rtn_long_modif_dates=False)
    assert finished.StudyDate == ""
    assert "SeriesDate" not in finished
    assert finished.LongitudinalTemporalInformationModified == "REMOVED"
    assert not {"113106", "113107"} & codes_of(finished)


def test_the_basic_profile_alone() -> None:
    source = a_ct(PatientAge="045Y", StudyDescription="CHEST", SeriesDate="20200316")
    source.add_new(0x00190010, "LO", "GEMS_ACQU_01")
    source.add_new(0x00191023, "DS", "5")
    finished = after(source, **OFF)
    kept = ("PatientAge", "PatientSex", "StudyDescription", "SeriesDate", "StudyDate")
    assert not [keyword for keyword in kept if finished.get(keyword)]
    assert not [element for element in finished if element.tag.is_private]
    assert codes_of(finished) == {"113100"}


@pytest.mark.parametrize("option", ["clean_desc", "rtn_safe_priv", "clean_graph", "rtn_pat_chars"])
def test_each_option_can_be_left_off(option: str) -> None:
    source: Any = a_ct(PatientAge="045Y", StudyDescription="CHEST")
    source.add_new(0x00190010, "LO", "GEMS_ACQU_01")
    source.add_new(0x00191023, "DS", "5")
    on, off = deidentified(source), after(source, **{option: False})
    assert len(codes_of(on) - codes_of(off)) == 1
    assert ("StudyDescription" in off) is (option != "clean_desc")
    assert ("PatientAge" in off) is (option != "rtn_pat_chars")
    assert (0x00191023 in off) is (option != "rtn_safe_priv")


def test_reports_are_held_where_content_is_not_cleaned() -> None:
    report = a_ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR", PixelData=None)
    policy = InstancePolicy(PEOPLE, with_options(clean_struct_cont=False))
    assert outcome_of(report, policy).rule_id == "DE-STRUCTURED"
