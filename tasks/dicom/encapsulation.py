"""Encapsulated pixel data (PS3.5 section A.4): which fragments are which frame, and how frames are wrapped again."""

from collections.abc import Sequence
from itertools import pairwise
from struct import pack, unpack_from
from typing import NamedTuple

from tasks.dicom.refusal import Refusal

_ITEM = b"\xfe\xff\x00\xe0"
_HEADER_BYTES = 8
_MAX_OFFSET = 0xFFFFFFFF


class Fragment(NamedTuple):
    """One fragment: offset of its item tag, and where its content begins and ends, all within the value."""

    item: int
    start: int
    stop: int


class Fragments(NamedTuple):
    """The value of encapsulated pixel data, taken apart; `offsets` is the basic offset table, which may be empty."""

    offsets: tuple[int, ...]
    fragments: tuple[Fragment, ...]


def read_fragments(value: bytes | memoryview) -> Fragments:
    """Take apart the value of encapsulated pixel data, without its sequence delimiter.

    Raises
    ------
    Refusal
        DE-PIXELS if the items do not fit the value.
    """
    found: list[Fragment] = []
    position = 0
    while position < len(value):
        start = position + _HEADER_BYTES
        stop = start + int.from_bytes(value[position + 4 : start], "little")
        if value[position : position + 4] != _ITEM or stop > len(value):
            raise Refusal("DE-PIXELS")
        found.append(Fragment(position, start, stop))
        position = stop
    if not found or (found[0].stop - found[0].start) % 4:
        raise Refusal("DE-PIXELS")
    table = found[0]
    return Fragments(unpack_from(f"<{(table.stop - table.start) // 4}L", value, table.start), tuple(found[1:]))


def frames_of(value: bytes | memoryview, frames: int, starts: bytes) -> tuple[list[memoryview], bool]:
    """Give the code stream of every frame, and whether the offset table is sound (or absent).

    A frame of one fragment is not copied.

    Parameters
    ----------
    starts
        What every code stream begins with, by which fragments are told apart if there is no table; may be empty.

    Raises
    ------
    Refusal
        DE-PIXELS if the fragments cannot be assigned to as many frames.
    """
    offsets, fragments = read_fragments(value)
    if len(fragments) < frames or frames < 1:
        raise Refusal("DE-PIXELS")
    firsts = _firsts(value, fragments, frames, offsets, starts)
    bounds = [*firsts, len(fragments)]
    streams = [_joined(memoryview(value), fragments[first:after]) for first, after in pairwise(bounds)]
    base = fragments[0].item
    return streams, not offsets or offsets == tuple(fragments[first].item - base for first in firsts)


def _joined(value: memoryview, parts: Sequence[Fragment]) -> memoryview:
    slices = [value[part.start : part.stop] for part in parts]
    return slices[0] if len(slices) == 1 else memoryview(b"".join(slices))


def _firsts(
    value: bytes | memoryview, fragments: Sequence[Fragment], frames: int, offsets: Sequence[int], starts: bytes
) -> list[int]:
    """Give the index of the first fragment of every frame."""
    if frames == 1:
        return [0]
    if len(fragments) == frames:
        return list(range(frames))
    places = {part.item - fragments[0].item: index for index, part in enumerate(fragments)}
    firsts = [places.get(offset, 0) for offset in offsets]
    if not offsets and starts:
        firsts = [
            index for index, part in enumerate(fragments) if value[part.start : part.start + len(starts)] == starts
        ]
    ascending = all(before < after for before, after in pairwise(firsts))
    if len(firsts) != frames or firsts[0] != 0 or not ascending:
        raise Refusal("DE-PIXELS")
    return firsts


def encapsulate(frames: Sequence[bytes | memoryview]) -> bytes:
    """Wrap code streams, one fragment each, padded to even length, under a basic offset table.

    The table is left empty, which the standard allows, where the offsets do not fit its 32 bits.
    """
    offsets = []
    position = 0
    for frame in frames:
        offsets.append(position)
        position += _HEADER_BYTES + len(frame) + len(frame) % 2
    table = pack(f"<{len(offsets)}L", *offsets) if offsets[-1] <= _MAX_OFFSET else b""
    parts = [part for content in (table, *frames) for part in _item(content)]
    return b"".join(parts)


def _item(content: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bytes]:
    padding = b"\0" * (len(content) % 2)
    return _ITEM + (len(content) + len(padding)).to_bytes(4, "little"), content, padding
