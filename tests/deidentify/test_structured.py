"""Structured reports: codes, numbers and references stay; names, sentences and birthdays do not."""

from datetime import date, timedelta
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset

from tasks.deidentify.dates import read_date
from tasks.deidentify.structured import concept_of, place_of
from tests.deidentify.objects import (
    DAYS,
    PEOPLE,
    ROOT,
    a_code,
    a_ct,
    an_item,
    bytes_of,
    deidentified,
    outcome_of,
    reread,
)
from tests.oracle.conformance import errors_of

REPORTS = "1.2.840.10008.5.1.4.1.1.88."
CT = "1.2.840.10008.5.1.4.1.1.2"
FINDING = ("121071", "DCM", "Finding")
CANARY = b"ZZCANARY"


def content(kind: str, concept: tuple[str, str, str] = FINDING, relation: str = "CONTAINS", **value: Any) -> Dataset:
    """A content item."""
    return an_item(RelationshipType=relation, ValueType=kind, ConceptNameCodeSequence=[a_code(*concept)], **value)


def a_number(concept: tuple[str, str, str], value: str, unit: str, **attributes: Any) -> Dataset:
    """A content item with a number."""
    units = [a_code(unit, "UCUM", unit)]
    measured = an_item(NumericValue=value, MeasurementUnitsCodeSequence=units, **attributes)
    return content("NUM", concept, MeasuredValueSequence=[measured])


def a_report(*items: Dataset, sop_class: str = "33", **attributes: Any) -> FileDataset:
    """A structured report with these content items."""
    pixels = dict.fromkeys(
        (
            "PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
            "SamplesPerPixel", "PhotometricInterpretation", "ImageType", "FrameOfReferenceUID",
        )
    )  # fmt: skip
    evidence = an_item(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=f"{ROOT}.1.1")
    series = an_item(SeriesInstanceUID=f"{ROOT}.2", ReferencedSOPSequence=[evidence])
    return a_ct(
        **pixels
        | {
            "SOPClassUID": REPORTS + sop_class,
            "Modality": "SR",
            "ValueType": "CONTAINER",
            "ContinuityOfContent": "SEPARATE",
            "ConceptNameCodeSequence": [a_code("18748-4", "LN", "Diagnostic Imaging Report")],
            "ContentDate": "20200315",
            "ContentTime": "101112",
            "CompletionFlag": "COMPLETE",
            "VerificationFlag": "UNVERIFIED",
            "ReferencedPerformedProcedureStepSequence": [],
            "PerformedProcedureCodeSequence": [],
            "CurrentRequestedProcedureEvidenceSequence": [
                an_item(StudyInstanceUID=f"{ROOT}.1", ReferencedSeriesSequence=[series])
            ],
            "ContentSequence": list(items),
        }
        | attributes
    )


def after(*items: Dataset, **attributes: Any) -> list[Dataset]:
    """The content items of a report afterwards, in whose bytes nothing that was planted is left."""
    outcome = outcome_of(a_report(*items, **attributes))
    assert outcome.content is not None, (outcome.rule_id, outcome.findings)
    assert CANARY not in outcome.content.upper()
    return list(reread(outcome).ContentSequence)


@pytest.mark.parametrize(
    "sop_class",
    [
        "11", "22", "33", "34", "35", "40", "50", "65", "67", "68", "69", "70", "71", "72", "73", "74", "75", "76",
        "77",
    ],
)  # fmt: skip
def test_every_class_of_reports_passes(sop_class: str) -> None:
    assert outcome_of(a_report(content("TEXT", TextValue="ZZCANARY"), sop_class=sop_class)).rule_id == "DE-PASS"


def test_numbers_codes_and_containers_stay() -> None:
    number, code, container = after(
        a_number(("103339001", "SCT", "Long axis"), "12.5", "mm"),
        content("CODE", ConceptCodeSequence=[a_code("39607008", "SCT", "Lung of ZZCANARY")]),
        content(
            "CONTAINER", ContinuityOfContent="SEPARATE", ContentSequence=[content("TEXT", TextValue="lung nodule")]
        ),
    )
    assert number.MeasuredValueSequence[0].NumericValue == 12.5
    assert number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "mm"
    assert code.ConceptCodeSequence[0].CodeValue == "39607008"
    assert "ZZCANARY" not in code.ConceptCodeSequence[0].CodeMeaning
    assert container.ContentSequence[0].TextValue == "lung nodule"


def test_texts_names_and_local_codes_are_replaced_at_every_depth() -> None:
    item = content("TEXT", TextValue="lungs of ZZCANARY are clear")
    for _ in range(5):
        item = content("CONTAINER", ContinuityOfContent="SEPARATE", ContentSequence=[item])
    name = content("PNAME", PersonName="ZZCANARY^DOC")
    code = content("CODE", ("Z1", "99ZZCANARY", "ZZCANARY"), ConceptCodeSequence=[a_code("Z2", "99Z", "ZZCANARY")])
    deep, person, local = after(item, name, code)
    for _ in range(5):
        (deep,) = deep.ContentSequence
    assert deep.TextValue == "REMOVED"
    assert person.PersonName == "REMOVED"
    assert local.ConceptNameCodeSequence[0].CodeValue == local.ConceptCodeSequence[0].CodeValue == "LOCAL"


@pytest.mark.parametrize("text", ["The lungs are clear. " * 9, "lung of Smith", "seen 15.03.2020", "line\tZZCANARY"])
def test_a_text_that_is_no_label_is_replaced(text: str) -> None:
    assert after(content("TEXT", TextValue=text))[0].TextValue == "REMOVED"


def test_uids_are_mapped_and_dates_moved_and_times_stay() -> None:
    uid, day, moment, time = after(
        content("UIDREF", ("112040", "DCM", "Tracking Unique Identifier"), UID=f"{ROOT}.77"),
        content("DATE", ("111060", "DCM", "Study Date"), Date="20200316"),
        content("DATETIME", ("121135", "DCM", "Observation DateTime"), DateTime="20200316101112.5+0100"),
        content("TIME", ("111061", "DCM", "Study Time"), Time="101112"),
    )
    moved = f"{date(2020, 3, 16) + timedelta(days=DAYS):%Y%m%d}"
    assert str(uid.UID) == PEOPLE.uid(f"{ROOT}.77")
    assert (day.Date, moment.DateTime, time.Time) == (moved, f"{moved}101112.5", "101112")


def test_a_birth_date_is_not_moved_but_replaced() -> None:
    named, local, moment = after(
        content("DATE", ("121031", "DCM", "Subject Birth Date"), Date="19270102"),
        content("DATE", ("DOB", "99Z", "Born"), Date="19270102"),
        content("DATETIME", ("DOB", "99Z", "Born"), DateTime="19270102080000"),
    )
    assert (named.Date, local.Date, moment.DateTime) == ("19000101", "19000101", "19000101")


def test_references_are_mapped() -> None:
    image = an_item(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=f"{ROOT}.1.1", ReferencedFrameNumber=[1])
    image.IconImageSequence = [an_item(Rows=1)]
    region = content("SCOORD", relation="INFERRED FROM", GraphicType="CIRCLE", GraphicData=[1.0, 2.0, 3.0, 4.0])
    region.ContentSequence = [content("IMAGE", relation="SELECTED FROM", ReferencedSOPSequence=[image])]
    space = content(
        "SCOORD3D", GraphicType="POINT", GraphicData=[1.0, 2.0, 3.0], ReferencedFrameOfReferenceUID=f"{ROOT}.3"
    )
    composite = content(
        "COMPOSITE", ReferencedSOPSequence=[an_item(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=f"{ROOT}.8")]
    )
    dataset = a_report(region, space, composite, sop_class="34")
    finished = deidentified(dataset)
    region, space, composite = finished.ContentSequence
    (referenced,) = region.ContentSequence[0].ReferencedSOPSequence
    assert referenced.ReferencedSOPInstanceUID == PEOPLE.uid(f"{ROOT}.1.1")
    assert "IconImageSequence" not in referenced
    assert (region.GraphicType, region.GraphicData) == ("CIRCLE", [1, 2, 3, 4])
    assert space.ReferencedFrameOfReferenceUID == PEOPLE.uid(f"{ROOT}.3")
    assert composite.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == PEOPLE.uid(f"{ROOT}.8")
    study = finished.CurrentRequestedProcedureEvidenceSequence[0]
    assert study.StudyInstanceUID == finished.StudyInstanceUID
    assert study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == PEOPLE.uid(
        f"{ROOT}.1.1"
    )


@pytest.mark.parametrize(
    ("concept", "text"),
    [
        ("121009", "chest center"),  # Person Observer's Organization Name
        ("121013", "scanner"),  # Device Observer Name
        ("121016", "12"),  # Device Observer Serial Number
        ("121017", "emergency"),  # Device Observer Physical Location
        ("121030", "12"),  # Subject ID
    ],
)
def test_observers_and_subjects_lose_what_names_them_even_if_every_word_is_known(concept: str, text: str) -> None:
    item = content("TEXT", (concept, "DCM", "x"), relation="HAS OBS CONTEXT", TextValue=text)
    assert after(item)[0].TextValue == "REMOVED"
    assert after(content("TEXT", TextValue=text))[0].TextValue == text


def test_people_around_a_report_go() -> None:
    person = an_item(
        VerifyingObserverName="ZZCANARY^DOC", VerifyingOrganization="ZZCANARY", VerificationDateTime="20200315",
        VerifyingObserverIdentificationCodeSequence=[a_code("1", "99ZZCANARY", "ZZCANARY")],
    )  # fmt: skip
    dataset = a_report(
        content("TEXT", TextValue="ok"),
        VerificationFlag="VERIFIED",
        VerifyingObserverSequence=[person],
        AuthorObserverSequence=[an_item(PersonName="ZZCANARY", InstitutionName="ZZCANARY", ObserverType="PSN")],
        ParticipantSequence=[an_item(PersonName="ZZCANARY", ObserverType="PSN")],
        CustodialOrganizationSequence=[an_item(InstitutionName="ZZCANARY")],
        ReferencedRequestSequence=[an_item(AccessionNumber="ZZCANARY", RequestedProcedureDescription="ZZCANARY chest")],
    )
    outcome = outcome_of(dataset)
    assert outcome.content is not None, outcome.rule_id
    assert CANARY not in outcome.content.upper()
    finished = reread(outcome)
    assert finished.VerifyingObserverSequence[0].VerifyingObserverName == "REMOVED"
    assert not [name for name in ("AuthorObserverSequence", "ParticipantSequence") if name in finished]


@pytest.mark.parametrize(
    ("value", "unit", "capped"),
    [("89", "a", 89), ("93", "a", 90), ("1128", "mo", 1080), ("40", "wk", 40), ("93", "d", 93), ("40000", "d", 32872)],
)
def test_an_age_among_the_measurements_is_capped(value: str, unit: str, capped: int) -> None:
    item = a_number(("121033", "DCM", "Subject Age"), value, unit, FloatingPointValue=float(value))
    measured = after(item)[0].MeasuredValueSequence[0]
    assert measured.NumericValue == pytest.approx(capped, abs=1)
    assert ("FloatingPointValue" in measured) is (float(value) == capped)


def test_an_age_without_a_number_is_left_alone() -> None:
    assert (
        after(content("NUM", ("121033", "DCM", "Subject Age"), MeasuredValueSequence=[]))[0].MeasuredValueSequence == []
    )


def test_a_key_object_selection_passes_with_its_references() -> None:
    image = an_item(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=f"{ROOT}.1.1")
    dataset = a_report(
        content("IMAGE", ReferencedSOPSequence=[image]),
        content("TEXT", ("113012", "DCM", "Key Object Description"), TextValue="see ZZCANARY"),
        sop_class="59",
        Modality="KO",
        ConceptNameCodeSequence=[a_code("113000", "DCM", "Of Interest")],
    )
    finished = deidentified(dataset)
    assert finished.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == PEOPLE.uid(f"{ROOT}.1.1")
    assert finished.ContentSequence[1].TextValue == "REMOVED"


@pytest.mark.parametrize("sop_class", ["11", "22", "33", "34"])
def test_a_report_is_as_valid_afterwards_as_before(sop_class: str) -> None:
    source = bytes_of(
        a_report(
            content("TEXT", TextValue="lungs of ZZCANARY"),
            content(
                "PNAME", ("121008", "DCM", "Person Observer Name"), relation="HAS OBS CONTEXT", PersonName="ZZCANARY"
            ),
            content("DATE", ("121031", "DCM", "Subject Birth Date"), relation="HAS OBS CONTEXT", Date="19270102"),
            content("CODE", ConceptCodeSequence=[a_code("Z2", "99Z", "ZZCANARY")]),
            content("UIDREF", ("112040", "DCM", "Tracking Unique Identifier"), UID=f"{ROOT}.77"),
            sop_class=sop_class,
        )
    )
    outcome = outcome_of(source)
    assert outcome.content is not None
    assert errors_of(outcome.content) <= errors_of(source)


def test_a_shifted_date_in_a_report_keeps_its_interval() -> None:
    finished = deidentified(a_report(content("DATE", Date="20200322")))
    study, found = read_date(finished.StudyDate), read_date(finished.ContentSequence[0].Date)
    assert study is not None
    assert found is not None
    assert (found - study).days == 7


def test_content_within_content_has_the_types_of_content() -> None:
    tree, concept = 0x0040A730, 0x0040A043
    assert place_of((tree, tree, tree)) == (tree,)
    assert place_of((tree, tree, concept)) == (tree, concept)
    assert place_of((tree, concept)) == (tree, concept)
    assert place_of((0x00081140,)) == (0x00081140,)


def test_a_content_item_without_a_concept_names_nobody() -> None:
    assert concept_of(an_item(), 0x0040A043, ("iso8859",)) == ("", "")
    assert concept_of(an_item(ConceptNameCodeSequence=[]), 0x0040A043, ("iso8859",)) == ("", "")
