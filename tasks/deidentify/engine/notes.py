"""What elements say about the subject, and what must therefore be looked at again: notes, and the scope of a subject.

A text that is kept was judged as if nothing were known about the subject, so that the judgement can be remembered. It
holds for every subject of whom no needle stands in one of the texts that it asked about. The scope knows which do.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tasks.deidentify.engine.memory import Memory
from tasks.deidentify.needles import Kind, Needle
from tasks.deidentify.residual import SHORTEST_IN_PIXELS, found_in_header, found_in_text, spelled

_GRAM = 4  # bytes of a needle by which it is looked for first
_MIXER = np.uint32(2654435761)
_SHIFT = np.uint32(16)
_SLOTS = 1 << 16
_ASCII_END = 0x80
_PER_TEXT = 200  # bytes, about
_PER_NEEDLE = 1000  # bytes, about


class Note:
    """What judging an element brought to light: needles of the source, and texts that must hold none.

    `hits` are the needles of the present scope that stand in one of the texts.
    """

    __slots__ = ("hits", "needles", "texts")

    def __init__(self, needles: frozenset[Needle], texts: tuple[str, ...]) -> None:
        self.needles, self.texts = needles, texts
        self.hits: set[Needle] = set()


class Texts:
    """All texts that were asked about, whoever asked: needles are looked for in all of them at once."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._notes: dict[str, list[Note]] = {}
        self._known: set[Note] = set()
        self._all = ""

    def register(self, note: Note) -> bool:
        """Take in the texts of a note; tell whether it was new."""
        if note in self._known:
            return False
        self._known.add(note)
        for text in note.texts:
            if text not in self._notes:
                self._all += text.lower() + "\n"
            self._notes.setdefault(text, []).append(note)
            self._memory.weight += _PER_TEXT + len(text)
        return True

    def with_needle(self, needle: Needle) -> Iterator[Note]:
        """Give the notes with a text in which a needle stands."""
        if needle.text in self._all:
            for text, notes in self._notes.items():
                if found_in_text(text, (needle,)):
                    yield from notes


class Scope:
    """The needles of one subject as they come together over its objects, and where they are met.

    It grows only; what an object must not hold are those of its own notes (`needles_of`).
    """

    def __init__(self, memory: Memory, texts: Texts, codecs: tuple[str, ...]) -> None:
        self._memory, self._texts, self._codecs = memory, texts, codecs
        self._seen: set[Note] = set()
        self._hit: set[Note] = set()
        self.needles: set[Needle] = set()
        self._grams: dict[int, list[Needle]] = {}
        self._slots: NDArray[np.bool_] = np.zeros(_SLOTS, dtype=np.bool_)
        self.pixel_bound = 0xFF  # the smallest bound of a name or identifier, see `_bound`

    def learn(self, notes: Iterable[Note]) -> None:
        """Take in what the notes of an object say."""
        for note in notes:
            if note not in self._seen:
                self._seen.add(note)
                self._learn(note)

    def _learn(self, note: Note) -> None:
        for needle in note.needles - self.needles:
            self._memory.weight += _PER_NEEDLE
            self.needles.add(needle)
            self._index(needle)
            for touched in self._texts.with_needle(needle):
                self._touch(touched, needle)
        if self._texts.register(note):
            for text in note.texts:
                for needle in found_in_text(text, self.needles):
                    self._touch(note, needle)

    def _touch(self, note: Note, needle: Needle) -> None:
        note.hits.add(needle)
        self._hit.add(note)

    def leave(self) -> None:
        """Make the notes forget this scope."""
        for note in self._hit:
            note.hits.clear()

    def _index(self, needle: Needle) -> None:
        for spelling in spelled(needle, self._codecs):
            gram = int.from_bytes(spelling.lower()[-_GRAM:], "little")
            self._grams.setdefault(gram, []).append(needle)
            self._slots[_slots_of(np.array([gram], dtype=np.uint32))] = True
        if needle.kind in (Kind.NAME, Kind.IDENTIFIER):
            self.pixel_bound = min(self.pixel_bound, _bound(needle))

    def found_in(self, header: bytes, notes: Iterable[Note]) -> bool:
        """Tell whether a needle of these notes stands in the bytes of a finished header."""
        small = header.lower()
        if len(small) < _GRAM:
            return False
        grams: NDArray[np.uint32] = np.ndarray((len(small) - _GRAM + 1,), "<u4", small, strides=(1,))
        suspects = {
            needle
            for gram in grams[self._slots[_slots_of(grams)]].tolist()
            for needle in self._grams.get(gram, ())
        }
        return bool(suspects) and bool(found_in_header(header, suspects & needles_of(notes), self._codecs))


def _slots_of(grams: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return (grams * _MIXER) >> _SHIFT


def needles_of(notes: Iterable[Note]) -> frozenset[Needle]:
    """Give the needles of notes together."""
    return frozenset().union(*(note.needles for note in notes))


def _bound(needle: Needle) -> int:
    """Give a byte value that every spelling of a needle reaches among its even and among its odd bytes, as ASCII.

    16-bit words whose high bytes are all below it, or above ASCII, cannot hold the needle at any offset.
    """
    spelling = needle.text.encode("utf-8")
    if len(spelling) < SHORTEST_IN_PIXELS:
        return 0xFF
    variants = (spelling, spelling.upper(), spelling.title())
    halves = (variant[parity::2] for variant in variants for parity in (0, 1))
    return min(max((byte for byte in half if byte < _ASCII_END), default=0) for half in halves)
