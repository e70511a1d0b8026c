"""What the objects of a series have in common: compared as a whole, and answered as a whole.

Equal bytes at the same place are judged equally, so a pattern is no guess. Which elements differ from object to object
is learned from the first ones; an object that differs in any other way is walked over like one that stands alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from tasks.deidentify.engine.levels import KEEP, OPEN, SKIP, STOP, VALUE, WIDE, Judged, Level, Plan
from tasks.deidentify.engine.walk import Trail, extent, judge, walk

_LESSONS: Final = 12  # after so many, what still differs is left to the walk
_TAG_BYTES = 4
_LARGEST: Final = 1 << 18  # bytes of a header that is compared


class Step(NamedTuple):
    """Elements that are always there, what stands in their place, and the element after them, which differs."""

    raw: bytes
    out: bytes
    tag: bytes
    plan: Plan | None


class Met(NamedTuple):
    """An object that fits a pattern: the parts of its result, and what its differing elements left."""

    parts: list[bytes]
    position: int
    trail: Trail


@dataclass(slots=True)
class Pattern:
    """The elements of a series up to its pixel data; `deeds`, in order, are those of the elements that differ.

    `common` is what the other elements left.
    """

    level: Level
    days: int
    own: dict[bytes, Judged]
    steps: list[Step] = field(default_factory=list)
    deeds: list[int] = field(default_factory=list)
    common: Trail = field(default_factory=Trail)

    def meet(self, content: bytes, position: int) -> Met | None:
        """Go along the pattern from a position on, or give null where an object leaves it."""
        trail = Trail(own=self.own)
        parts: list[bytes] = []
        for raw, out, tag, plan in self.steps:
            if not content.startswith(raw, position):
                return None
            parts.append(out)
            position += len(raw)
            if plan is not None:
                if content[position : position + _TAG_BYTES] != tag:
                    return None
                position, part = self._differing(content, position, plan, trail)
                parts.append(part)
        return Met(parts, position, trail) if trail.deeds == self.deeds else None

    def _differing(self, content: bytes, position: int, plan: Plan, trail: Trail) -> tuple[int, bytes]:
        """Judge one element, as the walk does."""
        kind, size, deed, slot = plan[content[position : position + 8]]
        if kind == WIDE:
            kind, size, deed, slot = plan.wide[content[position : position + 12]]
        if kind == STOP:
            return position, b""
        dated = self.level.of_days(self.days)
        if kind == OPEN:
            size = extent(self.level, (position, len(content)), content, dated)
        raw = content[position : position + size]
        position += size
        if kind in (KEEP, SKIP):
            trail.deeds.append(deed)
            return position, raw if kind == KEEP else b""
        cache = self.level.values if kind == VALUE else dated
        deed, out, note = self.own.get(raw) or cache.get(raw) or judge(self.level, raw, self.days, cache)
        trail.deeds.append(deed)
        if note:
            trail.notes.append(note)
            trail.sources.append(raw)
        if slot:
            trail.slots[slot] = raw, out
        return position, raw if out is None else out


class Series:
    """One series of a subject, as far as its objects were met; `own` are elements judged for the subject."""

    def __init__(self, level: Level, days: int, own: dict[bytes, Judged]) -> None:
        self._level, self._days, self._own = level, days, own
        self._varying: set[bytes] = set()
        self._sample: dict[bytes, bytes] = {}
        self._lessons = 0

    def pattern(self, content: bytes, span: tuple[int, int], written: list[bytes]) -> Pattern | None:
        """Learn from one more object, and give the pattern that it and those before have in common.

        Parameters
        ----------
        span
            Where its elements begin, and where its pixel data do.
        written
            What is written between the stretches of the level's plans.
        """
        position, end = span
        if self._lessons >= _LESSONS or end - position > _LARGEST:
            return None
        self._lessons += 1
        stages: list[tuple[Plan, list[bytes]]] = []
        for plan in self._level.plans:
            raws = list(_elements(content, (position, end), plan, self._days))
            position += sum(map(len, raws))
            stages.append((plan, raws))
        sample = {raw[:_TAG_BYTES]: raw for _, raws in stages for raw in raws}
        if self._sample:
            tags = sample.keys() | self._sample.keys()
            self._varying |= {tag for tag in tags if self._sample.get(tag) != sample.get(tag)}
        is_first, self._sample = not self._sample, sample
        self._level.memory.weight += 2 * (end - span[0])
        return None if is_first else self._made(stages, written)

    def _made(self, stages: list[tuple[Plan, list[bytes]]], written: list[bytes]) -> Pattern:
        pattern = Pattern(self._level, self._days, self._own)
        raw, parts = b"", list[bytes]()
        for (plan, raws), after in zip(stages, [*written, b""], strict=True):
            for varies, group in groupby(raws, lambda one: one[:_TAG_BYTES] in self._varying):
                if not varies:
                    fixed = b"".join(group)
                    parts.append(self._walked(fixed, plan, pattern.common))
                    raw += fixed
                    continue
                for element in group:
                    pattern.steps.append(Step(raw, b"".join(parts), element[:_TAG_BYTES], plan))
                    raw, parts = b"", []
                    trail = Trail(own=self._own)
                    pattern._differing(element, 0, plan, trail)  # noqa: SLF001 -- made here
                    pattern.deeds += trail.deeds
            parts.append(after)
        pattern.steps.append(Step(raw, b"".join(parts), b"", None))
        return pattern

    def _walked(self, raw: bytes, plan: Plan, common: Trail) -> bytes:
        common.parts = []
        walk(raw, (0, len(raw)), plan, self._days, common)
        return b"".join(common.parts)


def _elements(content: bytes, span: tuple[int, int], plan: Plan, days: int) -> Iterator[bytes]:
    """Give the elements of a stretch."""
    position, end = span
    level = plan.level
    while position < end:
        kind, size, _, _ = plan[content[position : position + 8]]
        if kind == WIDE:
            kind, size, _, _ = plan.wide[content[position : position + 12]]
        if kind == STOP:
            return
        if kind == OPEN:
            size = extent(level, (position, end), content, level.of_days(days))
        yield content[position : position + size]
        position += size
