"""One object through the engine: laid open, walked over, put together, searched."""

import logging
import re
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

from pydicom import Dataset
from pydicom.tag import Tag

from config.deid.profile import SopClass
from tasks.deidentify.crosswalk import crosswalk
from tasks.deidentify.dates import read_date
from tasks.deidentify.engine.context import Context, Head, context_of, head_of
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.exact import judged_for, read_elements
from tasks.deidentify.engine.facts import FACT_TAGS, FUNCTIONAL_GROUPS, Reader, facts_from
from tasks.deidentify.engine.fileparts import Layout, file_start, layout_of
from tasks.deidentify.engine.levels import Level, Place, stated_header
from tasks.deidentify.engine.memory import Memory
from tasks.deidentify.engine.notes import Known, Note, Scope, Terms, Texts, needles_of
from tasks.deidentify.engine.opened import Opened, opened
from tasks.deidentify.engine.pixel_search import stands_in_pixels
from tasks.deidentify.engine.pixels import (
    DESCRIPTION,
    OFFSET_TABLES,
    PixelPart,
    encapsulated_part,
    is_native,
    native_part,
)
from tasks.deidentify.facts import facts_of
from tasks.deidentify.instance import BIRTH_DATE, PASSED, InstancePolicy, Outcome
from tasks.deidentify.kept import BASIC_DATE
from tasks.deidentify.marks import CONTRIBUTING_EQUIPMENT, METHOD
from tasks.deidentify.needles import Needle, words_given
from tasks.deidentify.persons import PATIENT_ID, SERIES, SOP_CLASS, SOP_INSTANCE, STUDY, Person
from tasks.deidentify.screening import NOT_CHECKED, NOT_NEEDED, PIXEL_TAGS, screened
from tasks.deidentify.values import CHARACTER_SET
from tasks.dicom.pixels import Image, image_of
from tasks.dicom.reading import read_dataset
from tasks.dicom.silence import silenced
from tasks.model import Status

log = logging.getLogger(__name__)

ENGINE = "bytes"
_SCREENED = (0x00080008, 0x00080060, 0x00080064, 0x00280004, 0x00280301, 0x00281051)
_OWN_UIDS = (STUDY, SERIES, SOP_INSTANCE)
_FRAMES = 0x00280008
_UID = re.compile(rb"[0-9.]{1,64}")
_ATTEMPTS = 5
_HEADER_BYTES = 12
_PER_CONTEXT = 4000  # bytes, about
SLOTS = (
    frozenset(
        {CHARACTER_SET, SOP_CLASS, PATIENT_ID, BIRTH_DATE, METHOD, CONTRIBUTING_EQUIPMENT, *_OWN_UIDS, *_SCREENED}
    )
    | {*DESCRIPTION, *OFFSET_TABLES}
    | FACT_TAGS
    | FUNCTIONAL_GROUPS
)


class _Watched(Dataset):
    """A part of a data set that does not let itself be asked for more than the slots hold."""

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, int) or (name not in SLOTS and name not in PIXEL_TAGS):
            raise Declined
        return super().__contains__(Tag(name))


@dataclass(frozen=True, slots=True)
class Finished:
    """A released object in parts that are joined by whoever needs them joined; `outcome` is without content."""

    parts: tuple[bytes | memoryview, ...]
    outcome: Outcome


class Engine:
    """De-identifies the objects of one policy one after the other, and remembers what they have in common."""

    def __init__(self, policy: InstancePolicy) -> None:
        self._policy = policy
        self._given = words_given(policy.needles)
        self._forget()

    def _forget(self) -> None:
        self._memory = Memory()
        self._texts = Texts(self._memory)
        self._levels: dict[Place, Level] = {}
        self._contexts: dict[Head, Context] = {}
        self._last: Head | None = None
        self._scope: Scope | None = None
        self._scope_of: tuple[str, tuple[str, ...]] | None = None
        self._marks: dict[tuple[bool, bytes], list[bytes]] = {}
        self._screened: dict[tuple[bytes, ...], SopClass] = {}
        self._images: dict[tuple[bytes, ...], tuple[Image, Dataset]] = {}
        self._words_of: dict[tuple[Note, ...], frozenset[str]] = {}
        self._needles_of: dict[tuple[Note, ...], frozenset[Needle]] = {}
        self._readers: dict[Level, Reader] = {}

    def deidentify(self, content: bytes) -> Finished | None:
        """De-identify one object, or give null where it must take the other road."""
        if self._memory.is_full():
            self._forget()
        try:
            return self._deidentified(content)
        except Exception as problem:  # noqa: BLE001 -- whatever it is, the other road decides
            log.debug("left to pydicom after %s", type(problem).__name__)
            return None

    def _deidentified(self, content: bytes) -> Finished:
        if len(content) > self._policy.limits.max_bytes:
            raise Declined
        layout = layout_of(content)
        head = self._last or head_of(content, layout, self._policy)
        if head.implicit != layout.implicit:
            head = head_of(content, layout, self._policy)
        for _ in range(_ATTEMPTS):
            context, found = self._opened(content, layout, head)
            actual = _head(layout, found)
            if actual == head and not self._judged_again(context, found):
                self._last = head
                return self._finished(layout, context, found)
            head = actual
        raise Declined

    def _opened(self, content: bytes, layout: Layout, head: Head) -> tuple[Context, Opened]:
        """Walk over an object as if its head were this one."""
        context = self._context(head)
        return context, opened(content, layout, context.level, context.person.offset_days, context.repetition)

    def _context(self, head: Head) -> Context:
        found = self._contexts.get(head)
        if found is None:
            found = context_of(head, self._levels, self._memory, self._policy, SLOTS)
            self._memory.keep(self._contexts, head, found, _PER_CONTEXT)
        return found

    def _finished(self, layout: Layout, context: Context, found: Opened) -> Finished:
        found.unchanged(CHARACTER_SET)
        person = _person(context, found)
        deid_pixel = self._pixel_state(context, found)
        _expect_frames(found, context.level, self._policy.limits.max_frames)
        part = self._pixel_part(layout, context, found)
        start, tail = self._put_together(layout, context, found, person, part)
        self._expect_nothing_left(context, found, part, start + b"\n" + tail)
        notes = found.trail.notes
        middle = (part.value, part.closing) if part else ()
        outcome = Outcome(
            Status.RELEASED_CANDIDATE,
            PASSED,
            facts=self._facts(layout, context, found, person, start) | {"deid_pixel": deid_pixel},
            actions=self._memory.table(found.trail.deeds),
            subject_id=person.subject,
            study_uid=person.study_uid,
            sop_uid=person.sop_uid,
            engine=ENGINE,
            crosswalk=crosswalk(context.patients, dict(pair for note in notes for pair in note.uids), person),
            needles=self._needles(found),
        )
        return Finished((start, *middle, tail), outcome)

    def _pixel_state(self, context: Context, found: Opened) -> str:
        raws = tuple(found.raw(tag) for tag in (SOP_CLASS, *_SCREENED))
        key = (*raws, b"" if found.pixels is None else found.pixels.header[:4], bytes((context.level.place.implicit,)))
        sop_class = self._screened.get(key)
        if sop_class is None:
            sop_class = self._memory.keep(self._screened, key, _screened(context, found, raws), sum(map(len, key)))
        state = sop_class.pixels if found.pixels else NOT_NEEDED
        if state == NOT_CHECKED and not self._policy.accept_not_checked:
            raise Declined
        return state

    def _pixel_part(self, layout: Layout, context: Context, found: Opened) -> PixelPart | None:
        span = found.pixels
        if span is None:
            return None
        image, description = self._image(context, found, span.header[:4])
        if is_native(layout) == span.stated.is_undefined:
            raise Declined
        if is_native(layout):
            return native_part(image, span.stated, span.header, span.value)
        part = encapsulated_part(description, layout, span.stated.tag, span.header, span.value)
        if part.is_changed and any(found.raw(tag) for tag in OFFSET_TABLES):
            raise Declined
        return part

    def _image(self, context: Context, found: Opened, tag: bytes) -> tuple[Image, Dataset]:
        implicit = context.level.place.implicit
        raws = tuple(found.unchanged(described) for described in DESCRIPTION)
        key = (*raws, tag, bytes((implicit,)))
        known = self._images.get(key)
        if known is None:
            known = self._memory.keep(self._images, key, _described(raws, tag, implicit=implicit), sum(map(len, key)))
        return known

    def _put_together(
        self, layout: Layout, context: Context, found: Opened, person: Person, part: PixelPart | None
    ) -> tuple[bytes, bytes]:
        """Give the bytes before and after the value of the pixel data."""
        earlier = b"".join((found.raw(METHOD), found.raw(CONTRIBUTING_EQUIPMENT)))
        key = (context.level.place.implicit, earlier)
        marks = self._marks.get(key)
        if marks is None:
            marks = self._memory.keep(self._marks, key, context.marks(earlier), len(earlier) + _PER_CONTEXT)
        parts = found.trail.parts
        for gap, written in zip(found.gaps, (*context.names, *marks), strict=True):
            parts[gap] = written
        start = file_start(context.sop_class_uid, person.sop_uid, layout.syntax)
        if found.pixels is None or part is None:
            return b"".join((start, *parts)), b""
        index = found.pixels.before
        return b"".join((start, *parts[:index], part.header)), b"".join(parts[index:])

    def _judged_again(self, context: Context, found: Opened) -> bool:
        """Judge those elements again, now for this subject, in which the subject is met; tell if there are any."""
        scope, notes = self._scope_for(context), found.trail.notes
        scope.learn(notes)
        known = self._known(context, found)
        again = False
        for note, raw in zip(notes, found.trail.sources, strict=True):
            if note.holds_for(known):
                continue
            again = True
            if not raw:  # the notes of a run
                context.repetition.forget()
            else:
                whole = known._replace(needles=self._needles(found))
                judged, own, excused = judged_for(context.level, raw, context.person.offset_days, whole)
                scope.learn((own,))
                own.terms = Terms(known, whole.needles & own.hits, excused)
                context.repetition.judge(raw, judged)
        return again

    def _known(self, context: Context, found: Opened) -> Known:
        """Give what is known of the subject; of the needles those that are met in a text."""
        notes = found.trail.notes
        sources = tuple(note for note in notes if note.words)
        words = self._words_of.get(sources)
        if words is None:
            words = self._given.union(*(note.words for note in sources))
            self._memory.keep(self._words_of, sources, words, 8 * len(words))
        needles = self._scope_for(context).met_by(notes)
        return Known(needles, words, _born(found.raw(BIRTH_DATE), implicit=context.level.place.implicit))

    def _expect_nothing_left(self, context: Context, found: Opened, part: PixelPart | None, header: bytes) -> None:
        """Decline an object in which a needle of its own is met."""
        scope, notes = self._scope_for(context), found.trail.notes
        excused = frozenset(needle for note in notes if note.terms for needle in note.terms.excused)
        if scope.found_in(header, notes, excused):
            raise Declined
        if part is None or part.highest() < scope.pixel_bound:
            return
        if stands_in_pixels(part.value, self._needles(found) - excused):
            raise Declined

    def _needles(self, found: Opened) -> frozenset[Needle]:
        """Give all needles of an object; those of its runs are put together once."""
        told = list(zip(found.trail.notes, found.trail.sources, strict=True))
        runs = tuple(note for note, source in told if not source)
        common = self._needles_of.get(runs)
        if common is None:
            common = self._memory.keep(self._needles_of, runs, needles_of(runs), _PER_CONTEXT)
        return common.union(*(note.needles for note, source in told if source))

    def _scope_for(self, context: Context) -> Scope:
        wanted = (context.person.subject, context.level.place.codecs)
        if self._scope is None or self._scope_of != wanted:
            if self._scope:
                self._scope.leave()
            self._scope, self._scope_of = Scope(self._memory, self._texts, wanted[1]), wanted
        return self._scope

    def _facts(self, layout: Layout, context: Context, found: Opened, person: Person, start: bytes) -> dict[str, Any]:
        profile = self._policy.profile
        try:
            facts = self._quick_facts(context, found)
        except Declined:
            end = -len(found.pixels.header) if found.pixels else None
            with silenced():
                return facts_of(read_dataset(start[:end], self._policy.limits), person, "", profile)
        return {
            "subject_id": person.subject,
            "study_uid": person.study_uid,
            "series_uid": person.series_uid,
            "sop_uid": person.sop_uid,
            "sop_class_uid": context.sop_class_uid,
            "transfer_syntax_uid": layout.syntax,
            "deid_method_codes": [code.value for code in profile.method],
        } | facts

    def _quick_facts(self, context: Context, found: Opened) -> dict[str, Any]:
        if not FUNCTIONAL_GROUPS.isdisjoint(found.trail.slots):
            raise Declined
        reader = self._readers.get(context.level)
        if reader is None:
            reader = self._readers[context.level] = Reader(context.level)
        elements = {tag: raw if out is None else out for tag, (raw, out) in found.trail.slots.items()}
        return facts_from(elements, reader, self._policy.profile)


def _head(layout: Layout, found: Opened) -> Head:
    return Head(layout.implicit, found.raw(CHARACTER_SET), found.raw(SOP_CLASS), found.raw(PATIENT_ID))


def _person(context: Context, found: Opened) -> Person:
    """Give the subject with the new UIDs of an object."""
    implicit, subject = context.level.place.implicit, context.person
    study, series, sop = (_new_uid(found, tag, implicit=implicit) for tag in _OWN_UIDS)
    return Person(subject.subject, subject.offset_days, study, series, sop)


def _new_uid(found: Opened, tag: int, *, implicit: bool) -> str:
    raw, out = found.trail.slots.get(tag, (b"", None))
    if not out or not _UID.fullmatch(_value(raw, implicit=implicit)):
        raise Declined
    return _value(out, implicit=implicit).decode("ascii")


def _value(raw: bytes, *, implicit: bool) -> bytes:
    """Give the value of an element without padding."""
    return raw[stated_header(raw[:_HEADER_BYTES], implicit=implicit).start :].strip(b" \0")


def _born(raw: bytes, *, implicit: bool) -> date | None:
    value = _value(raw, implicit=implicit) if raw else b""
    return read_date(value[:BASIC_DATE].decode("ascii", "replace"))


def _expect_frames(found: Opened, level: Level, most: int) -> None:
    raw = found.unchanged(_FRAMES)
    if raw:
        value = _value(raw, implicit=level.place.implicit)
        if value and not (value.isdigit() and int(value) <= most):
            raise Declined


def _pixel_element(tag: bytes, *, implicit: bool) -> bytes:
    """Give an empty element that stands for pixel data."""
    return tag + (b"\0\0\0\0" if implicit else b"OW\0\0\0\0\0\0")


def _screened(context: Context, found: Opened, raws: tuple[bytes, ...]) -> SopClass:
    implicit = context.level.place.implicit
    pixels = [] if found.pixels is None else [_pixel_element(found.pixels.header[:4], implicit=implicit)]
    elements = read_elements(b"".join((*_in_order(raws), *pixels)), implicit=implicit)
    with silenced():
        return screened(_Watched(dict(elements.items())), context.level.policy.profile)


def _described(raws: tuple[bytes, ...], tag: bytes, *, implicit: bool) -> tuple[Image, Dataset]:
    pixels = _pixel_element(tag, implicit=implicit)
    with silenced():
        description = read_elements(b"".join((*raws, pixels)), implicit=implicit)
        image = image_of(description)
    if image is None:
        raise Declined
    return image, description


def _in_order(raws: tuple[bytes, ...]) -> list[bytes]:
    return sorted((raw for raw in raws if raw), key=lambda raw: raw[1::-1] + raw[3:1:-1])


@dataclass(frozen=True, slots=True)
class _Held:
    """A policy as a key: equal ones share an engine."""

    policy: InstancePolicy

    def __hash__(self) -> int:
        return hash((id(self.policy.profile), self.policy.pseudonymizer.issuer))


@lru_cache(maxsize=2)
def _engine(held: _Held) -> Engine:
    return Engine(held.policy)


def deidentify_parts(content: bytes, policy: InstancePolicy) -> Finished | None:
    """De-identify one object, and give the result in parts, or null where it must take the pydicom path.

    An answer is always a pass; the rule by which an object does not pass is for the other path to tell.
    """
    return _engine(_Held(policy)).deidentify(content)


def deidentify_bytes(content: bytes, policy: InstancePolicy) -> Outcome | None:
    """De-identify one object as `tasks.deidentify.instance.deidentify_instance` does, or give null (see above)."""
    finished = deidentify_parts(content, policy)
    return None if finished is None else replace(finished.outcome, content=b"".join(finished.parts))
