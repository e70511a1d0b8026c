"""Reading gives whole data sets or refuses; what pydicom would repair, guess or warn about never gets through."""

import contextlib
import logging
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from config.settings import ObjectLimits
from tasks.dicom.pixels import clean_pixel_carriers
from tasks.dicom.reading import read_dataset
from tasks.dicom.refusal import Refusal
from tasks.dicom.silence import silenced
from tasks.dicom.writing import write_dataset

LIMITS = ObjectLimits()
BytesOf = Callable[..., bytes]
ImageOf = Callable[..., Dataset]
Real = Callable[[str], bytes]
TRAILERS = (b"ZZCANARY", b"\x10\x00\x10\x00PN", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xe1\x7f\x10\x10OB\0\0\xff\xff\xff\x7f")


def refused(content: bytes, limits: ObjectLimits = LIMITS) -> str:
    with pytest.raises(Refusal) as refusal:
        read_dataset(content, limits)
    assert refusal.value.__cause__ is None
    assert "ZZCANARY" not in str(refusal.value)
    return refusal.value.rule_id


def element(tag: int, vr: bytes, value: bytes, *, length: int | None = None) -> bytes:
    """One explicit little endian element; `length` may lie."""
    size = len(value) if length is None else length
    form = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    long = vr in {b"SQ", b"OB", b"OW", b"UN", b"UT"}
    return form + (struct.pack("<HL", 0, size) if long else struct.pack("<H", size)) + value


def item(content: bytes, *, length: int | None = None) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content) if length is None else length) + content


UNDEFINED = 0xFFFFFFFF
ITEM_END = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
CODE = element(0x00080100, b"SH", b"AB")
META = bytes(128) + b"DICM" + element(0x00020010, b"UI", b"1.2.840.10008.1.2.1\0")


def test_group_lengths_file_meta_and_preamble_are_not_taken_over(image: ImageOf, part10: BytesOf) -> None:
    dataset = image()
    dataset.add_new(0x00080000, "UL", 4)
    content = part10(dataset, preamble=b"ZZCANARY" * 16)
    read = read_dataset(content, LIMITS)
    assert read.preamble is None
    assert list(read.file_meta.keys()) == [0x00020010]
    assert 0x00080000 not in read


@pytest.mark.parametrize("trailer", TRAILERS, ids=["text", "cut header", "delimiter", "length past the end"])
def test_bytes_after_the_pixels_are_dropped(image: ImageOf, part10: BytesOf, trailer: bytes) -> None:
    content = part10(image())
    assert write_dataset(read_dataset(content + trailer, LIMITS)) == write_dataset(read_dataset(content, LIMITS))


def test_elements_after_the_pixels_are_read(image: ImageOf, part10: BytesOf) -> None:
    content = part10(image()) + element(0xFFFCFFFC, b"OB", b"ZZCANARY")
    assert read_dataset(content, LIMITS)[0xFFFCFFFC].value == b"ZZCANARY"


def test_zeros_at_the_end_are_padding_and_text_is_not() -> None:
    content = META + CODE
    assert len(read_dataset(content + bytes(20), LIMITS)) == 1
    assert refused(content + b"ZZCANARY trailing") == "DE-PARSE"


@pytest.mark.parametrize(
    "body",
    [
        CODE[:5],
        CODE[:-1],
        element(0x00080100, b"OB", b"")[:10],
        element(0x00080100, b"ZZ", b"AB"),
        CODE + CODE,
        element(0x00020001, b"OB", b"\0\1") + element(0x00080100, b"SH", b"ABC", length=40),
        element(0x00000100, b"US", b"\1\0"),
        ITEM_END,
        element(0x00081115, b"SQ", b"", length=UNDEFINED),
        element(0x00081115, b"SQ", CODE),
        element(0x00081115, b"SQ", item(CODE, length=40)),
        element(0x00081115, b"SQ", item(CODE + CODE)),
        element(0x00081115, b"SQ", item(CODE + ITEM_END)),
        element(0x00081115, b"SQ", SEQUENCE_END + item(CODE)),
        element(0x00081115, b"SQ", item(CODE, length=UNDEFINED), length=UNDEFINED),
        element(0x7FE00010, b"OB", item(b"abcd", length=9) + SEQUENCE_END, length=UNDEFINED),
        element(0x7FE00010, b"OB", CODE, length=UNDEFINED),
        element(0x7FE00010, b"OB", item(b"abcd"), length=UNDEFINED),
        element(0x7FE00010, b"OW", b"abcd", length=9),
    ],
)
def test_broken_structure_is_refused(body: bytes) -> None:
    assert refused(META + body) == "DE-PARSE"


@pytest.mark.parametrize(
    "body",
    [
        element(0x00081115, b"SQ", b""),
        element(0x00081115, b"SQ", item(CODE) + item(b"")),
        element(0x00081115, b"SQ", item(CODE) + SEQUENCE_END),
        element(0x00081115, b"SQ", item(CODE + ITEM_END, length=UNDEFINED) + SEQUENCE_END, length=UNDEFINED),
        element(0x00081115, b"UN", item(struct.pack("<HHL", 8, 0x100, 2) + b"AB") + SEQUENCE_END, length=UNDEFINED),
        element(0x00081115, b"UN", item(struct.pack("<HHL", 8, 0x100, 2) + b"AB")),
        element(0x00091010, b"UN", b"\xff\xff"),
        CODE + struct.pack("<HHL", 0x0008, 0x1115, UNDEFINED) + item(CODE) + SEQUENCE_END,
        CODE + struct.pack("<HHL", 0x0009, 0x1010, UNDEFINED) + item(CODE) + SEQUENCE_END,
        element(0x00080060, b"CS", b"CT") + struct.pack("<HHL", 0x0008, 0x0100, 2) + b"AB",
    ],
)
def test_sound_structure_is_read_and_written_again(body: bytes) -> None:
    dataset = read_dataset(META + body, LIMITS)
    dataset.SOPClassUID = dataset.SOPInstanceUID = "1.2"
    written = write_dataset(dataset)
    again = read_dataset(written, LIMITS)
    assert written == write_dataset(again)
    assert len(again) == len(dataset)


def test_limits_come_before_parsing(image: ImageOf, part10: BytesOf) -> None:
    content = part10(image(NumberOfFrames=3, PixelData=bytes(36)))
    nested = CODE
    for _ in range(4):
        nested = element(0x00081115, b"SQ", item(nested))
    assert refused(content, ObjectLimits(max_bytes=100)) == "DE-LIMIT"
    assert refused(content, ObjectLimits(max_elements=5)) == "DE-LIMIT"
    assert refused(content, ObjectLimits(max_frames=2)) == "DE-LIMIT"
    assert refused(META + nested, ObjectLimits(max_depth=3)) == "DE-LIMIT"
    assert len(read_dataset(META + nested, ObjectLimits(max_depth=4))) == 1


def test_a_limit_counts_after_the_pixels_too(image: ImageOf, part10: BytesOf) -> None:
    content = part10(image())
    limits = ObjectLimits(max_elements=len(read_dataset(content, LIMITS)))
    assert refused(content + element(0xFFFCFFFC, b"OB", b"ab"), limits) == "DE-LIMIT"


@pytest.mark.parametrize(
    ("syntax", "rule"),
    [
        ("1.2.3", "DE-PARSE"),
        ("1.2.840.113619.5.2", "DE-PARSE"),
        ("1.2.840.10008.1.1", "DE-PARSE"),
        ("1.2.840.10008.1.2.4.102", "DE-CODESTREAM"),
        ("1.2.840.10008.1.2.4.94", "DE-CODESTREAM"),
        ("1.2.840.10008.1.2.4.110", "DE-CODESTREAM"),
    ],
)
def test_transfer_syntaxes_that_we_do_not_write_are_refused(syntax: str, rule: str) -> None:
    padded = syntax.encode() + b"\0" * (len(syntax) % 2)
    assert (
        refused(META.replace(b"1.2.840.10008.1.2.1\0", padded).replace(b"\x14\0", bytes([len(padded), 0])) + CODE)
        == rule
    )


@pytest.mark.parametrize("cut", [133, 140, 145])
def test_a_cut_file_meta_is_refused(cut: int) -> None:
    assert refused(META[:cut]) == "DE-PARSE"


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return META.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99").replace(b"\x14\0", b"\x16\0") + (
        packer.compress(body) + packer.flush()
    )


def test_a_deflated_data_set_becomes_explicit_little() -> None:
    dataset = read_dataset(deflated(CODE), LIMITS)
    assert (dataset.CodeValue, dataset.file_meta.TransferSyntaxUID) == ("AB", ExplicitVRLittleEndian)


def test_a_deflated_data_set_is_inflated_under_a_limit() -> None:
    bomb = deflated(element(0x7FE00010, b"OB", bytes(10_000_000)))
    assert refused(bomb, ObjectLimits(max_bytes=1_000_000)) == "DE-LIMIT"
    assert refused(deflated(CODE)[:-4]) == "DE-PARSE"
    assert refused(deflated(b"")[:-2] + b"ZZCANARY") == "DE-PARSE"


@pytest.mark.parametrize(
    ("big", "little"),
    [
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_expb.dcm", "MR_small.dcm"),
        ("rtdose_expb_1frame.dcm", "rtdose_1frame.dcm"),
        ("liver_expb_1frame.dcm", "liver_1frame.dcm"),
        ("SC_rgb_expb.dcm", "SC_rgb.dcm"),
    ],
)
def test_a_big_endian_data_set_becomes_explicit_little(
    real: Real, decoded: Callable[[bytes], object], big: str, little: str
) -> None:
    dataset = read_dataset(real(big), LIMITS)
    assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(decoded(write_dataset(dataset)), decoded(real(big)))  # type: ignore[call-overload]
    with silenced():
        twin = pydicom.dcmread(BytesIO(real(little)))
        differing = [
            key for key in ("Rows", "BitsStored", "PixelSpacing", "PixelData") if dataset.get(key) != twin.get(key)
        ]
    assert differing == []


def test_big_endian_values_of_every_word_size_are_turned() -> None:
    dataset = Dataset()
    values = {"SelectorOWValue": "OW", "SelectorOFValue": "OF", "SelectorODValue": "OD", "SelectorOVValue": "OV"}
    for keyword in values:
        setattr(dataset, keyword, bytes(range(8)))
    dataset.SelectorUSValue = 258
    dataset.ReferencedSeriesSequence = [Dataset()]
    dataset.ReferencedSeriesSequence[0].SelectorOWValue = b"\1\2"
    out = BytesIO()
    pydicom.filewriter.write_dataset(_big(out), dataset)
    meta = META.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0")
    read = read_dataset(meta + out.getvalue(), LIMITS)
    assert read.SelectorUSValue == 258
    assert read.SelectorOWValue == bytes([1, 0, 3, 2, 5, 4, 7, 6])
    assert read.SelectorOFValue == bytes([3, 2, 1, 0, 7, 6, 5, 4])
    assert read.SelectorODValue == read.SelectorOVValue == bytes(range(7, -1, -1))
    assert read.ReferencedSeriesSequence[0].SelectorOWValue == b"\2\1"


def _big(out: BytesIO) -> pydicom.filebase.DicomIO:
    stream = pydicom.filebase.DicomIO(out)
    stream.is_implicit_VR, stream.is_little_endian = False, False
    return stream


def test_big_endian_words_that_do_not_fit_are_refused() -> None:
    meta = META.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0")
    assert refused(meta + struct.pack(">HH2sHL", 0x0072, 0x0069, b"OW", 0, 3) + b"abc") == "DE-PARSE"


@pytest.mark.parametrize("stated", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("found", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_the_first_element_decides_about_explicit_vr(image: ImageOf, part10: BytesOf, stated: str, found: str) -> None:
    content = part10(image(), found)
    meta = 128 + 4 + 12 + int.from_bytes(content[140:144], "little")
    uid = stated.encode() + b"\0" * (len(stated) % 2)
    wrong = bytes(128) + b"DICM" + element(0x00020010, b"UI", uid) + content[meta:]
    assert read_dataset(wrong, LIMITS).file_meta.TransferSyntaxUID == found
    assert write_dataset(read_dataset(wrong, LIMITS)) == write_dataset(read_dataset(content, LIMITS))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_bare_data_set_is_read_by_its_first_element(image: ImageOf, part10: BytesOf, syntax: str) -> None:
    content = part10(image(), syntax)
    meta = 128 + 4 + 12 + int.from_bytes(content[140:144], "little")
    bare = read_dataset(content[meta:], LIMITS)
    assert (bare.Rows, bare.PatientName) == (2, "ZZCANARY^Ann")


def test_an_implicit_data_set_under_jpeg_is_written_explicit(real: Real) -> None:
    content = real("SC_rgb_jpeg_dcmtk.dcm")
    dataset = read_dataset(content, LIMITS)
    assert dataset.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    out = BytesIO()
    stream = pydicom.filebase.DicomIO(out)
    stream.is_implicit_VR, stream.is_little_endian = True, True
    pydicom.filewriter.write_dataset(stream, dataset)
    implicit = META.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4.50").replace(b"\x14\0", b"\x16\0")
    read = read_dataset(implicit + out.getvalue(), LIMITS)
    assert write_dataset(read) == write_dataset(dataset)


def test_an_empty_data_set_is_no_error_here() -> None:
    assert len(read_dataset(META, LIMITS)) == 0


def test_what_pydicom_leaves_unread_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def part(*_: object) -> Dataset:
        return Dataset()

    monkeypatch.setattr("tasks.dicom.reading.parse_dataset", part)
    assert refused(META + CODE) == "DE-PARSE"


def test_numbers_of_frames_that_are_none_are_left_to_the_pixels() -> None:
    content = META + element(0x00280008, b"IS", b"1A")
    assert len(read_dataset(content, LIMITS)) == 1


def test_reading_says_nothing(real: Real, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("badVR.dcm", "meta_missing_tsyntax.dcm", "explicit_VR-UN.dcm", "bad_sequence.dcm"):
            read_dataset(real(name), LIMITS)
    assert caplog.records == []


def test_silence_ends_with_its_block(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("pydicom")
    before = pydicom.config.settings.reading_validation_mode
    with silenced():
        log.warning("ZZCANARY")
        warnings.warn("ZZCANARY", stacklevel=1)
    assert caplog.records == []
    log.warning("heard again")
    assert len(caplog.records) == 1
    assert pydicom.config.settings.reading_validation_mode == before


def test_every_real_file_is_read_and_written_the_same_twice(real: Real, small_file: str) -> None:
    content = real(small_file)
    try:
        dataset = read_dataset(content, LIMITS)
    except Refusal:
        assert content[128:132] != b"DICM" or small_file in {
            "DICOMDIR-nooffset",
            "MR_truncated.dcm",
            "emri_small_jpeg_2k_lossless_too_short.dcm",
            "rtplan_truncated.dcm",
        }
        return
    with silenced():
        dataset.setdefault("SOPClassUID", "1.2")
        dataset.setdefault("SOPInstanceUID", "1.2")
    written = write_dataset(dataset)
    assert write_dataset(read_dataset(written, LIMITS)) == written


@given(data=st.data())
def test_no_cut_and_no_damage_of_a_real_file_escapes_as_anything_but_a_refusal(
    data: st.DataObject, real: Real, real_names: list[str]
) -> None:
    content = bytearray(real(data.draw(st.sampled_from(real_names))))
    start = 0 if len(content) < 400 else 132
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(start, min(len(content) - 1, 4000)))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    with contextlib.suppress(Refusal):
        clean_pixel_carriers(read_dataset(bytes(content[:cut]), LIMITS))


def test_deflated_files_are_read_like_their_twins(real: Real) -> None:
    dataset = read_dataset(real("image_dfl.dcm"), LIMITS)
    assert pydicom.dcmread(BytesIO(real("image_dfl.dcm"))).file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert dataset.Rows == 512
