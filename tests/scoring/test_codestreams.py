"""Comments and application data are found in code streams by their markers, and nothing that colours need is."""

from struct import pack

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, JPEGBaseline8Bit, RLELossless

from flows.scoring.codestreams import has_no_comments, is_made_anew
from tests.deidentify.objects import a_ct, deidentified

SOI, SOS = b"\xff\xd8", b"\xff\xda\x00\x04\x00\x00" + b"\xff\xfe\x00\x04no comment, but data"
SOC_SIZ = b"\xff\x4f" + b"\xff\x51\x00\x06\x00\x00\x00\x00"
SOT = b"\xff\x90\x00\x0a" + bytes(8)


def segment(marker: int, data: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + pack(">H", len(data) + 2) + data


def in_image(stream: bytes, syntax: str = JPEGBaseline8Bit) -> bool:
    dataset = a_ct(PixelData=encapsulate([stream]))
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = syntax
    return not has_no_comments(dataset)


@pytest.mark.parametrize(
    ("data", "says_something"),
    [
        (b"", False),
        (segment(0xFE, b"ZZCANARY"), True),
        (segment(0xE1, b"Exif\0\0"), True),
        (segment(0xE0, b"JFIF\0" + bytes(9)), False),
        (segment(0xE0, b"JFIF\0" + bytes(9) + b"a thumbnail"), True),
        (segment(0xE0, b"AVI1"), True),
        (segment(0xEE, b"Adobe" + bytes(7)), False),
        (segment(0xDB, bytes(65)) + segment(0xFE, b"later"), True),
    ],
)
def test_a_jpeg_stream(data: bytes, says_something: bool) -> None:  # noqa: FBT001 -- a table
    assert in_image(SOI + data + SOS) is says_something


@pytest.mark.parametrize(
    ("stream", "says_something"),
    [
        (SOC_SIZ + SOT, False),
        (SOC_SIZ + b"\xff\x64\x00\x08\x00\x01Kaka" + SOT, True),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", True),
        (SOC_SIZ, False),
    ],
)
def test_a_jpeg_2000_stream(stream: bytes, says_something: bool) -> None:  # noqa: FBT001 -- a table
    assert in_image(stream, JPEG2000) is says_something


def test_a_stream_that_ends_early_and_one_of_another_kind_say_nothing() -> None:
    assert not in_image(SOI + b"\xff\xdb\xff")
    assert not in_image(b"\x01\x00\x00\x00" + bytes(60), RLELossless)


def test_uncompressed_pixels_and_none_hold_no_stream() -> None:
    assert has_no_comments(a_ct())
    assert has_no_comments(a_ct(PixelData=None))


def test_file_meta_that_we_made_is_made_anew_and_any_more_is_not() -> None:
    ours = deidentified(a_ct())
    assert is_made_anew(ours)
    ours.file_meta.SourceApplicationEntityTitle = "ZZCANARY"
    assert not is_made_anew(ours)
    other = deidentified(a_ct())
    other.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    assert not is_made_anew(other)
