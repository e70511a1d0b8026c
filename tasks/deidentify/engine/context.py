"""What objects have in common: character set, SOP class and patient decide how everything else is read and judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from pydicom import DataElement, Dataset

from tasks.deidentify.charsets import ASCII
from tasks.deidentify.crosswalk import recorder
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.exact import read_elements, written
from tasks.deidentify.engine.fileparts import Layout
from tasks.deidentify.engine.levels import IDENTITY, MARKS, Judged, Level, Place
from tasks.deidentify.engine.memory import Memory
from tasks.deidentify.engine.notes import Note, Told
from tasks.deidentify.engine.series import Series
from tasks.deidentify.instance import InstancePolicy
from tasks.deidentify.marks import earlier_lines, earlier_versions, mark
from tasks.deidentify.persons import PATIENT_ID, SERIES, SOP_CLASS, SOP_INSTANCE, STUDY, Person, identify, name_subject
from tasks.deidentify.values import CHARACTER_SET, codecs_in, text_of
from tasks.dicom.elements import header_at
from tasks.dicom.silence import silenced
from tasks.dicom.structure import element_end
from tasks.dicom.syntaxes import Encoding

_SOME_UID = "1.2"
_MOST_OWN = 1000
_MOST_SERIES = 50


class Head(NamedTuple):
    """The elements that decide, as they stand in the source; empty for one that is not there."""

    implicit: bool
    character_set: bytes
    sop_class: bytes
    patient_id: bytes


def head_of(content: bytes, layout: Layout, policy: InstancePolicy) -> Head:
    """Look for the elements that decide.

    Raises
    ------
    Refusal
        If what stands before them is not sound.
    """
    encoding = Encoding(implicit=layout.implicit, little=True)
    found: dict[int, bytes] = {}
    position = layout.start
    while position < len(content):
        tag = header_at(content, position, len(content), encoding).tag
        if tag > PATIENT_ID:
            break
        end = element_end(content, position, encoding, policy.limits)
        if tag in (CHARACTER_SET, SOP_CLASS, PATIENT_ID):
            found[tag] = content[position:end]
        position = end
    return Head(layout.implicit, *(found.get(tag, b"") for tag in (CHARACTER_SET, SOP_CLASS, PATIENT_ID)))


@dataclass(frozen=True)
class Context:
    """A head, read: the level of the data set, and whose object it is; `patients` are pseudonyms by source id.

    `given` is what others than the object say of the subject.
    """

    level: Level
    sop_class_uid: str
    person: Person
    patients: Mapping[str, str]
    given: Note | None

    @cached_property
    def own(self) -> dict[bytes, Judged]:
        """Elements that were judged for this subject in particular."""
        return {}

    @cached_property
    def series(self) -> dict[bytes, Series]:
        """What the objects of a series with this head have in common, by the element with its UID."""
        return {}

    def judge(self, raw: bytes, judged: Judged) -> None:
        """Remember an element that was judged for this subject; what was learned without that is forgotten."""
        if len(self.own) > _MOST_OWN:
            self.own.clear()
        self.own[raw] = judged
        self.level.memory.weight += 2 * len(raw)
        self.series.clear()

    def series_of(self, uid: bytes) -> Series:
        """Give what is learned about a series; where there are many of them, they are learned anew."""
        if len(self.series) > _MOST_SERIES:
            self.series.clear()
        return self.series.setdefault(uid, Series(self.level, self.person.offset_days, self.own))

    @cached_property
    def names(self) -> list[bytes]:
        """Patient's Name and Patient ID as they are written."""
        dataset = Dataset()
        name_subject(dataset, self.person)
        return self._elements(dataset, tuple(sorted(IDENTITY)))

    def marks(self, earlier: bytes) -> list[bytes]:
        """Give the marks as they are written.

        Parameters
        ----------
        earlier
            The elements of the source that tell of earlier passes.
        """
        with silenced():
            source = read_elements(earlier, implicit=self.level.place.implicit)
            lines, versions = earlier_lines(source), earlier_versions(source)
            dataset = Dataset()
            mark(dataset, self.level.policy.profile, lines=lines, versions=versions)
            return self._elements(dataset, MARKS)

    def _elements(self, dataset: Dataset, tags: tuple[int, ...]) -> list[bytes]:
        return [self._element(dataset[tag]) for tag in tags]

    def _element(self, element: DataElement) -> bytes:
        alone = Dataset()
        alone.add(element)
        return written(alone, implicit=self.level.place.implicit, codecs=ASCII)


def context_of(
    head: Head, levels: dict[Place, Level], memory: Memory, policy: InstancePolicy, slots: frozenset[int]
) -> Context:
    """Read a head.

    Raises
    ------
    Declined
        For a SOP class that does not pass.
    Refusal
        If there is no usable Patient ID.
    """
    with silenced():
        dataset = read_elements(b"".join(head[1:]), implicit=head.implicit)
        for tag in (STUDY, SERIES, SOP_INSTANCE):
            dataset[tag] = DataElement(tag, "UI", _SOME_UID)
        replaced = recorder(policy.pseudonymizer)
        person = identify(dataset, replaced)
        uid = text_of(dataset, SOP_CLASS, "UI", ASCII) or ""
        codecs = codecs_in(dataset, ASCII)
    sop_class = policy.profile.sop_classes.get(uid)
    if sop_class is None or sop_class.rule_id:
        raise Declined
    place = Place(head.implicit, (), codecs, sop_class.iod)
    level = levels.get(place)
    if level is None:
        level = levels[place] = Level(memory, policy, place, slots)
    given = policy.given.get(person.subject)
    note = Note(Told(given.needles, words=given.words)) if given else None
    return Context(level, uid, person, replaced.patients, note)
