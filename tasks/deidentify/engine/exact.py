"""The judgement of elements one by one, by the very functions of the other road; what is judged is remembered."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from config.settings import ObjectLimits
from tasks.deidentify.elements import Cleaning, clean_dataset
from tasks.deidentify.elements import Level as ElementsLevel
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.levels import REPLACED, Judged, Level
from tasks.deidentify.engine.memory import Pairs
from tasks.deidentify.engine.notes import Note
from tasks.deidentify.kept import Keeping
from tasks.deidentify.needles import harvest
from tasks.deidentify.policy import types_of
from tasks.dicom.elements import looks_implicit
from tasks.dicom.reading import read_dataset
from tasks.dicom.silence import silenced
from tasks.dicom.syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE

_SYNTAX_HEADER = b"\x02\0\x10\0UI"
_VR_OFFSET = 4


def _file_start(syntax: str) -> bytes:
    """Give preamble and file meta information of a file that is read by us alone."""
    text = syntax.encode() + b"\0" * (len(syntax) % 2)
    return bytes(128) + b"DICM" + _SYNTAX_HEADER + len(text).to_bytes(2, "little") + text


_STARTS: Final = {True: _file_start(IMPLICIT_LITTLE), False: _file_start(EXPLICIT_LITTLE)}


@dataclass(frozen=True, slots=True)
class Asking(Keeping):
    """Keeps as if there were no needles, and notes which texts must hold none."""

    asked: list[str] = field(default_factory=list)

    def is_free_of_needles(self, text: str) -> bool:
        """Note a text."""
        self.asked.append(text)
        return True


def read_elements(raw: bytes, *, implicit: bool, limits: ObjectLimits = ObjectLimits()) -> Dataset:
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
    return read_dataset(_STARTS[implicit] + raw, limits)


def written(dataset: Dataset, *, implicit: bool, codecs: tuple[str, ...]) -> bytes:
    """Give the bytes of the elements of a data set."""
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, implicit
    write_dataset(out, dataset, list(codecs))
    return out.getvalue()


def judged_exactly(level: Level, raw: bytes, days: int) -> Judged:
    """Judge one element."""
    found, pairs, note = _cleaned(level, raw, days)
    tag = int.from_bytes(raw[1::-1] + raw[3:1:-1])
    out = b"" if level.is_top and tag in REPLACED else None if found == raw else found
    return level.memory.deed(tag, pairs), out, note


def _cleaned(level: Level, raw: bytes, days: int) -> tuple[bytes, Pairs, Note | None]:
    policy, place = level.policy, level.place
    limits = policy.limits.model_copy(update={"max_depth": policy.limits.max_depth - len(place.path)})
    with silenced():
        dataset = read_elements(raw, implicit=place.implicit, limits=limits)
        needles = harvest(dataset, policy.profile, place.codecs)
        asking = Asking(policy.profile, policy.pseudonymizer, days, frozenset())
        cleaning = Cleaning(asking, types_of(policy.profile, place.iod), Counter())
        clean_dataset(dataset, cleaning, ElementsLevel(place.path, place.codecs))
        out = written(dataset, implicit=place.implicit, codecs=place.codecs)
    texts = tuple(dict.fromkeys(asking.asked))
    note = Note(needles, texts) if needles or texts else None
    return out, tuple(sorted(cleaning.done.items())), note
