"""One object, from source bytes to an outcome: read, identified, screened, cleaned, written, searched."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydicom.dataset import FileDataset

from config.deid import Profile
from config.deid.profile import SopClass
from config.rules import ledger_rules
from config.settings import ObjectLimits
from tasks.deidentify.charsets import ASCII
from tasks.deidentify.crosswalk import Crosswalk, Recorder, crosswalk, recorder
from tasks.deidentify.dates import read_date
from tasks.deidentify.elements import Cleaning, clean_dataset
from tasks.deidentify.facts import facts_of
from tasks.deidentify.kept import Keeping
from tasks.deidentify.marks import earlier_lines, earlier_versions, mark, own_words
from tasks.deidentify.needles import BASIC_DATE, Given, become, harvest, harvest_words
from tasks.deidentify.persons import Person, identify, name_subject
from tasks.deidentify.policy import types_of
from tasks.deidentify.residual import found_in_header, found_in_pixels
from tasks.deidentify.screening import NOT_CHECKED, NOT_NEEDED, PIXEL_TAGS, has_pixels, screened
from tasks.deidentify.values import codecs_in, text_of
from tasks.dicom.pixel_digest import pixel_digest_of
from tasks.dicom.pixels import check_pixels, clean_pixel_carriers
from tasks.dicom.reading import read_dataset
from tasks.dicom.refusal import Refusal
from tasks.dicom.silence import silenced
from tasks.dicom.writing import write_dataset
from tasks.identifiers.needle import Needle
from tasks.identifiers.search import found_in_text
from tasks.identity import Pseudonymizer
from tasks.model import Finding, Status

log = logging.getLogger(__name__)

STAGE: Final = "deidentify"
ENGINE: Final = "pydicom"
PASSED: Final = "DE-PASS"
FAILED: Final = "DE-FAILED"
RESIDUAL: Final = "DE-RESIDUAL"
POLICY: Final = "DE-POLICY"
BIRTH_DATE: Final = 0x00100030


@dataclass(frozen=True, slots=True)
class InstancePolicy:
    """All that decides what becomes of an object, besides its bytes.

    `given` is what clinical tables say of a subject: it is searched for like what an object says, and no cleaned text
    holds one of its words.
    """

    pseudonymizer: Pseudonymizer
    profile: Profile
    limits: ObjectLimits = field(default_factory=ObjectLimits)
    accept_not_checked: bool = True
    given: Mapping[str, Given] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where an object ended and why; nothing in it is of the source but what the profile keeps.

    `content`, `facts` and `actions` are there only if it passed: the finished file, its row of the instance table
    (without source id, size and digests), and how often each action was taken at each place; `pixel_sha256` only with
    `content`, as `tasks.dicom.pixel_digest` gives it. `subject_id`, `study_uid`
    and `sop_uid` are the new ones, and there as soon as the object could be identified. `findings` say where a held
    object failed, as far as that can be told. `crosswalk` and `needles` hold source values, for the private prefix.
    """

    status: Status
    rule_id: str
    content: bytes | None = field(default=None, repr=False)
    facts: Mapping[str, Any] | None = field(default=None, repr=False)
    actions: Mapping[tuple[str, str], int] = field(default_factory=dict, repr=False)
    findings: tuple[Finding, ...] = ()
    subject_id: str | None = None
    study_uid: str | None = None
    sop_uid: str | None = None
    engine: str | None = None
    crosswalk: Crosswalk = field(default_factory=dict, repr=False)
    needles: frozenset[Needle] = field(default=frozenset(), repr=False)
    pixel_sha256: str | None = None


@dataclass(slots=True)
class _Progress:
    """What is known of an object by the time that something stops it."""

    recorder: Recorder
    person: Person | None = None
    findings: tuple[Finding, ...] = ()
    needles: frozenset[Needle] = frozenset()


def deidentify_instance(content: bytes, policy: InstancePolicy) -> Outcome:
    """De-identify one object; whatever it is, it ends as an outcome, and nothing is raised for it."""
    progress = _Progress(recorder(policy.pseudonymizer))
    try:
        with silenced():
            return _passed(content, replace(policy, pseudonymizer=progress.recorder), progress)
    except Refusal as refusal:
        return _stopped(refusal.rule_id, progress)
    except Exception as problem:  # noqa: BLE001 -- the edge of one object: its bytes may do anything to the parser
        log.warning("de-identification failed with %s", type(problem).__name__)
        return _stopped(FAILED, progress)


def _stopped(rule_id: str, progress: _Progress) -> Outcome:
    person = progress.person
    return Outcome(
        Status(ledger_rules()[rule_id].status),
        rule_id,
        findings=progress.findings,
        subject_id=person.subject if person else None,
        study_uid=person.study_uid if person else None,
        sop_uid=person.sop_uid if person else None,
        crosswalk=_crosswalk(progress),
        needles=progress.needles,
    )


def _crosswalk(progress: _Progress) -> Crosswalk:
    return crosswalk(progress.recorder.patients, progress.recorder.uids, progress.person)


def _passed(content: bytes, policy: InstancePolicy, progress: _Progress) -> Outcome:
    dataset = read_dataset(content, policy.limits)
    person = progress.person = identify(dataset, policy.pseudonymizer, retain_uids="rtn_uids" in policy.profile.options)
    given = policy.given.get(person.subject, Given())
    progress.needles = harvest(dataset, policy.profile, ASCII) | given.needles
    sop_class = screened(dataset, policy.profile)
    pixels = _pixel_state(dataset, sop_class, policy)
    check_pixels(dataset)
    keeping, codecs = _keeping(dataset, progress.needles, person, given, policy), codecs_in(dataset, ASCII)
    cleaning = Cleaning(keeping, types_of(policy.profile, sop_class.iod))
    _clean(dataset, person, cleaning)
    finished = write_dataset(dataset)
    _search(finished, dataset, keeping, codecs, progress)
    return Outcome(
        Status.RELEASED_CANDIDATE,
        PASSED,
        content=finished,
        facts=facts_of(dataset, person, pixels, policy.profile),
        actions=_by_place(cleaning),
        subject_id=person.subject,
        study_uid=person.study_uid,
        sop_uid=person.sop_uid,
        engine=ENGINE,
        crosswalk=_crosswalk(progress),
        needles=progress.needles,
        pixel_sha256=pixel_digest_of(dataset),
    )


def _pixel_state(dataset: FileDataset, sop_class: SopClass, policy: InstancePolicy) -> str:
    pixels = sop_class.pixels if has_pixels(dataset) else NOT_NEEDED
    if pixels == NOT_CHECKED and not policy.accept_not_checked:
        raise Refusal(POLICY)
    return pixels


def _keeping(
    dataset: FileDataset, needles: frozenset[Needle], person: Person, given: Given, policy: InstancePolicy
) -> Keeping:
    words = harvest_words(dataset, policy.profile, ASCII) | given.words
    born = read_date((text_of(dataset, BIRTH_DATE, "DA", ASCII) or "")[:BASIC_DATE])
    return Keeping(policy.profile, policy.pseudonymizer, person.offset_days, needles, words=words, birth_date=born)


def _clean(dataset: FileDataset, person: Person, cleaning: Cleaning) -> None:
    lines, versions = earlier_lines(dataset), earlier_versions(dataset)
    clean_dataset(dataset, cleaning)
    name_subject(dataset, person)
    mark(dataset, cleaning.profile, lines=lines, versions=versions)
    clean_pixel_carriers(dataset)


def _search(
    finished: bytes, dataset: FileDataset, keeping: Keeping, codecs: tuple[str, ...], progress: _Progress
) -> None:
    """Search the finished bytes for the needles.

    Raises
    ------
    Refusal
        DE-RESIDUAL if one is found; `progress` then tells of which kind.
    """
    ours = found_in_text(own_words(keeping.profile), keeping.needles)
    needles = keeping.needles - keeping.excused - become(keeping.needles, keeping.offset_days) - set(ours)
    header = finished
    found: list[Needle] = []
    for tag in PIXEL_TAGS:
        pixels = dataset.get_item(tag).value if tag in dataset else b""
        if pixels:
            header = header.replace(pixels, b"\n", 1)
            found += found_in_pixels(pixels, needles)
    found += found_in_header(header, needles, codecs)
    if found:
        kinds = Counter(needle.kind for needle in found)
        progress.findings = tuple(Finding(RESIDUAL, STAGE, kind, count) for kind, count in sorted(kinds.items()))
        raise Refusal(RESIDUAL)


def _by_place(cleaning: Cleaning) -> dict[tuple[str, str], int]:
    return {
        (">".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path), action.value): count
        for (path, action), count in sorted(cleaning.done.items())
    }
