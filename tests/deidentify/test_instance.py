"""Whole objects: planted places, real files, and what does not pass."""

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pydicom.data
import pytest
from pydicom import DataElement, Dataset, dcmread
from pydicom.uid import UID_dictionary

from config.rules import ledger_rules
from config.settings import ObjectLimits
from tasks.deidentify.dates import read_date
from tasks.deidentify.instance import InstancePolicy, Outcome
from tasks.deidentify.needles import harvest
from tasks.dicom.reading import read_dataset
from tasks.dicom.silence import silenced
from tasks.model import Status
from tests.deidentify.objects import DAYS, PEOPLE, POLICY, PROFILE, ROOT, a_ct, an_item, bytes_of, outcome_of, reread
from tests.oracle.conformance import errors_of
from tests.oracle.leaks import leaks

CANARIES = Path(__file__).parents[1] / "golden" / "deid_canaries"
PLACES: dict[str, str] = json.loads((CANARIES / "canaries.json").read_text(encoding="utf-8"))
REAL = Path(pydicom.data.__file__).parent
REAL_FILES = sorted(
    path
    for folder in ("test_files", "charset_files", "palettes")
    for path in (REAL / folder).rglob("*")
    if path.is_file() and path.suffix not in (".py", ".pyc", ".json", ".icc")
)


def test_every_planted_place_comes_out_clean_or_its_object_is_held(capsys: pytest.CaptureFixture[str]) -> None:
    objects = {path.name: path.read_bytes() for path in sorted(CANARIES.glob("*.dcm"))}
    outcomes = {name: outcome_of(content) for name, content in objects.items()}
    needles = list(PLACES)
    planted = {(name, number) for name, number in leaks(objects.items(), needles)}
    left = set(leaks([(name, found.content) for name, found in outcomes.items() if found.content], needles))
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(rows_of_places(planted, left, outcomes)) + "\n")
    assert {number for _, number in planted} == set(range(len(needles)))
    assert len(needles) == 65
    assert not left
    assert {name: found.rule_id for name, found in outcomes.items()} == {
        "ct1_PATID.dcm": "DE-PASS",
        "ct2.dcm": "DE-PASS",
        "pdf.dcm": "DE-DOCUMENT",
        "sr.dcm": "DE-PASS",
        "trail.dcm": "DE-PASS",
        "us.dcm": "DE-BURNED-IN",
    }


def rows_of_places(
    planted: set[tuple[str, int]], left: set[tuple[str, int]], outcomes: dict[str, Outcome]
) -> Iterator[str]:
    """A row per planted place: the marker, what became of it in the objects that hold it, and the place."""
    for number, (marker, place) in enumerate(PLACES.items()):
        rules = {outcomes[name].rule_id for name, found in planted if found == number}
        states = ["clean"] if "DE-PASS" in rules else []
        states += [f"held {rule}" for rule in sorted(rules - {"DE-PASS"})]
        state = "LEFT" if number in {found for _, found in left} else ", ".join(states)
        yield f"{marker:<10} {state:<62} {place}"


def test_a_comment_in_a_code_stream_goes_and_the_image_stays() -> None:
    with silenced():
        source = dcmread(CANARIES / "us.dcm")
        source.SOPClassUID = source.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
        source.Modality, source.BurnedInAnnotation = "DX", "NO"
    content = bytes_of(source)
    assert b"QZ60KXV" in content
    outcome = outcome_of(content)
    assert outcome.content is not None
    assert b"QZ60KXV" not in outcome.content
    assert (reread(outcome).pixel_array == source.pixel_array).all()


def test_two_slices_of_one_study_stay_together() -> None:
    first, second = (reread(outcome_of((CANARIES / name).read_bytes())) for name in ("ct1_PATID.dcm", "ct2.dcm"))
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.PatientID == second.PatientID
    assert second.ReferencedImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.FrameOfReferenceUID == first.FrameOfReferenceUID
    days = [read_date(text) for text in (first.StudyDate, second.StudyDate, "20200315", "20200401")]
    assert all(days)
    assert days[1] - days[0] == days[3] - days[2]


@pytest.mark.parametrize("path", REAL_FILES, ids=lambda path: path.name)
def test_every_real_file_ends_in_an_outcome_and_what_passes_is_clean(path: Path) -> None:
    content = path.read_bytes()
    outcome = outcome_of(content)
    assert outcome.rule_id in ledger_rules()
    assert outcome.status == ledger_rules()[outcome.rule_id].status
    assert outcome.rule_id not in ("DE-FAILED", "DE-RESIDUAL")
    if outcome.content is not None:
        with silenced():
            source, finished = read_dataset(content, ObjectLimits()), dcmread(BytesIO(outcome.content))
            assert_clean(source, finished, outcome)
            assert_dates_moved_by_one_offset(source, finished)
            assert_uids_mapped(source, finished)
            assert_pixels_kept(source, finished)
        assert errors_of(outcome.content) <= errors_of(content)
        assert outcome_of(content) == outcome


def elements_of(dataset: Dataset) -> Iterator[tuple[tuple[int, ...], DataElement]]:
    """Every element at every depth with its path."""
    for element in dataset:
        if element.VR == "SQ":
            for place, item in enumerate(element.value):
                yield from (((int(element.tag), place, *path), found) for path, found in elements_of(item))
        else:
            yield (int(element.tag),), element


def assert_clean(source: Dataset, finished: Dataset, outcome: Outcome) -> None:
    assert not [element for element in finished.iterall() if element.tag.is_private and not is_safe(element)]
    needles = [needle.text for needle in harvest(source, PROFILE, ("iso8859",)) if len(needle.text) > 7]
    texts = [str(element.value).lower() for element in finished.iterall() if element.VR not in ("DA", "DT", "OW", "OB")]
    assert not [text for text in texts if any(needle in text for needle in needles)]
    assert finished.PatientID != source.PatientID
    assert finished.PatientName == finished.PatientID == outcome.subject_id


def is_safe(element: DataElement) -> bool:
    """Tell whether the standard's table knows a private element, or the creator of one."""
    creators = {creator for creator, _, _ in PROFILE.safe_private}
    place = (element.private_creator or "", element.tag.group, element.tag.element & 0xFF)
    return place in PROFILE.safe_private or (element.tag.is_private_creator and element.value in creators)


def assert_dates_moved_by_one_offset(source: Dataset, finished: Dataset) -> None:
    before, after = dict(elements_of(source)), dict(elements_of(finished))
    offsets = set()
    for path, element in after.items():
        if element.VR in ("DA", "DT") and path in before and element.value:
            days = [read_date(str(found.value)[:8]) for found in (before[path], element)]
            if days[0] and days[1]:
                offsets.add((days[1] - days[0]).days)
    assert len(offsets) <= 1
    assert all(days % 7 == 0 and days < -350 for days in offsets)


def assert_uids_mapped(source: Dataset, finished: Dataset) -> None:
    before, after = dict(elements_of(source)), dict(elements_of(finished))
    for path, element in after.items():
        if element.VR == "UI" and path in before:
            old = str(before[path].value)
            assert str(element.value) in (PEOPLE.uid(old), old)
            assert str(element.value) != old or old in ("", *UID_dictionary)


def assert_pixels_kept(source: Dataset, finished: Dataset) -> None:
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        assert (keyword in source) == (keyword in finished)
    if "PixelData" in source and source.BitsStored == source.BitsAllocated and not is_encapsulated(source):
        assert bytes(finished.PixelData) == source.PixelData[: len(finished.PixelData)]


def is_encapsulated(dataset: Dataset) -> bool:
    return bool(dataset.file_meta.TransferSyntaxUID.is_encapsulated)


@pytest.mark.parametrize(
    "missing",
    [
        {"PatientID": None},
        {"PatientID": ""},
        {"PatientID": "  "},
        {"StudyInstanceUID": None},
        {"SeriesInstanceUID": ""},
        {"SOPInstanceUID": "not a uid"},
        {"StudyInstanceUID": [f"{ROOT}.1", f"{ROOT}.2"]},
        {"SeriesInstanceUID": "1." * 40},
        {"SpecificCharacterSet": "ISO_IR 192", "PatientID": "\udcff"},
    ],
    ids=str,
)
def test_an_object_without_its_identifiers_is_rejected(missing: dict[str, object]) -> None:
    dataset = a_ct(**missing)
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    if "\udcff" in str(missing.get("PatientID")):
        dataset = a_ct(SpecificCharacterSet="ISO_IR 192", PatientID="ZZCANARY7")
        outcome = outcome_of(bytes_of(dataset).replace(b"ZZCANARY7 ", b"ZZCANARY\xff "))
    else:
        outcome = outcome_of(dataset)
    assert (outcome.status, outcome.rule_id) == (Status.REJECTED, "DE-ID-MISSING")
    assert outcome.subject_id is None


def test_blanks_around_a_patient_id_make_no_other_subject() -> None:
    assert outcome_of(a_ct(PatientID=" ZZCANARY7 ")).subject_id == outcome_of(a_ct()).subject_id


def test_a_held_object_says_which_one_it_is_and_nothing_more() -> None:
    outcome = outcome_of(a_ct(BurnedInAnnotation="YES"))
    assert (outcome.status, outcome.rule_id) == (Status.HELD, "DE-BURNED-IN")
    assert outcome.subject_id == PEOPLE.subject("ZZCANARY7")
    assert outcome.study_uid == PEOPLE.uid(f"{ROOT}.1")
    assert outcome.sop_uid == PEOPLE.uid(f"{ROOT}.1.1")
    assert (outcome.content, outcome.facts, outcome.actions, outcome.engine) == (None, None, {}, None)


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b"no DICOM ZZCANARY", b"\0" * 128 + b"DICM", b"\xff" * 1000])
def test_bytes_that_are_no_object_are_rejected(content: bytes) -> None:
    assert outcome_of(content).status is Status.REJECTED


def test_a_value_that_survives_where_none_is_expected_holds_the_object() -> None:
    # a colour table of bytes, which nothing reads as text
    dataset = a_ct(RedPaletteColorLookupTableData=b"\0ZZCANARY^ANNA\0\0")
    outcome = outcome_of(dataset)
    assert (outcome.status, outcome.rule_id) == (Status.HELD, "DE-RESIDUAL")
    assert [(finding.rule_id, finding.place) for finding in outcome.findings] == [("DE-RESIDUAL", "name")]
    assert outcome.content is None
    assert "ZZCANARY" not in repr(outcome).upper()


def test_a_subject_who_is_named_like_our_own_words_is_not_held_for_them() -> None:
    assert outcome_of(a_ct(PatientName="PROFILE^BASIC", OperatorsName="Local^Code")).rule_id == "DE-PASS"


def test_a_name_among_the_pixels_holds_the_object() -> None:
    outcome = outcome_of(a_ct(BitsStored=16, HighBit=15, PixelData=b"\1\2ZZCANARY^ANNA".ljust(32, b"\3")))
    assert outcome.rule_id == "DE-RESIDUAL"


def test_a_shifted_date_may_equal_another_date_of_the_subject() -> None:
    later = read_date("20200315")
    assert later is not None
    earlier = f"{later + timedelta(days=DAYS):%Y%m%d}"
    assert reread(outcome_of(a_ct(SeriesDate=earlier))).StudyDate == earlier


def test_what_fails_unexpectedly_is_held_and_its_text_is_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("ZZCANARY")

    monkeypatch.setattr("tasks.deidentify.instance.check_pixels", fail)
    outcome = outcome_of(a_ct())
    assert (outcome.status, outcome.rule_id) == (Status.HELD, "DE-FAILED")
    assert "ZZCANARY" not in caplog.text + repr(outcome)
    assert "ValueError" in caplog.text


def test_limits_hold_an_object() -> None:
    policy = InstancePolicy(PEOPLE, PROFILE, ObjectLimits(max_depth=1))
    deep = an_item(ReferencedDefinedProtocolSequence=[an_item(KVP="1")])
    assert outcome_of(a_ct(ReferencedDefinedProtocolSequence=[deep]), policy).rule_id == "DE-LIMIT"


def test_the_same_bytes_give_the_same_bytes() -> None:
    content = bytes_of(a_ct())
    assert outcome_of(content) == outcome_of(content)
    assert outcome_of(content, POLICY).content == outcome_of(content, InstancePolicy(PEOPLE, PROFILE)).content
