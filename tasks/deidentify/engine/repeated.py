"""The answer for one object of a series as it was given for another, but for what differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tasks.deidentify.engine.context import Context
from tasks.deidentify.engine.described import DIFFERING, SLOTS, new_uid
from tasks.deidentify.engine.facts import Reader, differing_facts
from tasks.deidentify.engine.fileparts import Layout
from tasks.deidentify.engine.notes import Note, Scope, needles_of
from tasks.deidentify.engine.opened import Opened, PixelSpan, expect_limits
from tasks.deidentify.engine.pixels import PixelPart, awaited_part, native_part
from tasks.deidentify.engine.series import Met, Pattern
from tasks.deidentify.persons import SOP_INSTANCE, Person
from tasks.dicom.pixels import Image
from tasks.identifiers.needle import Needle

_LOOKED_AT: Final = SLOTS - DIFFERING


@dataclass(frozen=True, slots=True)
class Common:
    """All that the objects of a series share, as of the moment at which `stir` needles of `scope` were met in texts.

    `facts` and `actions` are those of the last object that stood alone; `needles` and `uids` are of the elements that
    do not differ.
    """

    pattern: Pattern
    scope: Scope
    stir: int
    layout: tuple[bool, str]
    context: Context
    person: Person
    pixels: PixelSpan
    image: Image
    facts: Mapping[str, Any]
    actions: Mapping[tuple[str, str], int]
    notes: list[Note]
    needles: frozenset[Needle]
    uids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Repeated:
    """One more object of a series: the parts before its pixel data, these, and what is its own."""

    common: Common
    parts: list[bytes]
    pixels: PixelPart
    notes: list[Note]
    sop_uid: str
    facts: dict[str, Any]


def common_of(pattern: Pattern, about: tuple[Scope, Layout, Context], found: Opened, **answer: Any) -> Common | None:  # noqa: ANN401 -- fields of `Common`
    """Give what a series shares, or null if the pattern leaves open what must not differ.

    Parameters
    ----------
    answer
        The `person`, `image`, `facts` and `actions` of the object that the pattern was learned from.
    """
    scope, layout, context = about
    differing = {int.from_bytes(step.tag[1::-1] + step.tag[3:1:-1]) for step in pattern.steps}
    if not found.pixels or not differing.isdisjoint(_LOOKED_AT):
        return None
    notes = [*pattern.common.notes, *([context.given] if context.given else [])]
    scope.learn(notes)
    needles = needles_of(notes)
    if any(note.hits - needles for note in notes):
        return None
    return Common(
        pattern=pattern,
        scope=scope,
        stir=scope.stir,
        layout=(layout.implicit, layout.syntax),
        context=context,
        pixels=found.pixels,
        notes=notes,
        needles=needles,
        uids=dict(pair for note in notes for pair in note.uids),
        **answer,
    )


def repeated(common: Common, content: bytes, absent: int, layout: Layout) -> Repeated | None:
    """Give the answer for one more object of a series, or null if it is none, or differs in what it tells.

    Raises
    ------
    Declined
        If its pixel data or values decide so.
    """
    met = common.pattern.meet(content, layout.start)
    if met is None or common.layout != (layout.implicit, layout.syntax):
        return None
    if any(note.texts or note.words or note.terms for note in met.trail.notes):
        return None
    common.scope.learn(met.trail.notes)
    pixels = _pixels(common, content, absent, met)
    if pixels is None or common.scope.stir != common.stir:
        return None
    slots, level = met.trail.slots, common.context.level
    expect_limits(met.position, level.policy.limits)
    elements = {tag: raw if out is None else out for tag, (raw, out) in slots.items()}
    facts = differing_facts(elements, Reader(level)) if DIFFERING & slots.keys() else {}
    if SOP_INSTANCE not in slots:
        return None
    return Repeated(common, met.parts, pixels, met.trail.notes, new_uid(*slots[SOP_INSTANCE], layout.implicit), facts)


def _pixels(common: Common, content: bytes, absent: int, met: Met) -> PixelPart | None:
    """Give the pixel data that end an object, or null if they do not."""
    span = common.pixels
    start = met.position + len(span.header)
    if content[met.position : start] != span.header or start + span.stated.length != len(content) + absent:
        return None
    if absent:
        return awaited_part(common.image, span.stated, span.header) if start == len(content) else None
    return native_part(common.image, span.stated, span.header, memoryview(content)[start:])
