"""Values that stay, as they are or changed: each VR has its own test, and what fails it goes."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from pydicom import DataElement
from pydicom.dataelem import RawDataElement

from config.deid import Profile
from tasks.deidentify.ages import capped_age
from tasks.deidentify.charsets import known_terms
from tasks.deidentify.dates import is_time, read_date, shift_date, shift_datetime
from tasks.deidentify.needles import BASIC_DATE, spellings
from tasks.deidentify.text import Cleaned, Needles, clean_text
from tasks.deidentify.uids import replaced_uids
from tasks.deidentify.values import BYTES_VRS, CHARACTER_SET, TEXT_VRS, UNDIVIDED_VRS, Element, is_number, texts_of
from tasks.deidentify.words import are_known_words, vocabulary
from tasks.identifiers.needle import Kind, Needle
from tasks.identifiers.search import found_in_text
from tasks.identity import Pseudonymizer

DATE: Final = 0x0040A121  # of a content item (PS3.3 section C.17.3)
DATE_TIME: Final = 0x0040A120
LENGTHS: Final = {"LO": 64, "SH": 16, "ST": 1024, "LT": 10240}  # PS3.5 section 6.2
_ENUMERATED: Final = {0x00100040: ("M", "F", "O")}  # Patient's Sex (PS3.3 section C.7.1.1)
LONGEST: Final = 1024  # of the VRs without a limit
LONGEST_LABEL: Final = 128  # longer ones are sentences
DESCRIPTORS: Final = "clean_desc"
IDENTITIES: Final = ("rtn_dev_id", "rtn_inst_id")  # options that keep names and numbers, whatever words they are
_DEFINED_TERM = re.compile(r"[A-Z0-9_ ]{0,16}")
_POINTER = re.compile(r"@|://|(?:\d+\.){6}")  # an e-mail address, a URL, a UID: each leads somewhere
_MAX_TERM = 16
_LINE_BREAKS = str.maketrans("\t\n\f\r", "    ")  # PS3.5 section 6.1.3


@dataclass(frozen=True, slots=True)
class Keeping:
    """What decides how a value stays.

    `excused` collects needles that may stand in the result: names that are also words of a kept value, and dates that
    an option keeps. `words` are the words that no cleaned text may hold (`tasks.deidentify.text.Needles`). A date of
    structured content that is `birth_date` is not moved but goes.
    """

    profile: Profile
    pseudonymizer: Pseudonymizer
    offset_days: int
    needles: frozenset[Needle]
    excused: set[Needle] = field(default_factory=set)
    words: frozenset[str] = frozenset()
    birth_date: date | None = None

    def new_uid(self, uid: str) -> str:
        """Give the UID that stands for a source UID: itself where UIDs are retained."""
        return uid if "rtn_uids" in self.profile.options else self.pseudonymizer.uid(uid)

    def cleaning(self, text: str) -> Cleaned:
        """Give what may stay of a text, and why no more."""
        return clean_text(text, Needles(self.needles, self.words))

    def cleaned(self, text: str) -> str:
        """Give what may stay of a text, empty for nothing."""
        return self.cleaning(text).value

    def excuse_date(self, text: str) -> None:
        """Let a date stand in the result that an option keeps."""
        day = read_date(text[:10]) or read_date(text[:8])
        if day:
            self.excused.update(Needle(Kind.DATE, spelling, "0123456789") for spelling in spellings(day))

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
    changed = kept_texts(int(element.tag), vr, texts, keeping)
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


def kept_texts(tag: int, vr: str, texts: list[str], keeping: Keeping) -> list[str] | None:
    """Give the values of a text element as they may stay, or null if they must go."""
    if vr == "UI":
        return texts if keeping.profile.retains(tag) else replaced_uids(texts, tag, keeping.new_uid)
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
        case "DA" | "DT":
            changed = _day(text, tag, vr, keeping)
        case "DS" | "IS":
            changed = text if is_number(text, vr) else None
        case "TM":
            changed = text if is_time(text) else None
        case _:
            changed = _text(text, tag, vr, keeping)
    return changed


def _day(text: str, tag: int, vr: str, keeping: Keeping) -> str | None:
    """Give a date moved with the subject's others, or as it is where an option keeps it."""
    if (
        tag in (DATE, DATE_TIME)
        and keeping.birth_date is not None
        and read_date(text[:BASIC_DATE]) == keeping.birth_date
    ):
        return None
    shift = shift_date if vr == "DA" else shift_datetime
    if not keeping.profile.retains(tag):
        return shift(text, days=keeping.offset_days, dates=keeping.profile.dates)
    if shift(text, days=0, dates=keeping.profile.dates) is None:
        return None
    keeping.excuse_date(text)
    return text


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
    """Give a text that the profile keeps as it is, word by word, or cleaned; options keep text word by word."""
    profile = keeping.profile
    if len(text) > LENGTHS.get(vr, LONGEST) or not _is_printable(text, vr):
        return None
    option, kept = profile.option_of(tag), profile.kept.get(tag)
    if option == DESCRIPTORS and vr not in UNDIVIDED_VRS:
        return keeping.cleaned(text) or None
    if option == DESCRIPTORS or kept == "label":
        return label(text, keeping)
    if _POINTER.search(text) or not keeping.is_free_of_needles(text):
        return None
    return text if kept == "value" or option in IDENTITIES or are_known_words(text) else None


def label(text: str, keeping: Keeping) -> str | None:
    """Give a short text if it is clean as it is: of longer or mixed ones a part would say something else."""
    return text if len(text) <= LONGEST_LABEL and keeping.cleaned(text) == text else None


def _is_printable(text: str, vr: str) -> bool:
    """Tell whether a text holds no control characters but those that break lines where lines may be."""
    return (text.translate(_LINE_BREAKS) if vr in UNDIVIDED_VRS else text).isprintable()
