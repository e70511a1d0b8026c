"""The judgement of elements one by one, by the very functions of the other road; what is judged is remembered."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NoReturn

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from config.settings import ObjectLimits
from tasks.deidentify.crosswalk import Recorder, recorder
from tasks.deidentify.elements import Cleaning, clean_dataset
from tasks.deidentify.elements import Level as ElementsLevel
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.levels import REPLACED, Judged, Level
from tasks.deidentify.engine.memory import Pairs
from tasks.deidentify.engine.notes import Known, Note, Told
from tasks.deidentify.kept import Keeping
from tasks.deidentify.needles import harvest, harvest_words
from tasks.deidentify.policy import types_of
from tasks.deidentify.text import Cleaned, Needles, clean_text
from tasks.dicom.elements import looks_implicit
from tasks.dicom.reading import read_dataset
from tasks.dicom.silence import silenced
from tasks.dicom.syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from tasks.identifiers.needle import Needle

_SYNTAX_HEADER = b"\x02\0\x10\0UI"
_VR_OFFSET = 4


def _file_start(syntax: str) -> bytes:
    """Give preamble and file meta information of a file that is read by us alone."""
    text = syntax.encode() + b"\0" * (len(syntax) % 2)
    return bytes(128) + b"DICM" + _SYNTAX_HEADER + len(text).to_bytes(2, "little") + text


_STARTS: Final = {True: _file_start(IMPLICIT_LITTLE), False: _file_start(EXPLICIT_LITTLE)}


class _Nobody(frozenset[Any]):
    """What is not known while an element is judged for every subject at once: whoever looks into it is declined."""

    def _refuse(self, *_: object) -> NoReturn:
        raise Declined

    __iter__ = __len__ = __contains__ = __sub__ = __and__ = __or__ = isdisjoint = _refuse


class _SomeDay(date):
    """A birth date that is not known: whoever compares it is declined."""

    def __eq__(self, other: object) -> bool:
        raise Declined

    __hash__ = date.__hash__


@dataclass(frozen=True, slots=True)
class Asking(Keeping):
    """Keeps as if there were no needles, and notes which texts must hold none, and which of them were cleaned."""

    asked: dict[str, None] = field(default_factory=dict)
    worded: dict[str, None] = field(default_factory=dict)

    def is_free_of_needles(self, text: str) -> bool:
        """Note a text."""
        self.asked[text] = None
        return True

    def cleaning(self, text: str) -> Cleaned:
        """Note a text, and what is left of it."""
        cleaned = clean_text(text, Needles())
        self.worded[text] = self.asked[text] = self.asked[cleaned.value] = None
        return cleaned


@dataclass(frozen=True, slots=True)
class _Telling(Keeping):
    """Keeps for somebody in particular, and notes which texts were looked into."""

    asked: dict[str, None] = field(default_factory=dict)

    def is_free_of_needles(self, text: str) -> bool:
        """Note a text."""
        self.asked[text] = None
        return Keeping.is_free_of_needles(self, text)

    def cleaning(self, text: str) -> Cleaned:
        """Note a text, and what is left of it."""
        cleaned = Keeping.cleaning(self, text)
        self.asked[text] = self.asked[cleaned.value] = None
        return cleaned


def read_elements(raw: bytes, *, implicit: bool, limits: ObjectLimits | None = None) -> Dataset:
    """Read elements as the whole of a data set.

    Raises
    ------
    Declined
        If their layout would be guessed wrongly.
    Refusal
        If they are not sound.
    """
    if raw and looks_implicit(raw, 0) != implicit:
        raise Declined
    return read_dataset(_STARTS[implicit] + raw, limits or ObjectLimits())


def written(dataset: Dataset, *, implicit: bool, codecs: tuple[str, ...]) -> bytes:
    """Give the bytes of the elements of a data set."""
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, implicit
    write_dataset(out, dataset, list(codecs))
    return out.getvalue()


def judged_exactly(level: Level, raw: bytes, days: int) -> Judged:
    """Judge one element, or several of one group that decide about each other."""
    found, pairs, note = cleaned(level, raw, days)
    tag = int.from_bytes(raw[1::-1] + raw[3:1:-1])
    out = b"" if level.is_top and tag in REPLACED else None if found == raw else found
    return level.memory.deed(tag, pairs), out, note


def judged_for(level: Level, raw: bytes, days: int, known: Known) -> tuple[Judged, Note, frozenset[Needle]]:
    """Judge an element for somebody in particular: it, its note, and the needles that may stand in it."""
    telling = _Telling(
        level.policy.profile,
        recorder(level.policy.pseudonymizer),
        days,
        known.needles,
        words=known.words,
        birth_date=known.born,
    )
    found, pairs, told = _cleaned(level, raw, telling)
    tag = int.from_bytes(raw[1::-1] + raw[3:1:-1])
    out = b"" if level.is_top and tag in REPLACED else None if found == raw else found
    note = Note(told._replace(texts=tuple(telling.asked)))
    return (level.memory.deed(tag, pairs), out, note), note, frozenset(telling.excused)


def cleaned(level: Level, raw: bytes, days: int) -> tuple[bytes, Pairs, Note | None]:
    """Clean elements, and tell what was done where.

    Raises
    ------
    Declined
        If it depends on the subject in another way than by needles and words in texts.
    """
    nobody: _Nobody = _Nobody()
    asking = Asking(
        level.policy.profile,
        recorder(level.policy.pseudonymizer),
        days,
        nobody,
        words=nobody,
        birth_date=_SomeDay(1900, 1, 1),
    )
    out, pairs, told = _cleaned(level, raw, asking)
    if asking.excused:
        raise Declined
    return out, pairs, Note(told._replace(texts=tuple(asking.asked), worded=tuple(asking.worded))) or None


def _cleaned(level: Level, raw: bytes, keeping: Keeping) -> tuple[bytes, Pairs, Told]:
    policy, place = level.policy, level.place
    limits = policy.limits.model_copy(update={"max_depth": policy.limits.max_depth - len(place.path)})
    with silenced():
        dataset = read_elements(raw, implicit=place.implicit, limits=limits)
        needles = harvest(dataset, policy.profile, place.codecs)
        words = harvest_words(dataset, policy.profile, place.codecs)
        cleaning = Cleaning(keeping, types_of(policy.profile, place.iod), Counter())
        clean_dataset(dataset, cleaning, ElementsLevel(place.path, place.codecs))
        out = written(dataset, implicit=place.implicit, codecs=place.codecs)
    uids = tuple(keeping.pseudonymizer.uids.items()) if isinstance(keeping.pseudonymizer, Recorder) else ()
    return out, tuple(sorted(cleaning.done.items())), Told(needles, words=words, uids=uids)
