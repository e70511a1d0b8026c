"""RLE frames (PS3.5 annex G): their header, and bits of samples that no pixel uses, cleared without decoding."""

from collections.abc import Sequence
from itertools import pairwise
from struct import unpack_from

from tasks.dicom.refusal import Refusal

_HEADER_BYTES = 64
_MAX_SEGMENTS = 15
_NO_OPERATION = 128
_UNCHANGED = bytes(range(256))
_STEPS = [*range(2, _NO_OPERATION + 2), 1, *[2] * 127]  # from a run length to the next, by its value


def segments_of(frame: bytes, expected: int) -> list[slice]:
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


def masked_frame(frame: bytes, segments: Sequence[slice], tables: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Clear bits in the bytes that a frame's segments stand for; run lengths stay, so nothing moves.

    Parameters
    ----------
    tables
        For each segment the byte tables of `tasks.dicom.spare_bits.byte_tables`: the second is applied to a segment
        that the first would change.
    """
    out = bytearray(frame)
    for place, (zeros, canonical) in zip(segments, tables, strict=True):
        if zeros != _UNCHANGED and _holds_changing(frame[place], zeros):
            out[place] = _translated(frame[place], canonical)
    return bytes(out)


def _holds_changing(segment: bytes, table: bytes) -> bool:
    """Tell whether a table would change a value of a segment: it changes more bytes than those that are run lengths."""
    same = bytes(byte for byte in range(256) if table[byte] == byte)
    changing = [int(table[byte] != byte) for byte in range(256)]
    in_lengths = position = 0
    end = len(segment)
    while position < end:
        control = segment[position]
        in_lengths += changing[control]
        position += _STEPS[control]
    return len(segment.translate(None, same)) > in_lengths


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
