"""RLE frames (PS3.5 annex G): their header, and bits of samples that no pixel uses, cleared without decoding."""

from collections.abc import Sequence
from itertools import pairwise
from struct import unpack_from
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.dicom.refusal import Refusal

_HEADER_BYTES = 64
_MAX_SEGMENTS = 15
_NO_OPERATION = 128
_Frame = TypeVar("_Frame", bytes, memoryview)
_UNCHANGED = bytes(range(256))
_STEPS = np.array([*range(2, _NO_OPERATION + 2), 1, *[2] * 127], np.int32)  # from a run length to the next
_BLOCK = 1 << 17  # bytes looked at in one go


def segments_of(frame: bytes | memoryview, expected: int) -> list[slice]:
    """Give where the segments of a frame lie, after a look at its header.

    Parameters
    ----------
    expected
        Number of segments: samples per pixel times bytes per sample.

    Raises
    ------
    Refusal
        DE-PIXELS if the header does not fit the frame.
    """
    if len(frame) < _HEADER_BYTES:
        raise Refusal("DE-PIXELS")
    count, *offsets = unpack_from("<16L", frame)
    used, unused = offsets[:count], offsets[count:]
    bounds = [*used, len(frame)]
    ascending = all(before < after for before, after in pairwise(bounds))
    if count != expected or count > _MAX_SEGMENTS or used[0] != _HEADER_BYTES or not ascending or any(unused):
        raise Refusal("DE-PIXELS")
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def masked_frame(frame: _Frame, segments: Sequence[slice], tables: Sequence[tuple[bytes, bytes]]) -> _Frame | bytes:
    """Clear bits in the bytes that a frame's segments stand for; run lengths stay, so nothing moves.

    Gives the same object if no bit is set.

    Parameters
    ----------
    tables
        For each segment the byte tables of `tasks.dicom.spare_bits.byte_tables`: the second is applied to a segment
        that the first would change.
    """
    changed = [
        (place, canonical)
        for place, (zeros, canonical) in zip(segments, tables, strict=True)
        if zeros != _UNCHANGED and _holds_changing(bytes(frame[place]), zeros)
    ]
    if not changed:
        return frame
    out = bytearray(frame)
    for place, canonical in changed:
        out[place] = _translated(bytes(frame[place]), canonical)
    return bytes(out)


def _holds_changing(segment: bytes, table: bytes) -> bool:
    """Tell whether a table would change a value of a segment.

    It would unless every byte that it changes is a run length: the runs that follow such a run length must lead to the
    next one exactly. That is asked of many of them at once.
    """
    would = bytes(int(table[byte] != byte) for byte in range(256))
    changing = np.frombuffer(segment.translate(would), np.bool_)
    lengths = np.frombuffer(segment, np.uint8)
    expected = int(_next_changing(np.zeros(1, np.int32), lengths, changing)[0])
    for start in range(0, len(segment), _BLOCK):
        places = np.flatnonzero(changing[start : start + _BLOCK]).astype(np.int32) + start
        if len(places):
            following = _next_changing(_after(places, lengths), lengths, changing)
            if places[0] != expected or not np.array_equal(following[:-1], places[1:]):
                return True
            expected = int(following[-1])
    return expected != len(segment)


def _after(places: NDArray[np.int32], lengths: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Give where the runs end that begin at these places."""
    return places + _STEPS[lengths[places]]


def _next_changing(
    places: NDArray[np.int32], lengths: NDArray[np.uint8], changing: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Follow the runs from these run lengths on, each to the first that the table would change, or to the end."""
    end = len(lengths)
    found = np.minimum(places, end)
    going_on = np.flatnonzero(found < end)
    while len(going_on := going_on[~changing[found[going_on]]]):
        found[going_on] = np.minimum(_after(found[going_on], lengths), end)
        going_on = going_on[found[going_on] < end]
    return found


def _translated(segment: bytes, table: bytes) -> bytes:
    """Pass the values of a segment through a table, but not its run lengths."""
    out = bytearray(segment)
    position = 0
    while position < len(out):
        control = out[position]
        run = control + 1 if control < _NO_OPERATION else int(control != _NO_OPERATION)
        values = slice(position + 1, position + 1 + run)
        out[values] = out[values].translate(table)
        position += 1 + run
    return bytes(out)
