"""An object after the walk: what was found, where the pixel data lie, and what is put where."""

from dataclasses import dataclass
from typing import NamedTuple

from config.settings import ObjectLimits
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.fileparts import Layout
from tasks.deidentify.engine.levels import Judged, Level, Stated, stated_header
from tasks.deidentify.engine.walk import Trail, walk
from tasks.dicom.structure import element_end
from tasks.dicom.syntaxes import Encoding

_HEADER_BYTES = 12
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


class PixelSpan(NamedTuple):
    """Pixel data in the source: header, value without delimiter, and the number of parts before them.

    `absent` tells that the value is not at hand.
    """

    stated: Stated
    header: bytes
    value: memoryview
    before: int
    absent: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What the walk left, where in its parts the elements belong that are written anew, and the pixel data.

    `header` is where the elements before the pixel data begin and end in the source.
    """

    trail: Trail
    header: tuple[int, int]
    gaps: tuple[int, ...]
    pixels: PixelSpan | None

    def raw(self, tag: int) -> bytes:
        """Give an element of the source, or nothing."""
        found = self.trail.slots.get(tag)
        return found[0] if found else b""

    def unchanged(self, tag: int) -> bytes:
        """Give an element of the source that is released as it is, or nothing.

        Raises
        ------
        Declined
            If it is released otherwise.
        """
        raw, out = self.trail.slots.get(tag, (b"", None))
        if out is not None:
            raise Declined
        return raw


def opened(source: tuple[bytes, int], layout: Layout, level: Level, days: int, own: dict[bytes, Judged]) -> Opened:
    """Walk over a data set.

    Parameters
    ----------
    source
        The object, and how many bytes at its end are not at hand: the value of its pixel data.
    own
        Elements that were judged for this subject.

    Raises
    ------
    Declined
        If it does not end where the content does, or has pixel data twice.
    """
    content, absent = source
    end, trail, gaps = len(content), Trail(own=own), []
    position = layout.start
    *stretches, last = level.plans
    for plan in stretches:
        position = walk(content, (position, end), plan, days, trail)
        gaps.append(len(trail.parts))
        trail.parts.append(b"")
    position = header_end = walk(content, (position, end), last, days, trail)
    pixels = None
    if position < end:
        pixels, position = _pixels_at(source, position, level, trail)
        position = walk(content, (position, end), last, days, trail)
    if position != end or (absent and not (pixels and pixels.absent)):
        raise Declined
    expect_limits(end - (len(pixels.value) if pixels else 0), level.policy.limits)
    return Opened(trail, (layout.start, header_end), tuple(gaps), pixels)


def expect_limits(header_bytes: int, limits: ObjectLimits) -> None:
    """Decline what could hold too many elements, of eight bytes at least."""
    if header_bytes > 8 * limits.max_elements:
        raise Declined


def _pixels_at(source: tuple[bytes, int], position: int, level: Level, trail: Trail) -> tuple[PixelSpan, int]:
    content, absent = source
    implicit = level.place.implicit
    stated = stated_header(content[position : position + _HEADER_BYTES], implicit=implicit)
    verdict = level.verdict(stated.tag, stated.vr)
    if not verdict.stays or stated.vr not in (None, verdict.vr):
        raise Declined
    start = position + stated.start
    stop = after = start + stated.length
    if stated.is_undefined:
        after = element_end(content, position, Encoding(implicit=implicit, little=True), level.policy.limits)
        stop = after - len(_SEQUENCE_END)
        if content[stop:after] != _SEQUENCE_END:
            raise Declined
    if absent:
        if stated.is_undefined or (start, after) != (len(content), len(content) + absent):
            raise Declined
        after = start
    if after > len(content):
        raise Declined
    trail.deeds.append(level.deed(stated.tag, verdict.action))
    value = memoryview(content)[start:stop]
    return PixelSpan(stated, content[position:start], value, len(trail.parts), absent > 0), after
