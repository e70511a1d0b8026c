"""Values that differ from slice to slice: UIDs, dates, times and numbers, judged without making elements of them."""

from typing import Final

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from tasks.deidentify.actions import Action
from tasks.deidentify.dates import is_time, shift_date, shift_datetime
from tasks.deidentify.engine.levels import REPLACED, Judged, Level, Stated
from tasks.deidentify.engine.notes import Note, Told
from tasks.deidentify.kept import DATE, DATE_TIME
from tasks.deidentify.needles import CONTACTS, IDENTIFIERS, harvest, uid_needles
from tasks.deidentify.uids import replaced_uids
from tasks.deidentify.values import is_number, texts_of

RETAIN_UIDS: Final = "rtn_uids"
_OTHERS = IDENTIFIERS | CONTACTS | {*REPLACED, DATE, DATE_TIME}  # more is asked about these
_LONGEST = 0xFFFE  # bytes of a value whose length has 16 bits


def judged_quickly(level: Level, stated: Stated, raw: bytes, days: int) -> Judged | None:
    """Judge an element whose value stays or is mapped, or give null where more must be looked at."""
    tag, vr = stated.tag, stated.vr
    verdict = level.verdict(tag, vr)
    if not verdict.stays or vr not in (None, verdict.vr) or tag in _OTHERS or level.policy.profile.retains(tag):
        return None
    element = RawDataElement(BaseTag(tag), vr, stated.length, raw[stated.start :], 0, level.place.implicit, True)  # noqa: FBT003 -- pydicom's order
    match verdict.vr:
        case "UI" if RETAIN_UIDS not in level.policy.profile.options:
            return _uid(level, element, raw[: stated.start])
        case "DA" | "DT":
            return _date(level, element, raw[: stated.start], days)
        case "DS" | "IS" | "TM":
            return _number(level, element, verdict.vr, verdict.action)
    return None


def _uid(level: Level, element: RawDataElement, header: bytes) -> Judged | None:
    tag = int(element.tag)
    texts = texts_of(element, "UI", level.place.codecs)
    if texts is None:
        return None
    new = replaced_uids(texts, tag, level.policy.pseudonymizer.uid)
    needles = frozenset(needle for uid in texts for needle in uid_needles(uid, tag))
    if new == texts:
        return level.deed(tag, Action.KEEP), None, Note(Told(needles)) if needles else None
    uids = tuple((old, uid) for old, uid in zip(texts, new, strict=True) if old != uid)
    out = with_value(header, "\\".join(new).encode("ascii"), b"\0")
    return level.deed(tag, level.verdict(tag, element.VR).action), out, Note(Told(needles, uids=uids))


def _date(level: Level, element: RawDataElement, header: bytes, days: int) -> Judged | None:
    tag, profile = int(element.tag), level.policy.profile
    verdict = level.verdict(tag, element.VR)
    texts = texts_of(element, verdict.vr, level.place.codecs)
    shift = shift_date if verdict.vr == "DA" else shift_datetime
    moved = [
        shift(text, days=days, dates=profile.dates) if text else text for text in texts or (None,) if text is not None
    ]
    if not texts or None in moved:
        return None
    alone = Dataset()
    alone[element.tag] = element
    needles = harvest(alone, profile, level.place.codecs)
    out = None
    if moved != texts:
        out = with_value(header, "\\".join(text or "" for text in moved).encode("ascii"), b" ")
    return level.deed(tag, verdict.action), out, Note(Told(needles)) if needles else None


def _number(level: Level, element: RawDataElement, vr: str, action: Action) -> Judged | None:
    texts = texts_of(element, vr, level.place.codecs)
    if texts is None or not all((is_time(text) if vr == "TM" else is_number(text, vr)) for text in texts if text):
        return None
    return level.deed(int(element.tag), action), None, None


def with_value(header: bytes, value: bytes, pad: bytes) -> bytes | None:
    """Give an element with a new value of even length under its header."""
    value += pad * (len(value) % 2)
    length_bytes = 2 if header[4:6].isalpha() else 4
    if len(value) > _LONGEST:
        return None
    return header[:-length_bytes] + len(value).to_bytes(length_bytes, "little") + value
