"""An object after the walk: what was found, where the pixel data lie, and what is put where."""

from dataclasses import dataclass
from typing import NamedTuple

from config.settings import ObjectLimits
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.fileparts import Layout
from tasks.deidentify.engine.levels import Level, Stated, stated_header
from tasks.deidentify.engine.runs import Repetition
from tasks.deidentify.engine.walk import Trail, walk
from tasks.dicom.structure import element_end
from tasks.dicom.syntaxes import Encoding

_HEADER_BYTES = 12
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


class PixelSpan(NamedTuple):
    """Pixel data in the source: header, value without delimiter, and the number of parts before them."""

    stated: Stated
    header: bytes
    value: memoryview
    before: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What the walk left, where in its parts the elements belong that are written anew, and the pixel data."""

    trail: Trail
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


def opened(content: bytes, layout: Layout, level: Level, days: int, repetition: Repetition) -> Opened:
    """Walk over a data set.

    Raises
    ------
    Declined
        If it does not end where the content does, or has pixel data twice.
    """
    end, trail, gaps = len(content), Trail(own=repetition.own), []
    position = layout.start
    *stretches, last = zip(level.plans, repetition.stages, strict=True)
    for plan, runs in stretches:
        position = walk(content, (position, end), plan, days, trail, runs)
        gaps.append(len(trail.parts))
        trail.parts.append(b"")
    plan, runs = last
    position = header_end = walk(content, (position, end), plan, days, trail, runs)
    pixels = None
    if position < end:
        pixels, position = _pixels_at(content, position, level, trail)
        position = walk(content, (position, end), plan, days, trail)
    if position != end:
        raise Declined
    if trail.misses or not any(repetition.stages):
        repetition.learn(content, layout.start, header_end)
    _expect_limits(end - (len(pixels.value) if pixels else 0), level.policy.limits)
    return Opened(trail, tuple(gaps), pixels)


def _expect_limits(header_bytes: int, limits: ObjectLimits) -> None:
    """Decline what could hold too many elements, of eight bytes at least."""
    if header_bytes > 8 * limits.max_elements:
        raise Declined


def _pixels_at(content: bytes, position: int, level: Level, trail: Trail) -> tuple[PixelSpan, int]:
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
    if after > len(content):
        raise Declined
    trail.deeds.append(level.deed(stated.tag, verdict.action))
    value = memoryview(content)[start:stop]
    return PixelSpan(stated, content[position:start], value, len(trail.parts)), after
