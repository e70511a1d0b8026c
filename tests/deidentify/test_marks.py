import pytest

from tasks.deidentify.instance import InstancePolicy
from tasks.deidentify.marks import EARLIER, MAKER, MODEL, method_line
from tests.deidentify.objects import PEOPLE, PROFILE, a_code, a_ct, an_item, bytes_of, deidentified, outcome_of

CODES = ["113100", "113103", "113104", "113105", "113107", "113108", "113111"]
LINE = method_line(PROFILE)


def test_an_object_says_what_was_done_to_it() -> None:
    finished = deidentified(a_ct())
    assert finished.PatientIdentityRemoved == "YES"
    assert finished.DeidentificationMethod == LINE
    assert len(LINE) <= 64
    assert [item.CodeValue for item in finished.DeidentificationMethodCodeSequence] == CODES
    assert {item.CodingSchemeDesignator for item in finished.DeidentificationMethodCodeSequence} == {"DCM"}
    assert finished.LongitudinalTemporalInformationModified == "MODIFIED"
    assert "BurnedInAnnotation" not in finished
    assert "RecognizableVisualFeatures" not in finished


def test_the_equipment_item_names_the_product_and_no_date() -> None:
    (item,) = deidentified(a_ct()).ContributingEquipmentSequence
    assert (item.Manufacturer, item.ManufacturerModelName) == (MAKER, MODEL)
    assert item.PurposeOfReferenceCodeSequence[0].CodeValue == "109104"
    assert not [element for element in item if element.VR in ("DA", "DT", "TM", "PN")]


@pytest.mark.parametrize("stated", ["NO", "YES"])
def test_what_a_source_says_of_burned_in_text_is_not_changed_and_not_believed(stated: str) -> None:
    outcome = outcome_of(a_ct(BurnedInAnnotation=stated))
    if stated == "YES":
        assert outcome.rule_id == "DE-BURNED-IN"
    else:
        assert outcome.facts is not None
        assert outcome.facts["deid_pixel"] == "not_checked"
        assert outcome.facts["burned_in_annotation"] == "NO"


def test_a_second_pass_appends_and_claims_only_its_own() -> None:
    first = deidentified(a_ct())
    first.DeidentificationMethod = [f"{MAKER} 0.0.9, PS3.15 2025b, profile 0123abcd", LINE]
    first.ContributingEquipmentSequence[0].SoftwareVersions = "0.0.9"
    second = deidentified(bytes_of(first), InstancePolicy(PEOPLE, PROFILE))
    assert list(second.DeidentificationMethod) == [f"{MAKER} 0.0.9, PS3.15 2025b, profile 0123abcd", LINE]
    assert [item.CodeValue for item in second.DeidentificationMethodCodeSequence] == CODES
    assert [item.SoftwareVersions for item in second.ContributingEquipmentSequence] == [
        "0.0.9",
        deidentified(a_ct()).ContributingEquipmentSequence[0].SoftwareVersions,
    ]
    assert second.PatientID != first.PatientID


def test_a_foreign_method_is_noted_without_its_words_and_its_claims() -> None:
    dataset = a_ct(
        PatientIdentityRemoved="YES",
        DeidentificationMethod=["by Dr ZZCANARY", LINE],
        DeidentificationMethodCodeSequence=[a_code("113101", "DCM", "Clean Pixel Data Option")],
        LongitudinalTemporalInformationModified="REMOVED",
        ContributingEquipmentSequence=[
            an_item(Manufacturer="X", InstitutionName="ZZCANARY", StationName="ZZCANARY"),
            an_item(Manufacturer=MAKER, SoftwareVersions="by Dr ZZCANARY"),
        ],
    )
    finished = deidentified(dataset)
    assert list(finished.DeidentificationMethod) == [EARLIER, LINE]
    assert [item.CodeValue for item in finished.DeidentificationMethodCodeSequence] == CODES
    assert finished.LongitudinalTemporalInformationModified == "MODIFIED"
    assert len(finished.ContributingEquipmentSequence) == 1
    assert list(deidentified(bytes_of(finished)).DeidentificationMethod) == [EARLIER, LINE]
