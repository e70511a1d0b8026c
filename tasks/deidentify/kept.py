"""Values that stay, as they are or changed: each VR has its own test, and what fails it goes."""

import re
from dataclasses import dataclass, field
from typing import Final

from pydicom import DataElement
from pydicom.dataelem import RawDataElement

from config.deid import Profile
from tasks.deidentify.ages import capped_age
from tasks.deidentify.charsets import known_terms
from tasks.deidentify.dates import is_time, shift_date, shift_datetime
from tasks.deidentify.needles import Needle
from tasks.deidentify.residual import found_in_text
from tasks.deidentify.uids import replaced_uids
from tasks.deidentify.values import BYTES_VRS, CHARACTER_SET, TEXT_VRS, Element, is_number, texts_of
from tasks.deidentify.words import are_known_words, vocabulary
from tasks.identity import Pseudonymizer

LENGTHS: Final = {"LO": 64, "SH": 16, "ST": 1024, "LT": 10240}  # PS3.5 section 6.2
_ENUMERATED: Final = {0x00100040: ("M", "F", "O")}  # Patient's Sex (PS3.3 section C.7.1.1)
LONGEST: Final = 1024  # of the VRs without a limit
_DEFINED_TERM = re.compile(r"[A-Z0-9_ ]{0,16}")
_POINTER = re.compile(r"@|://|(?:\d+\.){6}")  # an e-mail address, a URL, a UID: each leads somewhere
_MAX_TERM = 16


@dataclass(frozen=True, slots=True)
class Keeping:
    """What decides how a value stays; `excused` collects names that are also words of a kept value."""

    profile: Profile
    pseudonymizer: Pseudonymizer
    offset_days: int
    needles: frozenset[Needle]
    excused: set[Needle] = field(default_factory=set)

    def is_free_of_needles(self, text: str) -> bool:
        """Tell whether a text holds nothing of the subject; a name that is a concept's or a maker's is excused."""
        found = found_in_text(text, self.needles)
        words = [needle for needle in found if needle.text in self.profile.makers or needle.text in vocabulary()]
        self.excused.update(words)
        return len(words) == len(found)


def kept_element(element: Element, vr: str, keeping: Keeping, codecs: tuple[str, ...]) -> Element | None:
    """Give an element as it may stay, or null if its value must go.

    Parameters
    ----------
    vr
        The VR that its value has; not SQ.
    codecs
        Of the character set in force.
    """
    if vr not in TEXT_VRS:
        is_bytes = vr in BYTES_VRS
        return _as(element, vr) if not is_bytes or int(element.tag) in keeping.profile.kept else None
    texts = texts_of(element, vr, codecs)
    if texts is None:
        return None
    changed = _kept_texts(int(element.tag), vr, texts, keeping)
    if changed is None:
        return None
    if changed == texts:
        return _as(element, vr)
    return DataElement(element.tag, vr, changed[0] if len(changed) == 1 else changed)


def _as(element: Element, vr: str) -> Element:
    """Give the element with the VR that its value has, where one is written at all."""
    if isinstance(element, RawDataElement) and element.VR not in (None, vr):
        return element._replace(VR=vr)
    return element


def _kept_texts(tag: int, vr: str, texts: list[str], keeping: Keeping) -> list[str] | None:
    if vr == "UI":
        return replaced_uids(texts, tag, keeping.pseudonymizer.uid)
    if tag == CHARACTER_SET:
        return texts if known_terms(texts) else None
    changed = [_one(tag, vr, text, keeping) if text else text for text in texts]
    return None if None in changed else [text for text in changed if text is not None]


def _one(tag: int, vr: str, text: str, keeping: Keeping) -> str | None:
    """Give one value as it may stay; the values of a multiple stand and fall together."""
    profile = keeping.profile
    match vr:
        case "AS":
            changed = capped_age(text, oldest_years=profile.oldest_years)
        case "CS":
            changed = _term(text, tag, keeping)
        case "DA":
            changed = shift_date(text, days=keeping.offset_days, dates=profile.dates)
        case "DT":
            changed = shift_datetime(text, days=keeping.offset_days, dates=profile.dates)
        case "DS" | "IS":
            changed = text if is_number(text, vr) else None
        case "TM":
            changed = text if is_time(text) else None
        case _:
            changed = _text(text, tag, vr, keeping)
    return changed


def _term(text: str, tag: int, keeping: Keeping) -> str | None:
    """Give a defined term, in capitals if that makes it legal, else as it is if it is made of concept words."""
    if not keeping.is_free_of_needles(text):
        return None
    if tag in _ENUMERATED:
        return text.upper() if text.upper() in _ENUMERATED[tag] else None
    for term in (text, text.upper()):
        if _DEFINED_TERM.fullmatch(term):
            return term
    return text if len(text) <= _MAX_TERM and are_known_words(text) else None


def _text(text: str, tag: int, vr: str, keeping: Keeping) -> str | None:
    """Give a text that the profile keeps as it is, or word by word; options of the standard keep text word by word."""
    if len(text) > LENGTHS.get(vr, LONGEST) or not text.isprintable() or _POINTER.search(text):
        return None
    if not keeping.is_free_of_needles(text):
        return None
    return text if keeping.profile.kept.get(tag) == "value" or are_known_words(text) else None
