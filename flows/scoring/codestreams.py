"""What lies around the data set and inside code streams, where no element is: found by markers alone."""

import zlib
from collections.abc import Iterator
from struct import unpack_from
from typing import Final

from pydicom.dataset import FileDataset
from pydicom.encaps import generate_fragments
from pydicom.uid import DeflatedExplicitVRLittleEndian

_JPEG: Final = b"\xff\xd8"
_J2K: Final = b"\xff\x4f\xff\x51"
_JP2: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_SOS, _COM, _APP0, _APP8, _APP14 = 0xDA, 0xFE, 0xE0, 0xE8, 0xEE
_APPLICATION = range(0xE0, 0xF0)
_NEEDED = {_APP0: b"JFIF\0", _APP8: b"mrfx", _APP14: b"Adobe"}  # without these colours decode wrongly
_LONGEST_NEEDED = 16  # bytes; more is a thumbnail or a text behind a known name
_J2K_SOT, _J2K_COM = 0xFF90, 0xFF64
_PREAMBLE, _PREFIX = 128, b"DICM"
_META: Final = frozenset({0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013})
PIXEL_DATA: Final = 0x7FE00010


def inflated(content: bytes) -> bytes:
    """Give the data set of a deflated file inflated, and nothing for any other file."""
    if DeflatedExplicitVRLittleEndian.encode() not in content[:1024] or content[_PREAMBLE : _PREAMBLE + 4] != _PREFIX:
        return b""
    (length,) = unpack_from("<I", content, _PREAMBLE + 12)  # of group 0002, in its first element (PS3.10 section 7.1)
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[_PREAMBLE + 16 + length :])
    except zlib.error:
        return b""


def has_no_comments(dataset: FileDataset) -> bool:
    """Tell whether no JPEG or JPEG 2000 stream of an image holds comments, application data or a format's boxes."""
    if PIXEL_DATA not in dataset or not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return True
    fragments = list(generate_fragments(dataset[PIXEL_DATA].value))[1:]  # the first is the offset table
    return not any(_has_segments(fragment) for fragment in fragments)


def _has_segments(stream: bytes) -> bool:
    if stream.startswith(_JP2):
        return True
    if stream.startswith(_J2K):
        return any(marker == _J2K_COM for marker, _ in _segments_2000(stream))
    if not stream.startswith(_JPEG):
        return False  # RLE, or the continuation of a frame
    return any(_says_something(marker, data) for marker, data in _segments(stream))


def _says_something(marker: int, data: bytes) -> bool:
    if marker == _COM:
        return True
    if marker not in _APPLICATION:
        return False
    needed = _NEEDED.get(marker)
    return needed is None or not data.startswith(needed) or len(data) > _LONGEST_NEEDED


def _segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the segments before the first scan (ISO/IEC 10918-1 annex B)."""
    position = 2
    while position + 4 <= len(stream) and stream[position] == _JPEG[0]:
        marker = stream[position + 1]
        (length,) = unpack_from(">H", stream, position + 2)
        yield marker, stream[position + 4 : position + 2 + length]
        if marker == _SOS:
            return
        position += 2 + length


def _segments_2000(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the segments of the main header (ISO/IEC 15444-1 annex A)."""
    position = 2
    while position + 4 <= len(stream):
        marker, length = unpack_from(">HH", stream, position)
        if marker == _J2K_SOT:
            return
        yield marker, stream[position + 4 : position + 2 + length]
        position += 2 + length


def is_made_anew(dataset: FileDataset) -> bool:
    """Tell whether preamble and file meta information hold nothing of the source's.

    The preamble is zero; group 0002 has its required elements and the implementation's name, and names this instance.
    """
    meta = dataset.file_meta
    return (
        not (dataset.preamble or b"").strip(b"\0")
        and {int(tag) for tag in meta.keys()} <= _META  # noqa: SIM118 -- iterating gives elements
        and str(meta.get("MediaStorageSOPInstanceUID", "")) == str(dataset.get("SOPInstanceUID", ""))
    )
