import pytest
from pydicom import Dataset

from tests.deidentify.objects import a_code, a_ct, an_item, deidentified

LOCAL = ("LOCAL", "99LOCAL", "Local code")


def code_after(item: Dataset) -> tuple[str, str, str]:
    finished = deidentified(a_ct(ProcedureCodeSequence=[item])).ProcedureCodeSequence[0]
    value = finished.get("CodeValue") or finished.get("LongCodeValue")
    return (value, finished.CodingSchemeDesignator, finished.CodeMeaning)


@pytest.mark.parametrize(
    ("source", "finished"),
    [
        (("113100", "DCM", "ZZCANARY"), ("113100", "DCM", "Basic Application Confidentiality Profile")),
        (("T-D3000", "SRT", "Chest"), ("T-D3000", "SRT", "Thoracic structure (body structure)")),
        (("51185008", "SCT", "Chest of ZZCANARY"), ("51185008", "SCT", "Thoracic structure (body structure)")),
        (("999999999", "SCT", "Left lung"), ("999999999", "SCT", "Left lung")),  # a code newer than the dictionary
        (("999999999", "SCT", "Zzcanary lung"), ("999999999", "SCT", "999999999")),
        (("999999999", "SCT", ""), ("999999999", "SCT", "999999999")),
        (("ZZCANARY", "SCT", "Left lung"), LOCAL),
        (("ZZCANARYACC", "UCUM", "millimeter"), LOCAL),
        (("{ratio}", "UCUM", "ratio"), ("{ratio}", "UCUM", "ratio")),
        (("CT1", "99ZZCANARY", "Chest"), LOCAL),
        (("CT1", "L", "ZZCANARY"), LOCAL),
        (("CT1", "", "ZZCANARY"), LOCAL),
        (("", "DCM", "ZZCANARY"), LOCAL),
    ],
)
def test_public_codes_get_their_own_meaning_and_local_ones_go(
    source: tuple[str, str, str], finished: tuple[str, str, str]
) -> None:
    assert code_after(a_code(*source)) == finished


def test_a_scheme_version_stays_if_it_is_one() -> None:
    item = a_code("51185008", "SCT", "Chest")
    item.CodingSchemeVersion = "20250101"
    assert deidentified(a_ct(ProcedureCodeSequence=[item])).ProcedureCodeSequence[0].CodingSchemeVersion == "20250101"
    item.CodingSchemeVersion = "of ZZCANARY"
    assert "CodingSchemeVersion" not in deidentified(a_ct(ProcedureCodeSequence=[item])).ProcedureCodeSequence[0]


def test_a_long_code_stays_and_a_urn_goes() -> None:
    long = an_item(LongCodeValue="12345678901234567", CodingSchemeDesignator="SCT", CodeMeaning="Left lung")
    assert code_after(long) == ("12345678901234567", "SCT", "Left lung")
    urn = an_item(URNCodeValue="urn:zzcanary", CodeMeaning="ZZCANARY")
    assert code_after(urn) == LOCAL


def test_context_group_versions_do_not_tell_the_offset() -> None:
    item = a_code("51185008", "SCT", "Chest")
    item.ContextIdentifier = "4031"
    item.ContextGroupVersion = "20020904"
    finished = deidentified(a_ct(ProcedureCodeSequence=[item])).ProcedureCodeSequence[0]
    assert finished.ContextGroupVersion == "19000101"


@pytest.mark.parametrize(
    ("name", "meaning"),
    [("LUNG^ANNA", "Lung structure (body structure)"), ("BODY^STRUCTURE", "39607008"), ("ANNA^ZZCANARY", None)],
)
def test_a_subject_who_is_named_like_a_concept_is_not_held_for_it(name: str, meaning: str | None) -> None:
    source = a_ct(PatientName=name, ProcedureCodeSequence=[a_code("39607008", "SCT", "Lung")])
    found = deidentified(source).ProcedureCodeSequence[0].CodeMeaning
    assert found == (meaning or "Lung structure (body structure)")
