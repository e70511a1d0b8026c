from typing import Any

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import generate_uid

from tasks.deidentify.instance import InstancePolicy
from tests.deidentify.objects import PEOPLE, PROFILE, a_ct, outcome_of

CLASSES = "1.2.840.10008.5.1.4.1.1."


@pytest.mark.parametrize(
    ("sop_class", "rule"),
    [
        ("2", "DE-PASS"),
        ("1", "DE-PASS"),
        ("1.1.1", "DE-PASS"),
        ("4", "DE-PASS"),
        ("128", "DE-PASS"),
        ("66.4", "DE-PASS"),
        ("7", "DE-BURNED-IN"),
        ("7.4", "DE-BURNED-IN"),
        ("6.1", "DE-BURNED-IN"),
        ("77.1.4", "DE-BURNED-IN"),
        ("77.1.6", "DE-BURNED-IN"),
        ("20", "DE-BURNED-IN"),
        ("88.11", "DE-PASS"),
        ("88.59", "DE-PASS"),
        ("88.67", "DE-PASS"),
        ("104.1", "DE-DOCUMENT"),
        ("104.2", "DE-DOCUMENT"),
        ("104.3", "DE-DOCUMENT"),
        ("9.1.1", "DE-SOP-CLASS"),
        ("88.1", "DE-STRUCTURED"),
        ("11.1", "DE-PASS"),
        ("11.2", "DE-SOP-CLASS"),
        ("66", "DE-SOP-CLASS"),
        ("9999", "DE-SOP-CLASS"),
    ],
)
def test_the_sop_class_decides_first(sop_class: str, rule: str) -> None:
    assert outcome_of(a_ct(SOPClassUID=CLASSES + sop_class)).rule_id == rule


def test_private_and_missing_classes_are_held() -> None:
    assert outcome_of(a_ct(SOPClassUID=generate_uid(entropy_srcs=["x"]))).rule_id == "DE-SOP-CLASS"
    dataset = a_ct()
    dataset.SOPClassUID = ""
    dataset.file_meta.MediaStorageSOPClassUID = CLASSES + "2"
    assert outcome_of(dataset).rule_id == "DE-SOP-CLASS"


@pytest.mark.parametrize(
    "hints",
    [
        {"BurnedInAnnotation": "YES"},
        {"BurnedInAnnotation": "UNKNOWN"},
        {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "DOSE_INFO"]},
        {"ImageType": ["DERIVED", "SECONDARY", "OTHER", "CT_SOM5 PROT"]},
        {"Modality": "OT"},
        {"Modality": "SC"},
        {"Modality": "US"},
        {"ConversionType": "WSD"},
        {"WindowWidth": "1", "WindowCenter": "1"},
        {"WindowWidth": ["400", "2"], "WindowCenter": ["40", "1"]},
    ],
)
def test_a_header_that_hints_at_text_holds_the_object(hints: dict[str, Any]) -> None:
    assert outcome_of(a_ct(**hints)).rule_id == "DE-BURNED-IN"


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "PALETTE COLOR"])
def test_colour_in_a_cross_sectional_image_holds_it(photometric: str) -> None:
    dataset = a_ct(
        PhotometricInterpretation=photometric, SamplesPerPixel=3, BitsAllocated=8, BitsStored=8, HighBit=7,
        PixelData=bytes(48), PlanarConfiguration=0,
    )  # fmt: skip
    assert outcome_of(dataset).rule_id == "DE-BURNED-IN"


@pytest.mark.parametrize(
    "harmless",
    [
        {"BurnedInAnnotation": "NO"},
        {"ImageType": ["DERIVED", "SECONDARY", "MPR"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER", "CT_SOM5 TOP"]},
        {"WindowWidth": "400", "WindowCenter": "40"},
        {"Modality": "MG", "WindowWidth": "1"},
    ],
)
def test_other_headers_do_not(harmless: dict[str, Any]) -> None:
    assert outcome_of(a_ct(**harmless)).rule_id == "DE-PASS"


def test_a_window_that_is_no_number_says_nothing() -> None:
    dataset = a_ct()
    dataset[0x00281051] = RawDataElement(Tag(0x00281051), "DS", 4, b"wide", 0, False, True)  # noqa: FBT003 -- pydicom's
    assert outcome_of(dataset).rule_id == "DE-PASS"


def test_a_site_can_refuse_pixels_that_nobody_checked() -> None:
    strict = InstancePolicy(PEOPLE, PROFILE, accept_not_checked=False)
    assert outcome_of(a_ct(), strict).rule_id == "DE-POLICY"
    plan = a_ct(SOPClassUID=CLASSES + "481.5", Modality="RTPLAN", PixelData=None)
    outcome = outcome_of(plan, strict)
    assert outcome.rule_id == "DE-PASS"
    assert outcome.facts is not None
    assert outcome.facts["deid_pixel"] == "not_needed"
