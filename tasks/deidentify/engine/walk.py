"""The walk over the elements of a data set or item, and from there into its sequences."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from config.deid.profile import Path
from tasks.deidentify.actions import Action
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.exact import judged_exactly
from tasks.deidentify.engine.levels import (
    ITEM_END_BYTES,
    KEEP,
    OPEN,
    PRIVATE,
    STOP,
    VALUE,
    WIDE,
    Judged,
    Level,
    Plan,
    Stated,
    stated_header,
)
from tasks.deidentify.engine.notes import Note, together
from tasks.deidentify.engine.private import group_elements, private_group
from tasks.deidentify.engine.quick import judged_quickly
from tasks.dicom.elements import UNDEFINED

_ITEM: Final = b"\xfe\xff\x00\xe0"
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\0\0\0\0"
_HEADER_BYTES = 8
_HEAD_BYTES = 12


class _Together(Exception):  # noqa: N818 -- no error: the sequence is judged in another way
    """Elements of an item, or its items, decide about each other."""


@dataclass(slots=True)
class Trail:
    """What a walk leaves: parts of the result, deeds, notes, and the elements of the slots, before and after.

    `sources` are the elements that the notes are about. `own` are elements that were judged for this subject.
    """

    parts: list[bytes | memoryview] = field(default_factory=list)
    deeds: list[int] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    slots: dict[int, tuple[bytes, bytes | None]] = field(default_factory=dict)
    sources: list[bytes] = field(default_factory=list)
    own: dict[bytes, Judged] = field(default_factory=dict)


def walk(  # noqa: C901, PLR0912 -- the hot loop: a call for each element would cost more than all else
    buffer: bytes, span: tuple[int, int], plan: Plan, days: int, trail: Trail
) -> int:
    """Go from element to element, and give the offset before which the plan says to stop, or the end.

    What stays is emitted as slices of the buffer, as long as nothing comes between.
    """
    position, end = span
    view, level, wide = memoryview(buffer), plan.level, plan.wide
    parts, deeds, notes, slots = trail.parts, trail.deeds, trail.notes, trail.slots
    own, sources = trail.own, trail.sources
    values, dated, start = level.values, level.of_days(days), position
    while position < end:
        head = buffer[position : position + 8]
        kind, size, deed, slot = plan[head]
        if kind == WIDE:
            kind, size, deed, slot = wide[buffer[position : position + 12]]
        if kind == KEEP:
            deeds.append(deed)
            position += size
            continue
        if kind >= VALUE:
            if kind == STOP:
                break
            if kind == OPEN:
                size = extent(level, (position, end), buffer, dated)
            raw = buffer[position : position + size]
            judged = own.get(raw) or (values if kind == VALUE else dated).get(raw)
            deed, out, note = judged or judge(level, raw, days, dated if kind != VALUE else values)
            if note:
                notes.append(note)
                sources.append(raw)
            if slot:
                slots[slot] = raw, out
            if out is None:
                deeds.append(deed)
                position += size
                continue
        else:
            out = b""
        deeds.append(deed)
        if position > start:
            parts.append(view[start:position])
        if out:
            parts.append(out)
        position += size
        start = position
    if position > start:
        parts.append(view[start:position])
    return position


def judge(level: Level, raw: bytes, days: int, cache: dict[bytes, Judged]) -> Judged:
    """Judge an element, and remember it."""
    return level.memory.keep(cache, raw, _judged(level, raw, days), 2 * len(raw))


def _judged(level: Level, raw: bytes, days: int) -> Judged:
    stated = stated_header(raw[:_HEAD_BYTES], implicit=level.place.implicit)
    if level.is_grouped(stated.tag):
        return private_group(level, raw, days) if stated.tag & PRIVATE else judged_exactly(level, raw, days)
    if not stated.holds_items():
        return judged_quickly(level, stated, raw, days) or judged_exactly(level, raw, days)
    if level.is_walked(stated):
        try:
            return _sequence(level, stated, raw, days)
        except _Together:
            pass
    return judged_exactly(level, raw, days)


def extent(level: Level, span: tuple[int, int], buffer: bytes, dated: dict[bytes, Judged]) -> int:
    """Give the size of an element of undefined length, or of a group; the size that one had last is tried first."""
    position, end = span
    head = buffer[position : position + _HEAD_BYTES]
    is_group = level.is_grouped(int.from_bytes(head[1::-1] + head[3:1:-1]))
    size = level.extents.get(head, 0)
    stop = position + size
    goes_on = is_group and buffer[stop : stop + 2] == head[:2]
    if size and stop <= end and not goes_on and buffer[position:stop] in dated:
        return size
    if is_group:
        size = sum(size for _, size in group_elements(level, buffer, position, end))
    else:
        size = level.element_end(buffer, position) - position
    level.extents[head] = size
    return size


def _sequence(level: Level, stated: Stated, raw: bytes, days: int) -> Judged:
    """Judge the items of a sequence one by one.

    Raises
    ------
    _Together
        If an item is empty in the end, or a coded concept, or has a character set of its own.
    """
    child, end = level.child(stated.tag), len(raw)
    if stated.is_undefined:
        end -= _HEADER_BYTES
        if raw[end:] != _SEQUENCE_END:
            raise Declined
    parts, pairs, trail, position = [], Counter[tuple[Path, Action]](), Trail(), stated.start
    while position < end:
        trail.parts, trail.deeds = [], []
        position, part = _item(child, raw, (position, end), days, trail)
        parts.append(part)
        for what, count in level.memory.pairs(trail.deeds):
            pairs[what] += count
    if position != end:
        raise Declined
    pairs[(*level.place.path, stated.tag), level.verdict(stated.tag, stated.vr).action] += 1
    items = b"".join(parts)
    out = None
    if items != raw[stated.start : end]:
        length = raw[stated.start - 4 : stated.start] if stated.is_undefined else len(items).to_bytes(4, "little")
        out = b"".join((raw[: stated.start - 4], length, items, raw[end:]))
    return level.memory.deed(stated.tag, tuple(sorted(pairs.items()))), out, together(trail.notes)


def _item(child: Level, raw: bytes, span: tuple[int, int], days: int, trail: Trail) -> tuple[int, bytes]:
    """Give the offset after the item at the start of `span`, and what stands in its place."""
    start, end = span[0] + _HEADER_BYTES, span[1]
    header = raw[span[0] : start]
    length = int.from_bytes(header[4:], "little")
    stop = end if length == UNDEFINED else start + length
    if header[:4] != _ITEM or stop > end:
        raise Declined
    position = walk(raw, (start, stop), child.plans[0], days, trail)
    if position > stop:
        raise Declined
    closed = raw[position : position + _HEADER_BYTES] == ITEM_END_BYTES
    if position < stop and not (closed and length == UNDEFINED):
        raise _Together
    if position > start and not trail.parts:
        raise _Together
    content = b"".join(trail.parts)
    if length != UNDEFINED:
        return stop, header[:4] + len(content).to_bytes(4, "little") + content
    if not closed:
        raise Declined
    return position + _HEADER_BYTES, header + content + ITEM_END_BYTES
