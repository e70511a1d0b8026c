"""JPEG 2000 and HTJ2K code streams (ISO/IEC 15444-1 annex A) without comments, out of JP2 boxes if they are in some."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import pack, unpack_from

from tasks.dicom.picture import Picture
from tasks.dicom.refusal import Refusal

_JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_SOC_SIZ = b"\xff\x4f\xff\x51"
_EOC = b"\xff\xd9"
_SOT, _SOD, _COM, _TLM = 0xFF90, 0xFF93, 0xFF64, 0xFF55
_SOT_BYTES = 12
_SIZ_BYTES = 42  # up to and with Csiz
_SIZ_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class _TilePart:
    """A tile-part after cleaning: the parts of its bytes, and by how much it became shorter."""

    parts: tuple[bytes, ...]
    removed: int


@dataclass(slots=True)
class _Segments:
    """The marker segments of one header that stay, and the offset and marker at which it ends."""

    kept: list[bytes] = field(default_factory=list)
    removed: int = 0
    end: int = 0
    marker: int = 0


def clean_jpeg_2000(stream: bytes) -> Picture:
    """Give a code stream without COM segments, in the main and in every tile-part header.

    Lengths that change (Psot, and Ptlm in TLM) are corrected; packet lengths (PLT, PLM) do not change. Of JP2 boxes
    only the code stream is kept, which is what PS3.5 section A.4.4 asks for. Bytes after EOC are dropped.

    Raises
    ------
    Refusal
        DE-PIXELS if the stream is cut off or broken, DE-CODESTREAM if a palette in JP2 boxes is needed to decode it.
    """
    if stream.startswith(_JP2):
        stream = _out_of_boxes(stream)
    if not stream.startswith(_SOC_SIZ) or len(stream) < _SIZ_BYTES:
        raise Refusal("DE-PIXELS")
    main = _header(stream, 2, until=(_SOT,))
    tile_parts: list[_TilePart] = []
    position = main.end
    while stream[position : position + 2] != _EOC:
        tile_part, position = _tile_part(stream, position)
        tile_parts.append(tile_part)
    kept = _with_lengths(main.kept, [part.removed for part in tile_parts])
    parts = [stream[:2], *kept, *(piece for part in tile_parts for piece in part.parts), _EOC]
    return Picture(b"".join(parts), *_size(stream))


def _size(stream: bytes) -> tuple[int, int, int]:
    right, bottom, left, top = unpack_from(">4L", stream, _SIZ_COLUMNS)
    (samples,) = unpack_from(">H", stream, _SIZ_BYTES - 2)
    return bottom - top, right - left, samples


def _header(stream: bytes, position: int, *, until: Sequence[int]) -> _Segments:
    """Collect the marker segments from `position` to one of the markers that end the header."""
    found = _Segments()
    while True:
        if position + 4 > len(stream):
            raise Refusal("DE-PIXELS")
        marker, length = unpack_from(">HH", stream, position)
        if marker in until:
            found.end, found.marker = position, marker
            return found
        stop = position + 2 + length
        if marker >> 8 != 0xFF or length < 2 or stop > len(stream):  # noqa: PLR2004 -- markers; length counts itself
            raise Refusal("DE-PIXELS")
        if marker == _COM:
            found.removed += stop - position
        else:
            found.kept.append(stream[position:stop])
        position = stop


def _tile_part(stream: bytes, position: int) -> tuple[_TilePart, int]:
    """Give the cleaned tile-part at `position` and the offset after it."""
    if stream[position : position + 4] != b"\xff\x90\x00\x0a" or position + _SOT_BYTES > len(stream):
        raise Refusal("DE-PIXELS")
    tile, length, part, of = unpack_from(">HLBB", stream, position + 4)
    stop = position + length if length else _end_of_last(stream)
    header = _header(stream, position + _SOT_BYTES, until=(_SOD,))
    if not header.end < stop <= len(stream) - len(_EOC):
        raise Refusal("DE-PIXELS")
    start = pack(">HHHLBB", _SOT, 10, tile, length - header.removed if length else 0, part, of)
    return _TilePart((start, *header.kept, stream[header.end : stop]), header.removed), stop


def _end_of_last(stream: bytes) -> int:
    """Give the offset of EOC where a tile-part does not state its length: it is the last one."""
    end = len(stream.rstrip(b"\0")) - len(_EOC)
    if stream[end : end + 2] != _EOC:
        raise Refusal("DE-PIXELS")
    return end


def _with_lengths(kept: Sequence[bytes], removed: Sequence[int]) -> list[bytes]:
    """Correct the tile-part lengths in TLM segments; their entries are in the order of the tile-parts."""
    if not any(removed):
        return list(kept)
    corrected = list(kept)
    order = sorted((segment[4], index) for index, segment in enumerate(kept) if _is_tlm(segment))
    first = 0
    for _, index in order:
        corrected[index], first = _corrected(kept[index], removed, first)
    if order and first != len(removed):
        raise Refusal("DE-PIXELS")
    return corrected


def _is_tlm(segment: bytes) -> bool:
    return segment.startswith(_TLM.to_bytes(2, "big"))


def _corrected(segment: bytes, removed: Sequence[int], first: int) -> tuple[bytes, int]:
    """Correct one TLM segment whose entries begin with tile-part `first`; give also the number after its last."""
    index_bytes, length_bytes = segment[5] >> 4 & 3, 4 if segment[5] >> 6 & 1 else 2
    out = bytearray(segment)
    entries = range(6, len(segment), index_bytes + length_bytes)
    for number, entry in enumerate(entries, start=first):
        place = slice(entry + index_bytes, entry + index_bytes + length_bytes)
        if place.stop > len(segment) or number >= len(removed):
            raise Refusal("DE-PIXELS")
        length = int.from_bytes(segment[place], "big") - removed[number]
        out[place] = max(length, 0).to_bytes(length_bytes, "big")
    return bytes(out), first + len(entries)


def _out_of_boxes(stream: bytes) -> bytes:
    """Give the contiguous code stream box of a JP2 file (ISO/IEC 15444-1 annex I)."""
    position = 0
    while position + 8 <= len(stream):
        length, kind = unpack_from(">L4s", stream, position)
        start = position + 8
        if length == 1:
            length = int.from_bytes(stream[start : start + 8], "big")
            start += 8
        stop = position + length if length else len(stream)
        if stop < start or stop > len(stream):
            raise Refusal("DE-PIXELS")
        if kind == b"jp2c":
            return stream[start:stop]
        if kind == b"jp2h" and b"pclr" in stream[start:stop]:
            raise Refusal("DE-CODESTREAM")
        position = stop
    raise Refusal("DE-PIXELS")
