"""JPEG (ISO/IEC 10918-1 annex B) and JPEG-LS (14495-1 annex C) without comments and application data."""

from struct import unpack_from
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.dicom.picture import Picture
from tasks.dicom.refusal import Refusal

_SOI = b"\xff\xd8"
_EOI_MARKER = b"\xff\xd9"
_EOI, _SOS, _COM, _APP0, _APP8, _APP14 = 0xD9, 0xDA, 0xFE, 0xE0, 0xE8, 0xEE
_FILL = 0xFF  # may stand before a marker, any number of times
_APPLICATION = range(0xE0, 0xF0)
_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7})
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xF8})
# In a scan, 0xFF 0x00 (JPEG) or 0xFF and a byte below 0x80 (JPEG-LS) is data, and RST0-7 belongs to the scan; what
# follows a second 0xFF is looked at in its turn. Every other byte after an 0xFF ends the scan.
_RESTARTS = range(0xD0, 0xD8)
_ENDS_SCAN = np.array([byte not in {0, _FILL, *_RESTARTS} for byte in range(256)])
_ENDS_LS_SCAN = np.array([byte not in {*range(0x80), _FILL, *_RESTARTS} for byte in range(256)])
_CHUNK_BYTES = 1 << 18
_JFIF_BYTES = 14  # "JFIF\0", version, units, two densities, two sizes of the thumbnail that follows
_ADOBE_BYTES = 12  # "Adobe", version, two flags, colour transform
_HP_TRANSFORM_BYTES = 5  # "mrfx" and the number of the colour transform, without which colours decode wrongly


class _Segment(NamedTuple):
    marker: int
    start: int
    stop: int


def clean_jpeg(stream: memoryview) -> Picture:
    """Give a JPEG stream without COM and APPn, but for Adobe's colour transform and a JFIF header without thumbnail.

    Bytes after EOI and fill bytes between markers are dropped.

    Raises
    ------
    Refusal
        DE-PIXELS if the stream is cut off or broken, DE-CODESTREAM if it holds markers that we do not know.
    """
    return _cleaned(stream, _ENDS_SCAN)


def clean_jpeg_ls(stream: memoryview) -> Picture:
    """Give a JPEG-LS stream in the same way; a colour transform in APP8 is kept.

    Raises
    ------
    Refusal
        As `clean_jpeg` does.
    """
    return _cleaned(stream, _ENDS_LS_SCAN)


def _cleaned(stream: memoryview, ends: NDArray[np.bool_]) -> Picture:
    if stream[: len(_SOI)] != _SOI:
        raise Refusal("DE-PIXELS")
    parts: list[bytes | memoryview] = [_SOI]
    is_changed = False
    size: tuple[int, int, int] | None = None
    position = len(_SOI)
    while True:
        segment = _segment_at(stream, position)
        position = segment.stop
        if segment.marker == _EOI:
            break
        if segment.marker in _SOF:
            size = size or _size(stream, segment)
        if segment.marker == _SOS:
            position = _scan_end(stream, position, ends)
            segment = segment._replace(stop=position)
        part = _kept(stream, segment)
        is_changed |= segment.marker in _APPLICATION and part != stream[segment.start : segment.stop]
        parts.append(part)
    if size is None:
        raise Refusal("DE-PIXELS")
    is_changed |= sum(map(len, parts)) + len(_EOI_MARKER) != position
    return Picture(b"".join((*parts, _EOI_MARKER)) if is_changed else stream[:position], *size)


def _segment_at(stream: memoryview, position: int) -> _Segment:
    while bytes(stream[position : position + 2]) == b"\xff\xff":
        position += 1
    if bytes(stream[position : position + 1]) != b"\xff" or position + 1 >= len(stream):
        raise Refusal("DE-PIXELS")
    marker = stream[position + 1]
    if marker == _EOI:
        return _Segment(marker, position, position + 2)
    length = int.from_bytes(stream[position + 2 : position + 4], "big")
    stop = position + 2 + length
    if length < 2 or stop > len(stream):  # noqa: PLR2004 -- the length counts itself
        raise Refusal("DE-PIXELS")
    return _Segment(marker, position, stop)


def _scan_end(stream: memoryview, position: int, ends: NDArray[np.bool_]) -> int:
    cells = np.frombuffer(stream, np.uint8)
    for start in range(position, len(cells) - 1, _CHUNK_BYTES):
        stretch = cells[start : start + _CHUNK_BYTES + 1]
        fills = np.flatnonzero(stretch[:-1] == _FILL)
        found = fills[ends[stretch[fills + 1]]]
        if len(found):
            end = start + int(found[0])
            while end > position and stream[end - 1] == _FILL:
                end -= 1
            return end
    raise Refusal("DE-PIXELS")


def _size(stream: memoryview, frame: _Segment) -> tuple[int, int, int]:
    if frame.stop - frame.start < 10:  # noqa: PLR2004 -- marker, length, precision, rows, columns, components
        raise Refusal("DE-PIXELS")
    rows, columns, samples = unpack_from(">HHB", stream, frame.start + 5)
    return rows, columns, samples


def _kept(stream: memoryview, segment: _Segment) -> bytes | memoryview:
    """Give what stays of a segment."""
    if segment.marker in _SOF or segment.marker in _TABLES or segment.marker == _SOS:
        return stream[segment.start : segment.stop]
    if segment.marker == _COM:
        return b""
    if segment.marker in _APPLICATION:
        return _application(segment.marker, bytes(stream[segment.start + 4 : segment.stop]))
    raise Refusal("DE-CODESTREAM")


def _application(marker: int, content: bytes) -> bytes:
    """Give the reduced segment of application data that decide about colours, and nothing for any other."""
    if marker == _APP0 and content.startswith(b"JFIF\0") and len(content) >= _JFIF_BYTES:
        return _segment(marker, content[: _JFIF_BYTES - 2] + b"\0\0")
    if marker == _APP14 and content.startswith(b"Adobe") and len(content) >= _ADOBE_BYTES:
        return _segment(marker, content[:_ADOBE_BYTES])
    if marker == _APP8 and content.startswith(b"mrfx") and len(content) >= _HP_TRANSFORM_BYTES:
        return _segment(marker, content[:_HP_TRANSFORM_BYTES])
    return b""


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (2 + len(content)).to_bytes(2, "big") + content
