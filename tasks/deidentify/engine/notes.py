"""What elements say about the subject, and what must therefore be looked at again: notes, and the scope of a subject.

A text that is kept was judged as if nothing were known about the subject, so that the judgement can be remembered. It
holds for every subject of whom no needle stands in one of the texts that it asked about. The scope knows which do.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.deidentify.engine.memory import Memory
from tasks.deidentify.needles import become
from tasks.deidentify.residual import SHORTEST_IN_PIXELS, found_in_header, spelled
from tasks.deidentify.text import Needles, clean_text
from tasks.identifiers.needle import Kind, Needle
from tasks.identifiers.search import found_in_text

_GRAM = 4  # bytes of a needle by which it is looked for first
_MIXER = np.uint32(2654435761)
_SHIFT = np.uint32(16)
_SLOTS = 1 << 16
_LEADS_OF_FOUR = 0xF0
_DIGITS = range(0x30, 0x3A)
_COMMON = frozenset(b"\0 .0")
_RARITY = bytes(0 if byte in _COMMON else 1 if byte in _DIGITS else 2 for byte in range(256))
_REACH = 16  # bytes at the end of a spelling among which the rarest are looked for
_NO_BOUND = 0x100
_PER_TEXT = 200  # bytes, about
_PER_NEEDLE = 1000  # bytes, about


class Index(NamedTuple):
    """How the needles of a note are looked for: four bytes of every spelling, whose they are, and where they hash to.

    `bound` is a byte value that every name and identifier of them reaches among its even and among its odd bytes.
    """

    grams: NDArray[np.uint32]
    owners: list[Needle]
    slots: NDArray[np.uint32]
    bound: int


class Known(NamedTuple):
    """What decides about the texts of an object: its needles (or those that are met in texts), words, and birth."""

    needles: frozenset[Needle]
    words: frozenset[str]
    born: date | None


class Terms(NamedTuple):
    """What a judgement was made for: what was known, which needles stand in its texts, and which may stand there."""

    known: Known
    hits: frozenset[Needle]
    excused: frozenset[Needle]


class Told(NamedTuple):
    """What judging an element brought to light: needles and words of the source, texts that must hold none, new UIDs.

    `worded` are those texts that were cleaned word by word. `uids` are pairs of an old and a new one.
    """

    needles: frozenset[Needle] = frozenset()
    texts: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    worded: tuple[str, ...] = ()
    uids: tuple[tuple[str, str], ...] = ()


class Note:
    """What judging an element brought to light, and where that stands with the present subject.

    `hits` are the needles of the present scope that stand in one of the texts. `clear_of` is the version of the texts
    in none of which a needle of this note stands. `terms` are there where it was judged for somebody in particular.
    """

    __slots__ = ("_clean", "_indexes", "clear_of", "hits", "needles", "terms", "texts", "uids", "worded", "words")

    def __init__(self, told: "Told") -> None:
        self.needles, self.texts, self.words, self.worded, self.uids = told
        self.hits: set[Needle] = set()
        self.clear_of = -1
        self.terms: Terms | None = None
        self._clean: set[frozenset[str]] = set()
        self._indexes: dict[tuple[str, ...], Index] = {}

    def __bool__(self) -> bool:
        """Tell whether it says anything."""
        return bool(self.needles or self.texts or self.words or self.uids)

    def holds_for(self, known: "Known") -> bool:
        """Tell whether the judgement is the one for somebody of whom this is known."""
        if self.terms:
            return known[1:] == self.terms.known[1:] and self.hits & known.needles == self.terms.hits
        return self.hits.isdisjoint(known.needles) and not self._changes(known.words)

    def _changes(self, words: frozenset[str]) -> bool:
        """Tell whether one of these words takes something out of a text that was cleaned."""
        if self.worded and words not in self._clean:
            if any(clean_text(text, Needles(words=words)) != clean_text(text, Needles()) for text in self.worded):
                return True
            self._clean.add(words)
        return False

    def index(self, codecs: tuple[str, ...]) -> Index:
        """Give the index of the needles, as they may be spelled in these codecs."""
        found = self._indexes.get(codecs)
        if found is None:
            found = self._indexes[codecs] = _index_of(self.needles, codecs)
        return found


def _index_of(needles: frozenset[Needle], codecs: tuple[str, ...]) -> Index:
    spellings = [(spelling.lower(), needle) for needle in needles for spelling in spelled(needle, codecs)]
    grams = np.array([_rarest(spelling) for spelling, _ in spellings], dtype=np.uint32)
    bounds = (_bound(needle) for needle in needles if needle.kind in (Kind.NAME, Kind.IDENTIFIER))
    return Index(grams, [needle for _, needle in spellings], _slots_of(grams), min(bounds, default=_NO_BOUND))


class Texts:
    """All texts that were asked about, whoever asked: needles are looked for in all of them at once.

    `version` changes when a text is added.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._notes: dict[str, list[Note]] = {}
        self._known: set[Note] = set()
        self._all = ""

    @property
    def version(self) -> int:
        """What was read up to."""
        return len(self._all)

    def register(self, note: Note) -> bool:
        """Take in the texts of a note; tell whether it was new."""
        if not note.texts or note in self._known:
            return False
        self._known.add(note)
        for text in note.texts:
            if text not in self._notes:
                self._all += text.lower() + "\n"
            self._notes.setdefault(text, []).append(note)
            self._memory.weight += _PER_TEXT + len(text)
        return True

    def with_needle(self, needle: Needle) -> list[Note]:
        """Give the notes with a text in which a needle stands."""
        if needle.text not in self._all:
            return []
        found = (notes for text, notes in self._notes.items() if found_in_text(text, (needle,)))
        return [note for notes in found for note in notes]


class Scope:
    """The needles of one subject as they come together over its objects, and where they are met.

    It grows only; what an object must not hold are those of its own notes (`needles_of`).
    """

    def __init__(self, memory: Memory, texts: Texts, codecs: tuple[str, ...], days: int) -> None:
        self._memory, self._texts, self._codecs, self._days = memory, texts, codecs, days
        self._seen: set[Note] = set()
        self._hit: set[Note] = set()
        self._owners: dict[Needle, list[Note]] = {}
        self._fresh: list[Note] = []  # not yet in slots, grams and bound
        self._grams: dict[int, set[Needle]] = {}
        self._slots: NDArray[np.bool_] = np.zeros(_SLOTS, dtype=np.bool_)
        self._bound = _NO_BOUND  # the smallest of the indexes
        self._calm_for: tuple[frozenset[str], date | None] | None = None
        self._calm: set[Note] = set()
        self._weight = 0
        self.stir = 0  # how often a needle was met in a text

    def learn(self, notes: Iterable[Note]) -> None:
        """Take in what the notes of an object say."""
        for note in notes:
            if note not in self._seen:
                self._seen.add(note)
                weight = _PER_NEEDLE * (1 + len(note.needles))
                self._memory.weight += weight
                self._weight += weight
                if note.needles:
                    self._learn_needles(note)
                if self._texts.register(note):
                    self._hit_by(note)

    def restless(
        self, told: Iterable[tuple[Note, bytes]], words: frozenset[str], born: date | None
    ) -> list[tuple[Note, bytes]]:
        """Give those of the notes that were not yet found to hold for somebody with these words and this birth."""
        if self._calm_for != (words, born):
            self._calm_for = (words, born)
            self._calm.clear()
        calm = self._calm
        return [one for one in told if one[0] not in calm]

    def calm(self, notes: Iterable[Note]) -> None:
        """Note that these hold, until a needle of this scope is met in one more text; others than those met in none."""
        self._calm.update(note for note in notes if not (note.hits or note.terms))

    def _learn_needles(self, note: Note) -> None:
        self._fresh.append(note)
        for needle in note.needles:
            self._owners.setdefault(needle, []).append(note)
        if note.clear_of == self._texts.version:
            return
        touched = [(needle, found) for needle in note.needles for found in self._texts.with_needle(needle)]
        for needle, found in touched:
            self._touch(found, needle)
        if not touched:
            note.clear_of = self._texts.version

    def _hit_by(self, note: Note) -> None:
        """Look for all needles of the scope in the texts of a new note."""
        for known in self._seen:
            for text in note.texts:
                for needle in found_in_text(text, known.needles):
                    self._touch(note, needle)

    def _touch(self, note: Note, needle: Needle) -> None:
        note.hits.add(needle)
        self._hit.add(note)
        self._calm.clear()
        self.stir += 1

    def leave(self) -> None:
        """Make the notes and the memory forget this scope."""
        self._memory.weight -= self._weight
        for note in self._hit:
            note.hits.clear()

    def met_in(self, some: Iterable[Note], notes: Iterable[Note]) -> frozenset[Needle]:
        """Give the needles of these notes that stand in a text of some of them."""
        return self._among((needle for note in some for needle in note.hits), notes)

    def _among(self, needles: Iterable[Needle], notes: Iterable[Note]) -> frozenset[Needle]:
        """Give those of the needles that are of these notes; much quicker than all needles of all notes."""
        wanted = set(needles)
        if not wanted:
            return frozenset()
        present = set(notes)
        return frozenset(needle for needle in wanted if not present.isdisjoint(self._owners[needle]))

    def found_in(self, header: bytes, notes: Iterable[Note], excused: frozenset[Needle]) -> bool:
        """Tell whether a needle of these notes stands in the bytes of a finished header without excuse."""
        small = header.lower()
        if len(small) < _GRAM:
            return False
        self._take_in()
        grams: NDArray[np.uint32] = np.ndarray((len(small) - _GRAM + 1,), "<u4", small, strides=(1,))
        near = grams[self._slots[_slots_of(grams)]]
        suspects = self._among(self._with_grams(near.tolist()) - excused, notes)
        if not suspects or not found_in_header(header, suspects, self._codecs):
            return False
        suspects -= become(needles_of(notes), self._days)
        return bool(found_in_header(header, suspects, self._codecs))

    @property
    def pixel_bound(self) -> int:
        """The high byte below which no pixel of 16 bits belongs to a name or an identifier of the scope."""
        self._take_in()
        return self._bound

    def _take_in(self) -> None:
        """Make the needles of new notes ones that are looked for."""
        for note in self._fresh:
            index = note.index(self._codecs)
            self._slots[index.slots] = True
            self._bound = min(self._bound, index.bound)
            for gram, needle in zip(index.grams.tolist(), index.owners, strict=True):
                self._grams.setdefault(gram, set()).add(needle)
        self._fresh.clear()

    def _with_grams(self, grams: list[int]) -> set[Needle]:
        """Give the needles of the scope that have one of these grams."""
        known = self._grams.keys() & grams
        return {needle for gram in known for needle in self._grams[gram]}


def _slots_of(grams: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return (grams * _MIXER) >> _SHIFT


def needles_of(notes: Iterable[Note]) -> frozenset[Needle]:
    """Give the needles of notes together."""
    return frozenset().union(*(note.needles for note in notes))


def _rarest(spelling: bytes) -> int:
    """Give four bytes of a spelling that are met seldom by chance: letters before digits, few zeros and dots."""
    end = spelling[-_REACH:]
    rare = end.translate(_RARITY)
    start = max(range(len(end) - _GRAM, -1, -1), key=lambda place: sum(rare[place : place + _GRAM]))
    return int.from_bytes(end[start : start + _GRAM], "little")


def _bound(needle: Needle) -> int:
    """Give a byte value that a needle reaches among its even and among its odd bytes, those from 0xF0 on left out.

    Words of 16 bits whose high bytes are all below it, or 0xF0 and more, cannot hold the needle at any offset.
    """
    spelling = needle.text.encode("utf-8")
    if len(spelling) < SHORTEST_IN_PIXELS:
        return _NO_BOUND
    variants = (spelling, spelling.upper(), spelling.title())
    halves = (variant[parity::2] for variant in variants for parity in (0, 1))
    return min(max((byte for byte in half if byte < _LEADS_OF_FOUR), default=0) for half in halves)


def together(notes: list[Note]) -> Note | None:
    """Give what several notes say as one, or nothing if there are none."""
    if len(notes) < 2:  # noqa: PLR2004 -- nothing to put together
        return notes[0] if notes else None
    return Note(
        Told(
            frozenset().union(*(note.needles for note in notes)),
            tuple(dict.fromkeys(text for note in notes for text in note.texts)),
            frozenset().union(*(note.words for note in notes)),
            tuple(dict.fromkeys(text for note in notes for text in note.worded)),
            tuple(dict.fromkeys(pair for note in notes for pair in note.uids)),
        )
    )
