"""Each action passes, fails, counts in part or stays open exactly when the public scorer says so."""

import hashlib
import json

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from flows.scoring.answer_key import Check
from flows.scoring.checks import Action, Identifiers, Result, judged
from flows.scoring.outputs import Output
from flows.scoring.texts import share_left, words_of
from tests.deidentify.objects import a_ct, an_item
from tests.scoring.keys import output_of

IDS = Identifiers({"1.2.old": "2.25.1", "1.2.older": "2.25.2"}, {"MRN1": "NEW1"})
NOTHING = Identifiers({}, {})
OPEN = (None, None)


def ends(check: Check, output: Output | None, ids: Identifiers = NOTHING) -> tuple[bool | None, float | None]:
    found = judged(check, output, ids)
    return found.passed, found.score


@pytest.mark.parametrize(
    ("action", "place", "end"),
    [
        ("tag_retained", "<(0010,0010)>", (True, 1)),
        ("tag_retained", "<(0008,0090)>", (True, 1)),
        ("tag_retained", "<(0010,4000)>", (False, 0)),
        ("text_notnull", "<(0010,0010)>", (True, 1)),
        ("text_notnull", "<(0008,0090)>", (False, 0)),
        ("text_notnull", "<(0010,4000)>", (False, 0)),
        ("text_notnull", "somewhere", OPEN),
        ("text_invented", "<(0010,0010)>", OPEN),
    ],
)
def test_an_attribute_is_there_or_has_a_value(action: str, place: str, end: tuple[bool, float]) -> None:
    assert ends(Check(action, place), output_of(ReferringPhysicianName="")) == end


@pytest.mark.parametrize(
    ("text", "found", "left"),
    [
        ("CT of the chest with contrast", "ct CHEST CONTRAST", 1),
        ("CT chest for Anna Smith", "CT chest", 0.5),
        ("chest", "<Chestwall>", 1),
        ("12.0", "12", 1),
        ("12.0", "112", 0),
        ("5", "0.5", 0),
        ("5 mm", "0.5 mm", 1),
        ("...", "anything", None),
        ("14 Elm Road, Springfield IL 62701", "seen at home, 14 IL 62701", 0.5),
    ],
)
def test_a_text_is_kept_and_removed_by_words(text: str, found: str, left: float | None) -> None:
    assert share_left(text, found) == left
    output = output_of(ImageComments=found)
    kept, removed = (
        ends(Check(action, "<(0020,4000)>", text=text), output) for action in ("text_retained", "text_removed")
    )
    assert kept == (OPEN if left is None else (left == 1, left))
    assert removed == ((left or 0) == 0, 1 - (left or 0))


def test_words_are_cut_at_signs_and_stop_words_do_not_count() -> None:
    assert words_of("The patient's (left) lung: w/o 1,000 nodules, at 10:30.") == [
        "patient's", "left", "lung", "w/o", "1,000", "nodules", "10:30",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "attributes", "text", "end"),
    [
        ("text_retained", {}, "chest", (False, 0)),
        ("text_retained", {"ImageComments": "chest"}, None, OPEN),
        ("text_removed", {}, "Anna", (True, 1)),
        ("text_removed", {"ImageComments": ""}, "Anna", (True, 1)),
        ("text_removed", {"ImageComments": "Anna"}, None, OPEN),
        ("text_removed", {"ImageComments": "Anna"}, "", (True, 1)),
    ],
)
def test_a_text_that_is_gone_is_removed_and_not_kept(
    action: str, attributes: dict[str, str], text: str | None, end: tuple[bool | None, float | None]
) -> None:
    assert ends(Check(action, "<(0020,4000)>", text=text), output_of(**attributes)) == end


@pytest.mark.parametrize(
    ("action", "place", "value", "end"),
    [
        ("date_shifted", "<(0008,0020)>", "20200315", (False, 0)),
        ("date_shifted", "<(0008,0020)>", "20190315", (True, 1)),
        ("date_shifted", "<(0008,0021)>", "20200315", (True, 1)),
        ("date_shifted", "<(0008,0020)>", None, OPEN),
        ("date_shifted", "<(0008,0020)>", "", (True, 1)),
        ("uid_changed", "<(0008,0018)>", "1.2.840.99999.20200315.1.1", (False, 0)),
        ("uid_changed", "<(0008,0018)>", "1.2.3", (True, 1)),
    ],
)
def test_a_date_or_uid_is_gone(action: str, place: str, value: str | None, end: tuple[bool, float]) -> None:
    assert ends(Check(action, place, value=value), output_of()) == end


@pytest.mark.parametrize(
    ("old", "new", "passed"),
    [
        ("1.2.old", "2.25.1", True),
        ("1.2.old", "2.25.3", False),
        ("1.2.unknown", "2.25.1", False),
        ("['1.2.old', '1.2.older']", ["2.25.1", "2.25.2"], True),
        ("['1.2.old', '1.2.older']", ["2.25.2", "2.25.1"], False),
        ("1.2.old", None, True),
    ],
)
def test_a_uid_is_the_one_that_the_mapping_states(old: str, new: str | list[str] | None, passed: bool) -> None:  # noqa: FBT001 -- a table
    output = output_of(SeriesInstanceUID=new)
    assert ends(Check("uid_consistent", "<(0020,000e)>", value=old), output, IDS)[0] is passed


def test_a_patient_id_is_the_one_that_the_mapping_states() -> None:
    check = Check("patid_consistent", "<(0010,0020)>", value="MRN1")
    assert ends(check, output_of(PatientID="NEW1"), IDS) == (True, 1)
    assert ends(check, output_of(PatientID="NEW2"), IDS) == (False, 0)
    assert ends(check, output_of(PatientID=""), IDS) == (False, 0)


def test_pixels_are_kept_to_the_byte() -> None:
    digest = hashlib.md5(a_ct().PixelData, usedforsecurity=False).hexdigest()
    check = Check("pixels_retained", text=digest.upper())
    assert ends(check, output_of()) == (True, 1)
    assert ends(check, output_of(PixelData=bytes(32))) == (False, 0)
    assert ends(check, output_of(PixelData=None)) == (False, 0)
    assert ends(Check("pixels_retained"), output_of()) == OPEN


BOX = json.dumps({"text": "ANNA", "top_left": [1, 1], "bottom_right": [3, 3]})


@pytest.mark.parametrize(
    ("attributes", "text", "end"),
    [
        ({}, BOX, OPEN),
        ({"PixelData": bytes(32)}, BOX, (True, 1)),
        ({"PixelData": None}, BOX, (True, 1)),
        ({"PixelData": bytes(32)}, "no box", OPEN),
        ({"PixelData": bytes(31)}, BOX, OPEN),
        ({"NumberOfFrames": 2, "PixelData": bytes(64)}, BOX, (True, 1)),
        ({"NumberOfFrames": 2, "PixelData": bytes(32) + bytes(range(32))}, BOX, OPEN),
        ({"PixelData": bytes(32)}, BOX.replace("1", "90").replace("3", "99"), (True, 1)),
    ],
)
def test_a_box_of_one_colour_hides_its_text_and_any_other_is_left_to_a_reader(
    attributes: dict[str, object], text: str, end: tuple[bool, float]
) -> None:
    assert ends(Check("pixels_hidden", text=text), output_of(**attributes)) == end


def test_the_box_lies_in_every_colour_plane() -> None:
    colours = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
    }
    flat = np.zeros((4, 4, 3), np.uint8)
    assert ends(Check("pixels_hidden", text=BOX), output_of(PixelData=flat.tobytes(), **colours)) == (True, 1)
    flat[2, 2, 1] = 9
    assert ends(Check("pixels_hidden", text=BOX), output_of(PixelData=flat.tobytes(), **colours)) == OPEN


@pytest.mark.parametrize("text", ["ZZCANARY", "山田"])
def test_a_planted_text_is_searched_in_every_byte(text: str) -> None:
    check = Check("canary_absent", text=text)
    utf8 = output_of(SpecificCharacterSet="ISO_IR 192", PatientComments=text)
    kanji = output_of(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientComments=text)
    clean = output_of(PatientID="P", PatientName="N", AccessionNumber="", ReferringPhysicianName="")
    assert ends(check, clean) == (True, 1)
    for output in (utf8, kanji, Output("1.dcm", text.encode("utf-16-le"), clean.dataset)):
        assert ends(check, output) == (False, 0)
    assert ends(check, Output(f"{text}.dcm", clean.content, clean.dataset)) == (False, 0)
    assert ends(Check("canary_absent"), clean) == OPEN


def test_a_planted_text_is_found_where_the_data_set_is_deflated() -> None:
    dataset = a_ct(PatientID="P", ImageComments="PLANTED " * 20)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    output = output_of(dataset)
    assert b"PLANTED" not in output.content
    assert ends(Check("canary_absent", text="planted"), output) == (False, 0)
    cut = Output("1.dcm", output.content[:160] + b"\xff" * 60, dataset)
    assert ends(Check("canary_absent", text="planted"), cut) == (True, 1)


@pytest.mark.parametrize("action", list(Action))
def test_of_a_missing_file_everything_is_hidden_and_nothing_kept(action: Action) -> None:
    hidden = action in {"text_removed", "date_shifted", "uid_changed", "pixels_hidden", "canary_absent"}
    assert judged(Check(action), None, NOTHING) == Result(hidden, float(hidden), "<MISSING FILE>")


def test_a_nested_place_is_judged_like_any_other() -> None:
    item = an_item(ReferencedSOPInstanceUID="2.25.1")
    check = Check("uid_consistent", "<(0008,1140)>[<0000>]<(0008,1155)>", value="1.2.old")
    assert ends(check, output_of(ReferencedImageSequence=[item]), IDS) == (True, 1)


def test_a_result_prints_no_value() -> None:
    assert "Anna" not in repr(Result(passed=False, score=0.0, found="Anna"))
