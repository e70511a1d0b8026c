"""Private elements: what the standard's table knows stays, if its value is what the table says."""

from datetime import date, timedelta
from struct import pack
from typing import Any

import pytest
from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from config.deid.profile import SafePrivate
from tasks.deidentify.kept import Keeping
from tasks.deidentify.private import are_numbers, creator_tag, is_double, kept_private, opened
from tasks.dicom.silence import silenced
from tests.deidentify.objects import (
    DAYS,
    PEOPLE,
    PROFILE,
    REMOVED,
    ROOT,
    a_ct,
    an_item,
    bytes_of,
    deidentified,
    outcome_of,
    reread,
)
from tests.deidentify.syntaxes import in_syntax

ELSCINT, GE, PHILIPS, QUANT = "ELSCINT1", "GEMS_ACQU_01", "Philips Imaging DD 001", "NQHeader"
CANARY = b"ZZCANARY"


def with_private(creator: str, group: int, place: int, vr: str, value: Any) -> Dataset:
    """A CT with one private element."""
    block, place = place >> 8 or 0x10, place & 0xFF
    dataset = a_ct()
    dataset.add_new(group << 16 | block, "LO", creator)
    put(dataset, group << 16 | block << 8 | place, vr, value)
    return dataset


def put(dataset: Dataset, tag: int, vr: str, value: Any) -> None:
    """Set an element; bytes are written as they are."""
    if isinstance(value, bytes):
        dataset._dict[Tag(tag)] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)  # noqa: FBT003 -- pydicom's
    else:
        with silenced():
            dataset[tag] = DataElement(tag, vr, value)


def value_of(dataset: Dataset | bytes, tag: int) -> Any:
    """What stands at a tag afterwards."""
    outcome = outcome_of(dataset)
    assert outcome.content is not None, (outcome.rule_id, outcome.findings)
    assert CANARY not in outcome.content.upper()
    finished = reread(outcome)
    return finished.get_item(tag).value if tag in finished else REMOVED


def private_of(dataset: Dataset | bytes) -> list[int]:
    """The tags of the private elements that stay."""
    return [int(element.tag) for element in deidentified(dataset).iterall() if element.tag.is_private]


@pytest.mark.parametrize("block", [0x10, 0x11, 0x7F, 0xFF])
def test_a_safe_element_stays_in_any_block_with_its_creator(block: int) -> None:
    finished = deidentified(with_private(GE, 0x0019, block << 8 | 0x23, "DS", "5.000000"))
    assert finished[0x00190000 | block].value == GE
    assert finished.get_item(0x00190023 | block << 8).value == b"5.000000"


@pytest.mark.parametrize(
    ("creator", "group", "place"),
    [
        (GE, 0x0019, 0x22),  # another place in the block
        (GE, 0x0021, 0x23),  # another group
        ("GEMS_ACQU_02", 0x0019, 0x23),
        ("gems_acqu_01", 0x0019, 0x23),
        ("ZZCANARY", 0x0019, 0x23),
        ("", 0x0019, 0x23),
    ],
)
def test_anything_else_goes_with_its_creator(creator: str, group: int, place: int) -> None:
    assert private_of(with_private(creator, group, place, "DS", "5")) == []


def test_an_orphan_goes_and_a_creator_without_an_element_too() -> None:
    dataset = a_ct()
    dataset.add_new(0x00191023, "DS", "5")
    dataset.add_new(0x00430010, "LO", "GEMS_PARM_01")
    dataset.add_new(0x00430001, "LO", "ZZCANARY")
    assert private_of(dataset) == []


def test_a_creator_in_two_blocks_keeps_the_safe_elements_of_both() -> None:
    dataset = a_ct()
    for block in (0x10, 0x12):
        dataset.add_new(0x00190000 | block, "LO", GE)
        put(dataset, 0x00190023 | block << 8, "DS", "5")
        put(dataset, 0x00190001 | block << 8, "LO", "ZZCANARY")
    dataset.add_new(0x00190013, "LO", GE)
    put(dataset, 0x00191301, "LO", "ZZCANARY")
    assert private_of(dataset) == [0x00190010, 0x00190012, 0x00191023, 0x00191223]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(
    ("vr", "value"), [("DS", b"0.984 "), ("FD", pack("<d", 0.984)), ("FD", pack("<d", 2.0)), ("FD", pack("<d", 1 / 3))]
)
def test_a_value_stays_byte_by_byte_even_where_dictionaries_contradict(syntax: str, vr: str, value: bytes) -> None:
    # ELSCINT1's pitch is DS in the table and FD in files
    dataset = with_private(ELSCINT, 0x01F1, 0x26, vr, value)
    if syntax == ImplicitVRLittleEndian and value == pack("<d", 1 / 3):
        return  # eight letters U: what is written as text in the table is not read as a number then
    source = bytes_of(dataset) if syntax == ExplicitVRLittleEndian else in_syntax(dataset, syntax)
    assert value_of(source, 0x01F11026) == value


def test_an_unknown_vr_becomes_the_tables() -> None:
    finished = deidentified(with_private(GE, 0x0019, 0x23, "UN", b"5.0 "))
    assert finished[0x00191023].VR == "DS"
    pitch = deidentified(with_private(ELSCINT, 0x01F1, 0x26, "UN", pack("<d", 1.375)))
    assert (pitch[0x01F11026].VR, pitch[0x01F11026].value) == ("FD", 1.375)
    number = deidentified(with_private(PHILIPS, 0x2001, 0x03, "UN", pack("<f", 1000)))
    assert (number[0x20011003].VR, number[0x20011003].value) == ("FL", 1000)


@pytest.mark.parametrize(
    ("creator", "group", "place", "vr", "value"),
    [
        (GE, 0x0019, 0x23, "DS", b"ZZCANARY"),
        (GE, 0x0019, 0x23, "LO", b"Smith of ward 5 "),
        (GE, 0x0019, 0x23, "SQ", [an_item(PatientName="ZZCANARY")]),
        (ELSCINT, 0x01F1, 0x26, "FD", b"ZZCANARY"),
        (ELSCINT, 0x01F1, 0x26, "UN", b"ZZCANARY"),
        (ELSCINT, 0x01F1, 0x26, "FD", pack("<2d", 1, 2)),
        (ELSCINT, 0x01F1, 0x26, "FD", pack("<d", float("nan"))),
        (ELSCINT, 0x01F1, 0x26, "FD", pack("<d", 1e30)),
        (ELSCINT, 0x01E1, 0x26, "CS", b"of Smith"),
        (PHILIPS, 0x2001, 0x03, "OB", b"ZZCANARY"),
        (PHILIPS, 0x2001, 0x13, "SL", b"ZZCANARY"),
        (PHILIPS, 0x2001, 0x50, "LO", "Smith arrow"),
        (PHILIPS, 0x2001, 0x50, "LO", "arrow 15.03.2020"),
        (PHILIPS, 0x2001, 0x5A, "ST", "ZZCANARY"),
        (PHILIPS, 0x2001, 0x6E, "SH", "ZZCANARY"),
        (PHILIPS, 0x2001, 0x6E, "SH", "20200315"),
        (PHILIPS, 0x2001, 0x6E, "SH", "x" * 17),
        (PHILIPS, 0x2001, 0x6E, "SH", "a\tb"),
        (PHILIPS, 0x2001, 0x6E, "PN", "Smith"),
        (PHILIPS, 0x2001, 0x6E, "UI", "1.2.840.99999.1.2"),
        (QUANT, 0x0099, 0x02, "LO", "1.2.840.99999.1.2"),
        ("Philips ST80i", 0x0025, 0x01, "OW", b"ZZCANARY"),
        ("Philips ST80i", 0x0025, 0x01, "UN", b"\0\1\2\3"),
        ("HOLOGIC, Inc.", 0x7E01, 0x12, "OB", b"\0\1\2\3"),
        ("SIEMENS Ultrasound SC2000", 0x0119, 0x11, "LO", "ZZCANARY"),  # the table states no VR
        (PHILIPS, 0x2001, 0x65, "LO", "overlay"),  # a sequence in the table
        (PHILIPS, 0x2001, 0x65, "OB", b"ZZCANARY"),
    ],
)  # fmt: skip
def test_a_value_that_is_not_what_the_table_says_goes(
    creator: str, group: int, place: int, vr: str, value: Any
) -> None:
    assert private_of(with_private(creator, group, place, vr, value)) == []


@pytest.mark.parametrize(
    ("creator", "group", "place", "vr", "value"),
    [
        (ELSCINT, 0x01E1, 0x26, "CS", b"BODY"),
        (PHILIPS, 0x2001, 0x50, "LO", b"arrow "),
        (PHILIPS, 0x2001, 0x6E, "SH", b"qxzv"),
        (PHILIPS, 0x2001, 0x6E, "SH", b""),
        (PHILIPS, 0x2001, 0x13, "SL", pack("<i", 7)),
        (PHILIPS, 0x2001, 0x13, "SL", b""),
        (PHILIPS, 0x2001, 0x03, "OF", pack("<f", 7)),
        (PHILIPS, 0x2001, 0x02, "IS", b"7\\8 "),
        (PHILIPS, 0x2001, 0xD0, "AT", pack("<4H", 0x20, 0x13, 0x20, 0x11)),
        ("SIEMENS Ultrasound SC2000", 0x0119, 0x11, "FD", pack("<d", 0.5)),
    ],
)  # fmt: skip
def test_a_value_that_is_what_the_table_says_stays(creator: str, group: int, place: int, vr: str, value: Any) -> None:
    tag = group << 16 | 0x1000 | place
    assert (value_of(with_private(creator, group, place, vr, value), tag) or b"") == value


def test_a_uid_is_replaced_and_a_date_moved() -> None:
    dataset = with_private(QUANT, 0x0099, 0x02, "UI", f"{ROOT}.2")
    finished = deidentified(dataset)
    assert finished[0x00991002].value == finished.SeriesInstanceUID == PEOPLE.uid(f"{ROOT}.2")
    outcome = outcome_of(dataset)
    assert outcome.actions["(0099,1002)", "K"] == 1
    assert outcome.actions["(0099,0010)", "K"] == 1


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("undefined", [True, False])
def test_a_private_sequence_is_cleaned_item_by_item(syntax: str, *, undefined: bool) -> None:
    inner = an_item(PatientName="ZZCANARY^P", StudyDate="20200315", ReferencedSOPInstanceUID=f"{ROOT}.9", KVP="120")
    inner.add_new(0x20010010, "LO", PHILIPS)
    inner.add_new(0x20011003, "FL", 500.0)
    inner.add_new(0x20011004, "LO", "ZZCANARY")
    inner.add_new(0x00290010, "LO", "ZZCANARY")
    inner.ReferencedImageSequence = [an_item(ReferencedSOPInstanceUID=f"{ROOT}.8", OperatorsName="ZZCANARY")]
    dataset = with_private(PHILIPS, 0x2001, 0x5F, "SQ", [inner, an_item(OperatorsName="ZZCANARY")])
    dataset[0x2001105F].is_undefined_length = undefined
    source = bytes_of(dataset) if syntax == ExplicitVRLittleEndian else in_syntax(dataset, syntax)
    outcome = outcome_of(source)
    assert outcome.content is not None, outcome.rule_id
    assert CANARY not in outcome.content.upper()
    (item,) = reread(outcome)[0x2001105F].value
    assert (item.KVP, item.ReferencedSOPInstanceUID) == (120, PEOPLE.uid(f"{ROOT}.9"))
    assert item.ReferencedImageSequence[0].ReferencedSOPInstanceUID == PEOPLE.uid(f"{ROOT}.8")
    assert item[0x20011003].value == 500
    assert [int(element.tag) for element in item if element.tag.is_private] == [0x20010010, 0x20011003]
    assert (item.StudyDate == "20200315") is (DAYS == 0)


def of_unknown_vr(value: bytes) -> bytes:
    """A CT with a stack sequence under VR UN; pydicom would not write it."""
    header = b"\x01\x20\x5f\x10"
    content = bytes_of(with_private(PHILIPS, 0x2001, 0x5F, "OB", value))
    return content.replace(header + b"OB", header + b"UN")


def test_a_sequence_of_unknown_vr_is_read_as_one() -> None:
    items = b"\xfe\xff\x00\xe0\x14\0\0\0" + b"\x08\x00\x70\x10\x08\0\0\0ZZCANARY" + b"\x18\x00\x60\x00"  # cut
    for broken in (items, b"ZZCANARY"):
        assert private_of(of_unknown_vr(broken)) == []
    element = b"\x18\x00\x60\x00\x04\0\0\x00120 " + b"\x08\x00\x70\x10\x08\0\0\0ZZCANARY"
    whole = b"\xfe\xff\x00\xe0" + len(element).to_bytes(4, "little") + element
    finished = deidentified(of_unknown_vr(whole))
    assert finished[0x2001105F].VR == "SQ"
    assert [[element.keyword for element in item] for item in finished[0x2001105F].value] == [["KVP"]]


def test_what_an_object_says_of_its_private_elements_has_no_weight() -> None:
    said = an_item(
        PrivateGroupReference=0x0033, PrivateCreatorReference="ZZCANARY", BlockIdentifyingInformationStatus="SAFE"
    )
    said.NonidentifyingPrivateElements = [1]
    dataset = with_private("ZZCANARY", 0x0033, 0x01, "LO", "lung")
    dataset.PrivateDataElementCharacteristicsSequence = [said]
    finished = deidentified(dataset)
    assert "PrivateDataElementCharacteristicsSequence" not in finished
    assert not [element for element in finished if element.tag.is_private]


def test_private_elements_in_a_dummy_go() -> None:
    observer = an_item(VerifyingOrganization="ZZCANARY")
    observer.add_new(0x20010010, "LO", PHILIPS)
    observer.add_new(0x20011003, "FL", 500.0)
    assert private_of(a_ct(VerifyingObserverSequence=[observer])) == []


@pytest.mark.parametrize(
    ("value", "vr", "vm", "are"),
    [
        (b"\0\0", "US", "1", True),
        (b"\0\0\0", "US", "1", False),
        (b"\0\0\0\0", "US", "1", False),
        (b"\0\0\0\0", "US", "1-n", True),
        (b"abcdefgh", "US", "1-n", False),
        (pack("<2f", 1, 2), "FL", "2", True),
        (pack("<f", float("inf")), "FL", "1", False),
        (b"abcd", "LO", "1", False),
        (bytes(4), "AT", "1", True),
        (bytes(2), "AT", "1", False),
    ],
)
def test_bytes_are_numbers_or_not(value: bytes, vr: str, vm: str, *, are: bool) -> None:
    assert are_numbers(value, vr, vm) is are


def test_the_creator_of_an_element_is_named_by_its_block() -> None:
    assert creator_tag(0x00191223) == 0x00190012


def test_letters_are_no_double() -> None:
    assert is_double(pack("<d", 2.0))
    assert not is_double(b"ZZCANARY")


def raw(tag: int, vr: str | None, value: bytes) -> RawDataElement:
    """An element as a reader of implicit VR gives it."""
    return RawDataElement(Tag(tag), vr, len(value), value, 0, True, True)  # noqa: FBT003 -- pydicom's order


def keeping() -> Keeping:
    """What decides about the values of an object of nobody."""
    return Keeping(PROFILE, PEOPLE, DAYS, frozenset())


def test_bytes_that_are_no_items_are_no_sequence() -> None:
    item = b"\xfe\xff\x00\xe0"
    cut = item + b"\xff\xff\xff\xff\x08\x00\x70\x10\xff\0\0\0ZZ"
    assert opened(raw(0x2001105F, None, cut)) is None
    assert opened(raw(0x2001105F, None, b"ZZCANARY")) is None
    whole = opened(raw(0x2001105F, None, item + bytes(4)))
    assert whole is not None
    assert [len(inner) for inner in whole.value] == [0]


@pytest.mark.parametrize(("value", "stays"), [(b"qxzv", True), (b"qx\\", True), (b"x" * 18, False), (b"a\tbc", False)])
def test_short_text_is_printable_and_as_short_as_its_vr(value: bytes, *, stays: bool) -> None:
    row = PROFILE.safe_private[PHILIPS, 0x2001, 0x6E]
    assert (kept_private(raw(0x2001106E, None, value), row, keeping(), ("iso8859",)) is not None) is stays


def test_a_value_that_was_read_before_is_judged_like_its_bytes() -> None:
    row = PROFILE.safe_private[GE, 0x0019, 0x23]
    assert kept_private(DataElement(0x00191023, "DS", "5"), row, keeping(), ("iso8859",)) is not None
    row = PROFILE.safe_private[PHILIPS, 0x2001, 0x03]
    assert kept_private(DataElement(0x20011003, "FL", 5.0), row, keeping(), ("iso8859",)) is None


def test_a_date_moves_and_a_term_that_would_change_goes() -> None:
    row = SafePrivate("DA", "1")
    moved = kept_private(raw(0x20011003, None, b"20200315"), row, keeping(), ("iso8859",))
    assert moved is not None
    assert moved.value == f"{date(2020, 3, 15) + timedelta(days=DAYS):%Y%m%d}"
    assert kept_private(raw(0x20011003, None, b"body"), SafePrivate("CS", "1"), keeping(), ("iso8859",)) is None
