"""Stretches of elements that the objects of a subject have in common: compared as a whole, and emitted as a whole.

Equal bytes at the same place are judged equally, so a run is no guess. Which elements differ from object to object is
learned from the first ones.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from tasks.deidentify.engine.levels import OPEN, STOP, WIDE, Judged, Level, Plan
from tasks.deidentify.engine.notes import Note, together
from tasks.deidentify.engine.walk import Run, Runs, Trail, extent, walk

_LESSONS: Final = 12  # after so many, what still differs is left to the walk
_TAG_BYTES, _HEADER_BYTES = 4, 8
_MOST_OWN: Final = 1000
_LARGEST: Final = 1 << 18  # bytes of a header of which runs are made


class Repetition:
    """The runs of one context, by stretch of the data set; `days` is the date offset of its subject.

    `own` are elements that were judged for this subject in particular.
    """

    def __init__(self, level: Level, days: int) -> None:
        self._level, self._days = level, days
        self.own: dict[bytes, Judged] = {}
        self._varying: set[bytes] = set()
        self._sample: dict[bytes, bytes] = {}
        self._lessons = 0
        self.stages: list[Runs] = [{} for _ in level.plans]

    def judge(self, raw: bytes, judged: Judged) -> None:
        """Remember an element that was judged for this subject; runs without that judgement are forgotten."""
        if len(self.own) > _MOST_OWN:
            self.own.clear()
        self.own[raw] = judged
        self._level.memory.weight += 2 * len(raw)
        self.forget()

    def forget(self) -> None:
        """Walk over every element next time."""
        self.stages = [{} for _ in self.stages]

    def learn(self, content: bytes, position: int, end: int) -> None:
        """Make runs of an object, up to its pixel data, without the elements that were seen to differ."""
        if self._lessons >= _LESSONS or end - position > _LARGEST:
            return
        self._lessons += 1
        sample: dict[bytes, bytes] = {}
        for number, plan in enumerate(self._level.plans):
            raws = list(_elements(content, position, end, plan, self._days))
            position += sum(map(len, raws))
            self._compare(raws)
            self.stages[number] = dict(self._runs(raws, plan)) if self._sample else {}
            sample |= {raw[:_TAG_BYTES]: raw for raw in raws}
        self._sample = sample
        self._level.memory.weight += 3 * end

    def _compare(self, raws: list[bytes]) -> None:
        if self._sample:
            tags = ((raw[:_TAG_BYTES], raw) for raw in raws)
            self._varying |= {tag for tag, raw in tags if self._sample.get(tag) != raw}

    def _runs(self, raws: list[bytes], plan: Plan) -> Iterator[tuple[bytes, Run]]:
        for varies, group in groupby(raws, lambda raw: raw[:_TAG_BYTES] in self._varying):
            raw = b"" if varies else b"".join(self._closed(list(group)))
            if raw:
                trail = Trail(own=self.own)
                walk(raw, (0, len(raw)), plan, self._days, trail)
                notes, sources = _merged(trail)
                yield raw[:_HEADER_BYTES], Run(raw, b"".join(trail.parts), trail.deeds, notes, sources, trail.slots)

    def _closed(self, raws: list[bytes]) -> list[bytes]:
        """Leave out a group at the end: elsewhere it may go on, and its elements decide about each other."""
        is_open = self._level.is_grouped(int.from_bytes(raws[-1][1::-1] + raws[-1][3:1:-1]))
        return raws[:-1] if is_open else raws


def _merged(trail: Trail) -> tuple[list[Note], list[bytes]]:
    """Give the notes of a run, those without hits as one, whose source is empty: there is no single one."""
    told = list(zip(trail.notes, trail.sources, strict=True))
    special = [(note, source) for note, source in told if note.hits or note.terms]
    plain = together([note for note, _ in told if not (note.hits or note.terms)])
    merged = [(plain, b""), *special] if plain else special
    return [note for note, _ in merged], [source for _, source in merged]


def _elements(content: bytes, position: int, end: int, plan: Plan, days: int) -> Iterator[bytes]:
    """Give the elements of a stretch."""
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
