"""One object through the engine: laid open, walked over, put together, searched."""

import logging
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tasks.deidentify.crosswalk import crosswalk
from tasks.deidentify.engine.context import Context, Head, context_of, head_of
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.described import (
    SCREENED,
    SLOTS,
    birth_in,
    described,
    expect_frames,
    head_in,
    person_in,
    screened_class,
)
from tasks.deidentify.engine.exact import judged_for
from tasks.deidentify.engine.facts import FUNCTIONAL_GROUPS, Reader, facts_from
from tasks.deidentify.engine.fileparts import Layout, file_start, layout_of
from tasks.deidentify.engine.memory import Memory
from tasks.deidentify.engine.notes import Known, Note, Scope, Terms, Texts, needles_of
from tasks.deidentify.engine.opened import Opened, opened
from tasks.deidentify.engine.pixel_search import PixelSearch
from tasks.deidentify.engine.pixels import (
    DESCRIPTION,
    OFFSET_TABLES,
    Awaited,
    PixelPart,
    awaited_part,
    encapsulated_part,
    is_native,
    native_part,
)
from tasks.deidentify.engine.repeated import Common, Repeated, common_of, repeated
from tasks.deidentify.facts import facts_of
from tasks.deidentify.instance import PASSED, InstancePolicy, Outcome
from tasks.deidentify.marks import CONTRIBUTING_EQUIPMENT, METHOD
from tasks.deidentify.persons import SERIES, SOP_CLASS, Person
from tasks.deidentify.screening import NOT_CHECKED, NOT_NEEDED
from tasks.deidentify.values import CHARACTER_SET
from tasks.dicom.pixel_digest import pixel_digest
from tasks.dicom.pixels import Image
from tasks.dicom.reading import read_dataset
from tasks.dicom.silence import silenced
from tasks.identifiers.needle import Needle
from tasks.model import Status

if TYPE_CHECKING:
    from config.deid.profile import SopClass
    from tasks.deidentify.engine.levels import Level, Place

log = logging.getLogger(__name__)

ENGINE = "bytes"
_ATTEMPTS = 5
_PER_CONTEXT = 4000  # bytes, about


@dataclass(frozen=True, slots=True)
class Finished:
    """A released object in parts that are joined by whoever needs them joined; `outcome` is without content.

    `awaited` is what the value of the pixel data must be, which then belongs after the parts. `pixels` are those of the
    parts, or null if there are none.
    """

    parts: tuple[bytes | memoryview, ...]
    outcome: Outcome
    awaited: Awaited | None = None
    pixels: PixelPart | None = None

    def pixel_sha256(self) -> str | None:
        """Give the digest of the pixels of the parts."""
        return pixel_digest(self.pixels.image, self.pixels.family, self.pixels.value) if self.pixels else None


class Engine:
    """De-identifies the objects of one policy one after the other, and remembers what they have in common."""

    def __init__(self, policy: InstancePolicy) -> None:
        self._policy, self._is_at_work = policy, False
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
        self._images: dict[tuple[bytes, ...], Image] = {}
        self._words_of: dict[tuple[Note, ...], frozenset[str]] = {}
        self._common: Common | None = None
        self._readers: dict[Level, Reader] = {}

    def deidentify(self, content: bytes, absent: int = 0) -> Finished | None:
        """De-identify one object, or give null where it must take the other road.

        Parameters
        ----------
        absent
            The bytes at its end that are not in `content`: the value of its pixel data.
        """
        if self._memory.is_full() or self._is_at_work:  # interrupted: what is remembered may be half done
            self._forget()
        self._is_at_work = True
        try:
            found = self._deidentified(content, absent)
        except Exception as problem:  # noqa: BLE001 -- whatever it is, the other road decides
            log.debug("left to pydicom after %s", type(problem).__name__)
            found = None
        self._is_at_work = False
        return found

    def _deidentified(self, content: bytes, absent: int) -> Finished:
        if len(content) + absent > self._policy.limits.max_bytes:
            raise Declined
        layout = layout_of(content)
        if self._common and self._common.scope is self._scope:
            one_more = repeated(self._common, content, absent, layout)
            if one_more:
                return self._repeated(layout, one_more)
        head = self._last or head_of(content, layout, self._policy)
        if head.implicit != layout.implicit:
            head = head_of(content, layout, self._policy)
        for _ in range(_ATTEMPTS):
            context, found = self._opened(content, layout, head, absent)
            actual = head_in(layout, found)
            if actual == head and not self._judged_again(context, found):
                self._last = head
                finished = self._finished(layout, context, found)
                self._learn(content, layout, (context, found), finished.outcome)
                return finished
            head = actual
        raise Declined

    def _opened(self, content: bytes, layout: Layout, head: Head, absent: int) -> tuple[Context, Opened]:
        """Walk over an object as if its head were this one."""
        context = self._context(head)
        found = opened((content, absent), layout, context.level, context.person.offset_days, context.own)
        if context.given:
            found.trail.notes.append(context.given)
            found.trail.sources.append(b"")
        return context, found

    def _context(self, head: Head) -> Context:
        found = self._contexts.get(head)
        if found is None:
            found = context_of(head, self._levels, self._memory, self._policy, SLOTS)
            self._memory.keep(self._contexts, head, found, _PER_CONTEXT)
        return found

    def _finished(self, layout: Layout, context: Context, found: Opened) -> Finished:
        found.unchanged(CHARACTER_SET)
        person = person_in(context, found)
        deid_pixel = self._pixel_state(context, found)
        expect_frames(found, context.level, self._policy.limits.max_frames)
        part = self._pixel_part(layout, context, found)
        start, tail = self._put_together(layout, context, found, person, part)
        notes = found.trail.notes
        needles = needles_of(notes)
        awaited = self._expect_nothing_left(self._scope_for(context), part, (start + b"\n" + tail, notes, needles))
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
            needles=needles,
        )
        return Finished((start, *middle, tail), outcome, awaited, part)

    def _repeated(self, layout: Layout, one: Repeated) -> Finished:
        """Finish an object that is like the others of its series."""
        common = one.common
        start = file_start(common.context.sop_class_uid, one.sop_uid, layout.syntax)
        start = b"".join((start, *one.parts, one.pixels.header))
        notes = [*common.notes, *one.notes]
        needles = common.needles.union(*(note.needles for note in one.notes))
        awaited = self._expect_nothing_left(common.scope, one.pixels, (start, notes, needles))
        person = replace(common.person, sop_uid=one.sop_uid)
        uids = dict(common.uids)
        uids.update(pair for note in one.notes for pair in note.uids)
        outcome = Outcome(
            Status.RELEASED_CANDIDATE,
            PASSED,
            facts={**common.facts, **one.facts, "sop_uid": one.sop_uid},
            actions=common.actions,
            subject_id=person.subject,
            study_uid=person.study_uid,
            sop_uid=one.sop_uid,
            engine=ENGINE,
            crosswalk=crosswalk(common.context.patients, uids, person),
            needles=needles,
        )
        return Finished((start, one.pixels.value), outcome, awaited, one.pixels)

    def _learn(self, content: bytes, layout: Layout, walked: tuple[Context, Opened], outcome: Outcome) -> None:
        """Learn what an object has in common with others of its series."""
        self._common = None
        context, found = walked
        pixels = found.pixels
        if pixels is None or not is_native(layout) or len(found.trail.parts) > pixels.before:
            return
        series = context.series_of(found.raw(SERIES))
        pattern = series.pattern(content, found.header, self._written(context, found))
        if pattern is not None:
            self._common = common_of(
                pattern,
                (self._scope_for(context), layout, context),
                found,
                person=person_in(context, found),
                image=self._image(context, found, pixels.header[:4]),
                facts=outcome.facts,
                actions=outcome.actions,
            )

    def _pixel_state(self, context: Context, found: Opened) -> str:
        raws = tuple(found.raw(tag) for tag in (SOP_CLASS, *SCREENED))
        key = (*raws, b"" if found.pixels is None else found.pixels.header[:4], bytes((context.level.place.implicit,)))
        sop_class = self._screened.get(key)
        if sop_class is None:
            sop_class = self._memory.keep(self._screened, key, screened_class(context, found, raws), sum(map(len, key)))
        state = sop_class.pixels if found.pixels else NOT_NEEDED
        if state == NOT_CHECKED and not self._policy.accept_not_checked:
            raise Declined
        return state

    def _pixel_part(self, layout: Layout, context: Context, found: Opened) -> PixelPart | None:
        span = found.pixels
        if span is None:
            return None
        image = self._image(context, found, span.header[:4])
        if is_native(layout) == span.stated.is_undefined:
            raise Declined
        if span.absent:
            return awaited_part(image, span.stated, span.header)
        if is_native(layout):
            return native_part(image, span.stated, span.header, span.value)
        part = encapsulated_part(image, layout, span.header, span.value)
        if part.is_changed and any(found.raw(tag) for tag in OFFSET_TABLES):
            raise Declined
        return part

    def _image(self, context: Context, found: Opened, tag: bytes) -> Image:
        implicit = context.level.place.implicit
        raws = tuple(found.unchanged(described) for described in DESCRIPTION)
        key = (*raws, tag, bytes((implicit,)))
        known = self._images.get(key)
        if known is None:
            known = self._memory.keep(self._images, key, described(raws, tag, implicit=implicit), sum(map(len, key)))
        return known

    def _put_together(
        self, layout: Layout, context: Context, found: Opened, person: Person, part: PixelPart | None
    ) -> tuple[bytes, bytes]:
        """Give the bytes before and after the value of the pixel data."""
        parts = found.trail.parts
        for gap, written in zip(found.gaps, self._written(context, found), strict=True):
            parts[gap] = written
        start = file_start(context.sop_class_uid, person.sop_uid, layout.syntax)
        if found.pixels is None or part is None:
            return b"".join((start, *parts)), b""
        index = found.pixels.before
        return b"".join((start, *parts[:index], part.header)), b"".join(parts[index:])

    def _written(self, context: Context, found: Opened) -> list[bytes]:
        """Give the elements that are written anew, in order."""
        earlier = b"".join((found.raw(METHOD), found.raw(CONTRIBUTING_EQUIPMENT)))
        key = (context.level.place.implicit, earlier)
        marks = self._marks.get(key)
        if marks is None:
            marks = self._memory.keep(self._marks, key, context.marks(earlier), len(earlier) + _PER_CONTEXT)
        return [*context.names, *marks]

    def _judged_again(self, context: Context, found: Opened) -> bool:
        """Judge those elements again, now for this subject, in which the subject is met; tell if there are any."""
        scope, notes = self._scope_for(context), found.trail.notes
        scope.learn(notes)
        words, born = self._words(notes), birth_in(found, implicit=context.level.place.implicit)
        restless = scope.restless(zip(notes, found.trail.sources, strict=True), words, born)
        known = Known(scope.met_in([note for note, _ in restless], notes), words, born)
        again = False
        for note, raw in restless:
            if note.holds_for(known):
                continue
            again = True
            whole = known._replace(needles=needles_of(notes))
            judged, own, excused = judged_for(context.level, raw, context.person.offset_days, whole)
            scope.learn((own,))
            own.terms = Terms(known, whole.needles & own.hits, excused)
            context.judge(raw, judged)
        if not again:
            scope.calm(note for note, _ in restless)
        return again

    def _words(self, notes: list[Note]) -> frozenset[str]:
        """Give the words of names and identifiers that these notes tell of."""
        sources = tuple(note for note in notes if note.words)
        words = self._words_of.get(sources)
        if words is None:
            words = frozenset[str]().union(*(note.words for note in sources))
            self._memory.keep(self._words_of, sources, words, 8 * len(words))
        return words

    def _expect_nothing_left(
        self, scope: Scope, part: PixelPart | None, result: tuple[bytes, list[Note], frozenset[Needle]]
    ) -> Awaited | None:
        """Decline an object in which a needle of its own is met; of pixel data that are awaited, tell what to expect.

        Parameters
        ----------
        result
            The finished bytes around the pixel data, the notes of the object, and its needles.
        """
        header, notes, needles = result
        excused = frozenset(needle for note in notes if note.terms for needle in note.terms.excused)
        if scope.found_in(header, notes, excused):
            raise Declined
        if part is None:
            return None
        search = PixelSearch(needles - excused if excused else needles)
        if part.cells:
            return Awaited(part.length, part.cells, scope.pixel_bound, search, part.image.pixel_bytes)
        if part.highest() >= scope.pixel_bound and search.finds(part.value):
            raise Declined
        return None

    def _scope_for(self, context: Context) -> Scope:
        wanted = (context.person.subject, context.level.place.codecs)
        if self._scope is None or self._scope_of != wanted:
            if self._scope:
                self._scope.leave()
            self._scope = Scope(self._memory, self._texts, wanted[1], context.person.offset_days)
            self._scope_of = wanted
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


@dataclass(frozen=True, slots=True)
class _Held:
    """A policy as a key: equal ones share an engine."""

    policy: InstancePolicy

    def __hash__(self) -> int:
        return hash((id(self.policy.profile), self.policy.pseudonymizer.issuer))


@lru_cache(maxsize=2)
def _engine(held: _Held) -> Engine:
    return Engine(held.policy)


def engine_of(policy: InstancePolicy) -> Engine:
    """Give the engine that all who ask for this policy share."""
    return _engine(_Held(policy))


def deidentify_bytes(content: bytes, policy: InstancePolicy) -> Outcome | None:
    """De-identify one object as `tasks.deidentify.instance.deidentify_instance` does, or give null.

    An answer is always a pass; the rule by which an object does not pass is for the other path to tell.
    """
    finished = engine_of(policy).deidentify(content)
    if finished is None:
        return None
    return replace(finished.outcome, content=b"".join(finished.parts), pixel_sha256=finished.pixel_sha256())
