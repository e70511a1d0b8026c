"""The hard places of PS3.15 Annex E, one test each; whatever is planted holds ZZCANARY."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RTStructureSetStorage,
)

from tasks.deidentify.dates import read_date
from tests.deidentify.objects import (
    DAYS,
    PEOPLE,
    REMOVED,
    ROOT,
    SUBJECT,
    a_code,
    a_ct,
    an_item,
    bytes_of,
    deidentified,
    outcome_of,
    reread,
    value_after,
)
from tests.deidentify.syntaxes import in_syntax

CANARY = b"ZZCANARY"


def assert_clean(dataset: Any) -> Dataset:
    """The finished object, in whose bytes nothing that was planted is left."""
    outcome = outcome_of(dataset)
    assert outcome.content is not None, (outcome.rule_id, outcome.findings)
    assert CANARY not in outcome.content.upper()
    return reread(outcome)


def test_the_subject_is_named_by_pseudonym_alone() -> None:
    finished = assert_clean(a_ct(OtherPatientNames="ZZCANARY^OLD", IssuerOfPatientID="ZZCANARY"))
    assert (finished.PatientName, finished.PatientID) == (SUBJECT, SUBJECT)
    assert finished.PatientBirthDate == ""
    assert "OtherPatientNames" not in finished
    assert "IssuerOfPatientID" not in finished


@pytest.mark.parametrize(
    "name", ["ZZCANARY", "ZZCANARY^A^B^DR^JR", "A^Zzcanary=山田^太郎=ZZCANARY", " ^^ZZCANARY ", "="]
)
def test_person_names_go_whole_whatever_their_form(name: str) -> None:
    finished = assert_clean(a_ct(PatientName=name, OperatorsName=[name, name], SpecificCharacterSet="ISO_IR 192"))
    assert finished.PatientName == SUBJECT
    assert "OperatorsName" not in finished


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 9])
def test_rules_hold_at_every_depth(depth: int) -> None:
    item = an_item(InstitutionName="ZZCANARY", OperatorsName="ZZCANARY", StudyDate="20200315", KVP="120")
    item.ReferencedSOPInstanceUID = f"{ROOT}.9"
    for _ in range(depth - 1):
        item = an_item(ReferencedDefinedProtocolSequence=[item])
    finished = assert_clean(a_ct(ReferencedDefinedProtocolSequence=[item]))
    for _ in range(depth):
        finished = finished.ReferencedDefinedProtocolSequence[0]
    assert finished.StudyDate != "20200315"
    assert finished.KVP == 120
    assert finished.ReferencedSOPInstanceUID == PEOPLE.uid(f"{ROOT}.9")
    assert "InstitutionName" not in finished


@given(st.integers(1, 12), st.booleans())
def test_nesting_changes_nothing_about_a_name(depth: int, defined: bool) -> None:  # noqa: FBT001 -- hypothesis
    item = an_item(PersonName="ZZCANARY^DEEP", KVP="1")
    for _ in range(depth):
        item = an_item(ReferencedDefinedProtocolSequence=[item])
        item["ReferencedDefinedProtocolSequence"].is_undefined_length = not defined
    assert_clean(a_ct(ReferencedDefinedProtocolSequence=[item]))


def test_original_and_encrypted_attributes_go_whole() -> None:
    old = an_item(PatientName="ZZCANARY^OLD", PatientID="ZZCANARY")
    modified = an_item(ModifiedAttributesSequence=[old], ModifyingSystem="ZZCANARY", SourceOfPreviousValues="ZZCANARY")
    encrypted = an_item(EncryptedContent=b"ZZCANARY")
    finished = assert_clean(
        a_ct(OriginalAttributesSequence=[modified], EncryptedAttributesSequence=[encrypted], MACParametersSequence=[])
    )
    assert not [element for element in finished if element.tag.group in (0x0400, 0x4FFE)]


def test_digital_signatures_and_padding_go() -> None:
    dataset = a_ct(DataSetTrailingPadding=b"ZZCANARY")
    dataset.add_new(0xFFFAFFFA, "SQ", [an_item(CertificateOfSigner=b"ZZCANARY", Signature=b"ZZCANARY")])
    assert not [element for element in assert_clean(dataset) if element.tag.group >= 0xFFFA]


def test_private_elements_go_with_their_creators() -> None:
    dataset = a_ct()
    for group in (0x0029, 0x0031):
        dataset.private_block(group, "ZZCANARY", create=True).add_new(0x01, "LO", "ZZCANARY")
    block = dataset.private_block(0x0029, "ZZCANARY 2", create=True)
    block.add_new(0x02, "SQ", [an_item(PatientName="ZZCANARY^P")])
    block.add_new(0x03, "FD", 1.0)  # ELSCINT1 and others contradict their own dictionaries
    block.add_new(0x04, "IS", "20200315")
    dataset.add_new(0x00290011, "LO", "ZZCANARY")  # the same creator twice, and an orphan
    dataset.add_new(0x00331001, "UN", b"ZZCANARY")
    dataset.RequestAttributesSequence = []
    dataset.ReferencedImageSequence = [an_item(ReferencedSOPInstanceUID=f"{ROOT}.9")]
    dataset.ReferencedImageSequence[0].add_new(0x00330010, "LO", "ZZCANARY")
    finished = assert_clean(dataset)
    assert not [element for element in finished.iterall() if element.tag.is_private]
    assert len(finished.ReferencedImageSequence) == 1


def test_a_known_tag_under_unknown_vr_is_known() -> None:
    dataset = a_ct()
    dataset.add_new(0x00101060, "UN", b"ZZCANARY")  # Patient's Mother's Birth Name
    dataset.add_new(0x00080021, "UN", b"20200315")
    dataset.add_new(0x00180060, "UN", b"120 ")
    dataset.add_new(0x00081140, "UN", b"")
    finished = assert_clean(dataset)
    assert "PatientMotherBirthName" not in finished
    assert finished.SeriesDate == finished.StudyDate
    assert finished.KVP == 120


def test_an_unknown_vr_sequence_of_undefined_length_is_read_as_one() -> None:
    dataset = a_ct(ReferencedDefinedProtocolSequence=[an_item(OperatorsName="ZZCANARY", KVP="120")])
    dataset["ReferencedDefinedProtocolSequence"].is_undefined_length = True
    plain = bytes_of(dataset)
    header = b"\x18\x00\x0c\x99SQ\x00\x00\xff\xff\xff\xff"
    start = plain.index(header)
    item = (
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x08\x00\x70\x10\x08\x00\x00\x00ZZCANARY\x18\x00\x60\x00\x04\x00\x00\x00120 "
    )
    closing = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    end = plain.index(b"\xfe\xff\xdd\xe0", start) + 8
    finished = assert_clean(plain[:start] + header.replace(b"SQ", b"UN") + item + closing + plain[end:])
    assert finished.ReferencedDefinedProtocolSequence[0].KVP == 120


@pytest.mark.parametrize("tag", [0x00109999, 0x0008FFFE, 0x00140001, 0x70019999])
def test_an_unknown_tag_goes(tag: int) -> None:
    dataset = a_ct()
    dataset.add_new(tag, "LO", "ZZCANARY")
    assert tag not in assert_clean(dataset)


@pytest.mark.parametrize(
    ("tag", "vr"), [(0x00100012, "LT"), (0x00100045, "UT"), (0x0040E012, "UR"), (0x3004007F, "LO"), (0x00102162, "UC")]
)
def test_attributes_newer_than_the_dictionary_go(tag: int, vr: str) -> None:
    dataset = a_ct()
    dataset.add_new(tag, vr, "ZZCANARY")
    assert tag not in assert_clean(dataset)


def test_overlays_and_curves_go() -> None:
    dataset = a_ct()
    for group in (0x6000, 0x601E):
        dataset.add_new(group << 16 | 0x0010, "US", 4)
        dataset.add_new(group << 16 | 0x0022, "LO", "ZZCANARY")
        dataset.add_new(group << 16 | 0x1500, "LO", "ZZCANARY")
        dataset.add_new(group << 16 | 0x3000, "OW", b"ZZCANARY")
        dataset.add_new(group << 16 | 0x4000, "LT", "ZZCANARY")
    dataset.add_new(0x50003000, "OW", b"ZZCANARY")
    dataset.add_new(0x50022500, "LO", "ZZCANARY")
    assert not [element for element in assert_clean(dataset) if element.tag.group >> 8 in (0x50, 0x60)]


def test_bits_above_bits_stored_cannot_carry_an_overlay() -> None:
    pixels = b"".join(value.to_bytes(2, "little") for value in (0xF123, 0x0456, 0x8FFF, 0x7000) * 4)
    finished = assert_clean(a_ct(PixelData=pixels))
    assert finished.PixelData == b"\x23\x01\x56\x04\xff\x0f\x00\x00" * 4


def test_retired_text_groups_go() -> None:
    dataset = a_ct()
    dataset.add_new(0x40080300, "ST", "ZZCANARY")
    dataset.add_new(0x40000010, "LT", "ZZCANARY")
    dataset.add_new(0x00084000, "LT", "ZZCANARY")
    assert_clean(dataset)


def test_icons_and_pixels_inside_items_go() -> None:
    icon = an_item(Rows=2, Columns=4, BitsAllocated=8, PixelData=b"ZZCANARY")
    icon["PixelData"].VR = "OB"
    other = an_item(KVP="120", PixelData=b"ZZCANARY")
    other["PixelData"].VR = "OB"
    finished = assert_clean(a_ct(IconImageSequence=[icon], ReferencedDefinedProtocolSequence=[other]))
    assert "IconImageSequence" not in finished
    assert "PixelData" not in finished.ReferencedDefinedProtocolSequence[0]


def test_preamble_meta_group_lengths_and_trailer_are_not_carried_over() -> None:
    dataset = a_ct()
    dataset.preamble = b"MM\x00\x2aZZCANARY".ljust(128, b"\0")
    dataset.file_meta.SourceApplicationEntityTitle = "ZZCANARY"
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
    dataset.file_meta.PrivateInformation = b"ZZCANARY"
    dataset.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.8.8"
    finished = assert_clean(bytes_of(dataset) + b"ZZCANARY")
    assert finished.preamble == bytes(128)
    assert {element.tag.element for element in finished.file_meta} == {0x00, 0x01, 0x02, 0x03, 0x10, 0x12, 0x13}
    assert finished.file_meta.MediaStorageSOPInstanceUID == finished.SOPInstanceUID


def test_descriptions_comments_and_staff_go() -> None:
    texts = dict.fromkeys(
        (
            "StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments", "PatientComments",
            "AdditionalPatientHistory", "DerivationDescription", "InstitutionName", "InstitutionAddress",
            "StationName", "DeviceSerialNumber", "PerformingPhysicianName", "OperatorsName", "Occupation",
            "PatientAddress", "MedicalAlerts", "RequestedProcedureDescription", "AcquisitionProtocolName", "ImageID",
        ),
        "for ZZCANARY",
    )  # fmt: skip
    finished = assert_clean(a_ct(**texts))
    assert not [keyword for keyword in texts if keyword in finished]


@pytest.mark.parametrize("maker", ["ZZCANARY Inc", "call zz@canary.org", "http://zzcanary", "of 1.2.840.99999.1.2.3.4"])
def test_kept_text_with_something_of_the_subject_or_a_pointer_goes(maker: str) -> None:
    assert assert_clean(a_ct(Manufacturer=maker)).Manufacturer == ""


@pytest.mark.parametrize("written", ["20200315", "2020-03-15", "15.03.2020", "03/15/2020", "15-Mar-2020", "x20200315x"])
def test_kept_text_with_a_date_of_the_subject_goes(written: str) -> None:
    assert value_after(0x00181020, "LO", f"v {written}") is REMOVED


def test_a_name_that_is_a_word_or_a_maker_does_not_take_the_word_away() -> None:
    finished = deidentified(
        a_ct(PatientName="LUNG^SIEMENS", Manufacturer="SIEMENS", BodyPartExamined="LUNG", ConvolutionKernel="LUNG")
    )
    assert (finished.Manufacturer, finished.BodyPartExamined, finished.ConvolutionKernel) == ("SIEMENS", "LUNG", "LUNG")


@pytest.mark.parametrize("together", ["LUNG SIEMENS", "SIEMENS, LUNG", "Siemens^Lung"])
def test_the_whole_name_goes_even_if_its_parts_are_words(together: str) -> None:
    assert value_after(0x00081090, "LO", together, PatientName="LUNG^SIEMENS") is REMOVED


def test_words_stay_only_if_all_are_known() -> None:
    assert value_after(0x00181040, "LO", "Intravenous route") == "Intravenous route"
    assert value_after(0x00181040, "LO", "route of Zzyzx") is REMOVED
    assert value_after(0x00181040, "LO", "route 04917555123") is REMOVED


def test_text_longer_than_its_vr_or_unprintable_goes() -> None:
    assert value_after(0x00181020, "LO", "v" * 65) is REMOVED
    assert value_after(0x00181020, "LO", "v\n1") is REMOVED
    assert value_after(0x00181020, "LO", ["v1", "v2"]) == ["v1", "v2"]
    assert value_after(0x00181020, "LO", ["v1", "ZZCANARY"]) is REMOVED


@pytest.mark.parametrize(
    ("source", "finished"),
    [
        ("CHEST", "CHEST"),
        ("Chest", "CHEST"),
        ("T-SPINE", "T-SPINE"),
        ("ZZCANARY", REMOVED),
        ("chest; zzyzx", REMOVED),
        ("CHEST AND ABDOMEN AND PELVIS", REMOVED),
        ("", ""),
    ],
)
def test_defined_terms_are_legal_or_go(source: str, finished: str) -> None:
    assert value_after(0x00180015, "CS", source) == finished


@pytest.mark.parametrize(("source", "finished"), [("F", "F"), ("m ", "M"), ("O", "O"), ("X", ""), ("ANONYMIZED", "")])
def test_the_sex_is_one_of_three_or_unknown(source: str, finished: str) -> None:
    assert (value_after(0x00100040, "CS", source) or "") == finished


@pytest.mark.parametrize(
    ("source", "finished"), [("093Y", "090Y"), ("120M", "120M"), ("45y ", "045Y"), ("   ", REMOVED)]
)
def test_ages_in_the_header_are_capped(source: str, finished: str) -> None:
    if source.isspace():
        assert not value_after(0x00101010, "AS", source)
    else:
        assert value_after(0x00101010, "AS", source) == finished


def test_an_age_that_is_none_goes() -> None:
    assert value_after(0x00101010, "AS", "93") is REMOVED


@pytest.mark.parametrize(("tag", "vr"), [(0x00101030, "DS"), (0x00180060, "DS"), (0x00200012, "IS")])
def test_numbers_that_are_none_are_never_made_up(tag: int, vr: str) -> None:
    assert value_after(tag, vr, "70") == 70
    dataset = a_ct()
    dataset[tag] = RawDataElement(Tag(tag), vr, 8, b"ZZCANARY", 0, False, True)  # noqa: FBT003 -- pydicom's order
    finished = assert_clean(dataset)
    assert tag not in finished or finished[tag].value in (None, "")


def test_text_where_numbers_belong_goes() -> None:
    dataset = a_ct()
    dataset[0x00280106] = RawDataElement(Tag(0x00280106), "LO", 8, b"ZZCANARY", 0, False, True)  # noqa: FBT003 -- pydicom's
    dataset.add_new(0x00180050, "LO", "2.5")  # text under another VR of text is read by the dictionary's
    finished = assert_clean(dataset)
    assert 0x00280106 not in finished
    assert finished.SliceThickness == 2.5


def test_dates_move_together_and_times_stay() -> None:
    finished = assert_clean(
        a_ct(
            SeriesDate="20200316",
            AcquisitionDateTime="20200315101112.5+0100",
            SeriesTime="101112",
            TimezoneOffsetFromUTC="+0100",
            ContentDate="2020.03.15",
            ContentTime="10:11:12",
        )
    )
    study, series = read_date(finished.StudyDate), read_date(finished.SeriesDate)
    assert study == date(2020, 3, 15) + timedelta(days=DAYS)
    assert series == date(2020, 3, 16) + timedelta(days=DAYS)
    assert finished.AcquisitionDateTime == f"{finished.StudyDate}101112.5"
    assert finished.ContentDate == finished.StudyDate
    assert finished.ContentTime == "10:11:12"
    assert "TimezoneOffsetFromUTC" not in finished


@pytest.mark.parametrize("text", ["19000101", "00010101", "UNKNOWN", "20200230"])
def test_placeholder_dates_do_not_tell_the_offset(text: str) -> None:
    finished = assert_clean(a_ct(StudyDate=text, SeriesDate=text, AcquisitionDateTime=text))
    assert finished.StudyDate == ""
    assert "SeriesDate" not in finished
    assert "AcquisitionDateTime" not in finished


def test_dates_of_the_device_go() -> None:
    finished = assert_clean(
        a_ct(DateOfLastCalibration="20190101", TimeOfLastCalibration="120000", DateOfManufacture="20100101")
    )
    assert not [keyword for keyword in ("DateOfLastCalibration", "TimeOfLastCalibration") if keyword in finished]
    assert "DateOfManufacture" not in finished


def test_a_time_without_a_date_stays_and_a_broken_one_goes() -> None:
    assert value_after(0x00080031, "TM", "101112.25") == "101112.25"
    assert value_after(0x00080031, "TM", "ten ZZCANARY") is REMOVED


def test_references_are_mapped_alike_also_to_what_never_came() -> None:
    reference = an_item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=f"{ROOT}.1.99")
    finished = assert_clean(a_ct(ReferencedImageSequence=[reference], SourceImageSequence=[reference]))
    for sequence in (finished.ReferencedImageSequence, finished.SourceImageSequence):
        assert sequence[0].ReferencedSOPInstanceUID == PEOPLE.uid(f"{ROOT}.1.99")
        assert sequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_uids_outside_the_table_several_empty_and_invalid_are_replaced() -> None:
    finished = assert_clean(
        a_ct(
            IrradiationEventUID=[f"{ROOT}.5", f"{ROOT}.6"],
            DeviceUID="",
            DimensionOrganizationUID="01.02.99999.8",
            TargetFrameOfReferenceUID=f"{ROOT}.3",
            InstanceCreatorUID=f"{ROOT}.{'1' * 80}",
            ConcatenationUID="ZZCANARY",
        )
    )
    assert list(finished.IrradiationEventUID) == [PEOPLE.uid(f"{ROOT}.5"), PEOPLE.uid(f"{ROOT}.6")]
    assert finished.TargetFrameOfReferenceUID == finished.FrameOfReferenceUID == PEOPLE.uid(f"{ROOT}.3")
    assert finished.DeviceUID == ""
    assert finished.DimensionOrganizationUID == PEOPLE.uid("01.02.99999.8")
    assert finished.ConcatenationUID == PEOPLE.uid("ZZCANARY")


@pytest.mark.parametrize(("tag", "vr"), [(0x00181002, "UI"), (0x00180015, "CS"), (0x00080021, "DA")])
def test_bytes_that_are_no_ascii_go_where_only_ascii_is_text(tag: int, vr: str) -> None:
    dataset = a_ct(SpecificCharacterSet="ISO_IR 100")
    dataset[tag] = RawDataElement(Tag(tag), vr, 8, b"1.2.\xe9\xe9 ", 0, False, True)  # noqa: FBT003 -- pydicom's
    assert tag not in assert_clean(dataset)


def test_types_decide_at_their_place() -> None:
    enhanced = an_item(FrameAcquisitionDateTime="soon", FrameReferenceDateTime="20200315", FrameLabel="ZZCANARY")
    dataset = a_ct(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", NumberOfFrames=1, DeviceSerialNumber="ZZCANARY",
        PerFrameFunctionalGroupsSequence=[an_item(FrameContentSequence=[enhanced])],
    )  # fmt: skip
    finished = assert_clean(dataset)
    frame = finished.PerFrameFunctionalGroupsSequence[0].FrameContentSequence[0]
    assert finished.DeviceSerialNumber == "REMOVED"  # Type 1 in Enhanced General Equipment
    assert frame.FrameAcquisitionDateTime == "19000101"  # Type 1C there
    assert frame.FrameReferenceDateTime == finished.StudyDate
    assert "FrameLabel" not in frame


def test_the_context_of_an_acquisition_keeps_its_items_and_loses_their_words() -> None:
    context = an_item(ValueType="TEXT", TextValue="ZZCANARY", ConceptNameCodeSequence=[a_code("X", "99Z", "ZZCANARY")])
    finished = assert_clean(a_ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1", AcquisitionContextSequence=[context]))
    (item,) = finished.AcquisitionContextSequence
    assert (item.ValueType, item.TextValue) == ("TEXT", "REMOVED")
    assert item.ConceptNameCodeSequence[0].CodeMeaning == "Local code"


def test_a_dummy_for_a_sequence_keeps_only_what_its_items_must_have() -> None:
    person = a_code("ZZ1", "99ZZCANARY", "ZZCANARY")
    operator = an_item(
        PersonIdentificationCodeSequence=[person, person], PersonAddress="ZZCANARY", InstitutionName="ZZCANARY"
    )
    dataset = a_ct(ReferencedDefinedProtocolSequence=[an_item(KVP="1", VerifyingObserverSequence=[operator])])
    (observer,) = assert_clean(dataset).ReferencedDefinedProtocolSequence[0].VerifyingObserverSequence
    (code,) = observer.PersonIdentificationCodeSequence
    assert len(observer) == 1
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == ("LOCAL", "99LOCAL", "Local code")


def test_nothing_stays_in_a_dummy_that_the_iod_does_not_ask_for() -> None:
    observer = an_item(KVP="120", StudyDate="20200315", VerifyingOrganization="ZZCANARY")
    (hollow,) = assert_clean(a_ct(VerifyingObserverSequence=[observer, observer])).VerifyingObserverSequence
    assert [(element.keyword, element.value) for element in hollow] == [("VerifyingOrganization", "REMOVED")]


def test_an_item_that_must_be_there_stays_when_it_loses_everything() -> None:
    frame = an_item(FrameContentSequence=[an_item(FrameLabel="ZZCANARY")])
    dataset = a_ct(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", NumberOfFrames=1, PerFrameFunctionalGroupsSequence=[frame]
    )
    content = assert_clean(dataset).PerFrameFunctionalGroupsSequence[0].FrameContentSequence
    assert [len(item) for item in content] == [0]


def test_a_sequence_newer_than_the_dictionary_goes_where_no_vr_is_written() -> None:
    dataset = a_ct()
    dataset.add_new(0x00100043, "SQ", [an_item(KVP="120")])  # Sex Parameters for Clinical Use Category Sequence
    assert 0x00100043 in assert_clean(dataset)
    assert 0x00100043 not in assert_clean(in_syntax(dataset, ImplicitVRLittleEndian))


def test_items_that_lose_everything_go() -> None:
    finished = assert_clean(
        a_ct(
            ReferencedDefinedProtocolSequence=[an_item(OperatorsName="ZZCANARY"), an_item(KVP="120")],
            UsedFiducialsSequence=[an_item(OperatorsName="ZZCANARY")],
            ReferencedInstanceSequence=[],
        )
    )
    assert len(finished.ReferencedDefinedProtocolSequence) == 1
    assert "UsedFiducialsSequence" not in finished
    assert len(finished.ReferencedInstanceSequence) == 0


def test_an_rt_structure_set_keeps_its_references_and_loses_its_names() -> None:
    image = an_item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=f"{ROOT}.1.1")
    contour = an_item(ContourImageSequence=[image], ContourGeometricType="POINT", ContourData=["1", "2", "3"])
    finished = assert_clean(
        a_ct(
            SOPClassUID=RTStructureSetStorage,
            Modality="RTSTRUCT",
            PixelData=None,
            StructureSetLabel="ZZCANARY",
            StructureSetName="ZZCANARY",
            StructureSetDate="20200315",
            StructureSetTime="101112",
            StructureSetROISequence=[
                an_item(ROINumber=1, ROIName="ZZCANARY", ReferencedFrameOfReferenceUID=f"{ROOT}.3")
            ],
            ROIContourSequence=[an_item(ReferencedROINumber=1, ContourSequence=[contour])],
        )
    )
    kept = finished.ROIContourSequence[0].ContourSequence[0]
    assert kept.ContourImageSequence[0].ReferencedSOPInstanceUID == PEOPLE.uid(f"{ROOT}.1.1")
    assert kept.ContourData == [1, 2, 3]
    assert finished.StructureSetROISequence[0].ROIName == ""
    assert finished.StructureSetROISequence[0].ReferencedFrameOfReferenceUID == PEOPLE.uid(f"{ROOT}.3")
    assert finished.StructureSetLabel == "REMOVED"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_layout_ends_in_the_same_values(syntax: str) -> None:
    expected = deidentified(a_ct(SeriesDescription="ZZCANARY", SliceThickness="2.5", ViewPosition=""))
    dataset = a_ct(SeriesDescription="ZZCANARY", SliceThickness="2.5", ViewPosition="")
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = b"".join(dataset.PixelData[at : at + 2][::-1] for at in range(0, 32, 2))
    finished = assert_clean(in_syntax(dataset, syntax))
    assert {element.tag: str(element.value) for element in finished} == {
        element.tag: str(element.value) for element in expected
    }


def test_empty_values_stay_empty() -> None:
    finished = assert_clean(a_ct(AccessionNumber="", ContrastBolusAgent="", RTPlanLabel="", DetectorID=""))
    assert finished.AccessionNumber == ""
    assert finished.ContrastBolusAgent == ""
    assert finished.RTPlanLabel == ""


def test_what_was_done_is_counted_by_place() -> None:
    item = an_item(ReferencedSOPInstanceUID=f"{ROOT}.9")
    actions = outcome_of(a_ct(ReferencedImageSequence=[item, item], StudyDescription="ZZCANARY")).actions
    assert actions["(0008,1140)>(0008,1155)", "U"] == 2
    assert actions["(0008,1030)", "X"] == 1
    assert actions["(0008,0020)", "C"] == 1
    assert actions["(0028,0010)", "K"] == 1
    assert actions["(0008,0016)", "K"] == 1


def test_the_source_dictionary_has_no_say() -> None:
    dataset = a_ct()
    dataset[0x00180015] = DataElement(0x00180015, "UT", "CHEST")  # a CS written as text
    assert deidentified(dataset).BodyPartExamined == "CHEST"
