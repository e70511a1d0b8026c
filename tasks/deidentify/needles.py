"""What of the source must not be found in the result: this subject's and the staff's names, ids, contacts, UIDs, dates.

Needles are personal data. They live in memory while one object is worked on and are never logged or stored.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import permutations

from pydicom import Dataset

from config.deid import Profile
from tasks.deidentify.dates import read_date
from tasks.deidentify.uids import is_registered
from tasks.deidentify.values import Element, codecs_in, known_vr, settled_vr, texts_of
from tasks.identifiers.needle import Kind, Needle


@dataclass(frozen=True, slots=True)
class Given:
    """What others than an object say of its subject: needles, and the words of names and identifiers among them."""

    needles: frozenset[Needle] = frozenset()
    words: frozenset[str] = frozenset()


LETTERS_AND_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
NUMBER = "0123456789."
SHORTEST = 4  # in characters; shorter ones are found everywhere
SHORTEST_NUMBER = 6  # shorter numbers are also slice numbers, sizes and times
SHORTEST_UNBOUNDED = 6
SHORTEST_UID = 8
SHORTEST_PHONE = 7
NOBODY = frozenset(
    {
        "anon",
        "anonym",
        "anonymised",
        "anonymized",
        "anonymous",
        "deidentified",
        "none",
        "null",
        "patient",
        "phantom",
        "removed",
        "test",
        "unknown",
        "unnamed",
    }
)
IDENTIFIERS = frozenset(
    {
        0x00080050,  # Accession Number
        0x00100020,  # Patient ID
        0x00101000,  # Other Patient IDs
        0x00101050,  # Insurance Plan Identification
        0x00101090,  # Medical Record Locator
        0x00200010,  # Study ID
        0x00380010,  # Admission ID
        0x00380060,  # Service Episode ID
        0x00400009,  # Scheduled Procedure Step ID
        0x00400253,  # Performed Procedure Step ID
        0x00401001,  # Requested Procedure ID
        0x00402016,  # Placer Order Number / Imaging Service Request
        0x00402017,  # Filler Order Number / Imaging Service Request
    }
)
CONTACTS = frozenset(
    {
        0x00080080,  # Institution Name
        0x00080081,  # Institution Address
        0x00080092,  # Referring Physician's Address
        0x00080094,  # Referring Physician's Telephone Numbers
        0x00101040,  # Patient's Address
        0x00102154,  # Patient's Telephone Numbers
        0x00102155,  # Patient's Telecom Information
    }
)
SHORTEST_WORD = 2
BASIC_DATE = 8  # characters of YYYYMMDD
SHORTEST_DIGITS = 3
_NOT_A_LETTER = re.compile(r"[\W_]+")
_LIGATURES = str.maketrans(
    {"æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d"}
)
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "ae", "Ö": "oe", "Ü": "ue", "å": "aa", "Å": "aa"})
_SPLIT_NAME = re.compile(r"[\^\s,;]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def harvest(dataset: Dataset, profile: Profile, codecs: tuple[str, ...]) -> frozenset[Needle]:
    """Give the needles of a source data set, from every depth."""
    return frozenset(_needles_in(dataset, profile, codecs))


def harvest_words(dataset: Dataset, profile: Profile, codecs: tuple[str, ...]) -> frozenset[str]:
    """Give the words of the names and identifiers of a source data set, from every depth, for text that is cleaned.

    They are shorter than needles may be: a text is cleaned word by word, bytes are searched anywhere.
    """
    return frozenset(_words_in(dataset, profile, codecs))


def _words_in(dataset: Dataset, profile: Profile, codecs: tuple[str, ...]) -> Iterator[str]:
    codecs = codecs_in(dataset, codecs)
    for tag in dataset.keys():  # noqa: SIM118 -- iterating a Dataset converts every element
        element = dataset.get_item(tag)
        if element.VR == "SQ" and not isinstance(element.value, bytes):
            for item in element.value or ():
                yield from _words_in(item, profile, codecs)
            continue
        vr = settled_vr(element, known_vr(int(tag), profile.attributes))
        if vr == "PN" or int(tag) in IDENTIFIERS:
            for text in texts_of(element, vr, codecs) or ():
                yield from text_needles(text)


def text_needles(text: str) -> Iterator[str]:
    """Give the words of a name or an identifier, and the ways in which a name's parts are run together."""
    for group in text.split("="):
        parts = [part for part in _SPLIT_NAME.split(group) if part]
        for part in parts:
            yield from _words_of_part(part)
        for first, second in permutations([folded(part) for part in parts[:2]], 2):
            if first and second and not {first, second} & NOBODY:
                yield from (first + second, first[0] + second, second + first[0])


def _words_of_part(part: str) -> Iterator[str]:
    for form in (part, part.translate(_SPELLED_OUT)):
        for word in (folded(form), *(folded(piece) for piece in _NOT_A_LETTER.split(form))):
            if len(word) >= (SHORTEST_DIGITS if word.isdigit() else SHORTEST_WORD) and word not in NOBODY:
                yield word


def folded(word: str) -> str:
    """Give the letters and digits of a word, small and without accents."""
    plain = unicodedata.normalize("NFKD", word.translate(_LIGATURES).casefold())
    return "".join(character for character in plain if character.isalnum())


def _needles_in(dataset: Dataset, profile: Profile, codecs: tuple[str, ...]) -> Iterator[Needle]:
    codecs = codecs_in(dataset, codecs)
    for tag in dataset.keys():  # noqa: SIM118 -- iterating a Dataset converts every element
        element = dataset.get_item(tag)
        if element.VR == "SQ" and not isinstance(element.value, bytes):
            for item in element.value or ():
                yield from _needles_in(item, profile, codecs)
            continue
        yield from _needles_of(int(tag), element, profile, codecs)


def _needles_of(tag: int, element: Element, profile: Profile, codecs: tuple[str, ...]) -> Iterator[Needle]:
    vr = settled_vr(element, known_vr(tag, profile.attributes))
    if profile.retains(tag) or (vr == "UI" and "rtn_uids" in profile.options):
        return
    if not (vr in ("PN", "UI", "DA", "DT") or tag in IDENTIFIERS or tag in CONTACTS):
        return
    for text in texts_of(element, vr, codecs) or ():
        if vr == "PN":
            yield from name_needles(text)
        elif vr == "UI":
            yield from uid_needles(text, tag)
        elif vr in ("DA", "DT"):
            yield from date_needles(read_date(text[:10]) or read_date(text[:8]), profile)
        elif tag in IDENTIFIERS:
            yield from identifier_needles(text)
        else:
            yield from contact_needles(text)


def _is_long_enough(text: str) -> bool:
    return len(text) >= SHORTEST or (len(text) > 1 and not text.isascii())


def _bounded(kind: Kind, text: str) -> Needle:
    if text.replace(".", "").isdigit():
        return Needle(kind, text, NUMBER)
    return Needle(kind, text, "" if len(text) >= SHORTEST_UNBOUNDED else LETTERS_AND_DIGITS)


def name_needles(name: str) -> Iterator[Needle]:
    """Give the parts of a person's name, and its first two parts in both orders as they are written in text."""
    for group in name.lower().split("="):
        parts = [part for part in _SPLIT_NAME.split(group) if part and part not in NOBODY]
        for part in parts:
            if _is_long_enough(part) and not part.isdigit():
                yield Needle(Kind.NAME, part, LETTERS_AND_DIGITS if part.isascii() else "")
            elif len(part) >= SHORTEST_NUMBER:
                yield Needle(Kind.NAME, part, NUMBER)
        for first, second in permutations(parts[:2], 2):
            for between in ("^", " ", ", ", ",", "_", ""):
                both = f"{first}{between}{second}"
                if (len(both) > SHORTEST or not both.isascii()) and not both.isdigit():
                    yield _bounded(Kind.NAME, both)


def identifier_needles(text: str) -> Iterator[Needle]:
    """Give an identifier, unless it is too short to mean anything where it is found."""
    text = text.lower()
    shortest = SHORTEST_NUMBER if text.isdigit() else SHORTEST
    if len(text) >= shortest and text not in NOBODY:
        yield _bounded(Kind.IDENTIFIER, text)


def contact_needles(text: str) -> Iterator[Needle]:
    """Give an address or the name of an institution as it stands, and a telephone number's digits."""
    text = text.lower()
    if len(text) >= SHORTEST_UNBOUNDED:
        yield _bounded(Kind.CONTACT, text)
    digits = "".join(character for character in text if character.isdigit())
    if len(digits) >= SHORTEST_PHONE and len(digits) * 2 > len(text):
        yield Needle(Kind.CONTACT, digits, NUMBER)


def uid_needles(uid: str, tag: int) -> Iterator[Needle]:
    """Give a UID that is replaced."""
    if len(uid) >= SHORTEST_UID and not is_registered(uid, tag):
        yield Needle(Kind.UID, uid.lower(), NUMBER)


def date_needles(day: date | None, profile: Profile) -> Iterator[Needle]:
    """Give a date in the eight spellings that are met in text."""
    if day is not None and profile.dates.is_real(day):
        for text in spellings(day):
            yield Needle(Kind.DATE, text, "0123456789")


def spellings(day: date) -> tuple[str, ...]:
    """Give a date as it is written: basic, ISO, slashes, dots, day first, month first, and with the month's name."""
    year, month, number = f"{day:%Y}", f"{day:%m}", f"{day:%d}"
    name = _MONTHS[day.month - 1]
    return (
        f"{year}{month}{number}",
        f"{year}-{month}-{number}",
        f"{year}/{month}/{number}",
        f"{year}.{month}.{number}",
        f"{number}.{month}.{year}",
        f"{number}/{month}/{year}",
        f"{month}/{number}/{year}",
        f"{number}-{name}-{year}",
    )


def become(needles: Iterable[Needle], offset_days: int) -> set[Needle]:
    """Give those dates among needles that are also what another of them becomes: these may stand in the result."""
    dates = {needle for needle in needles if needle.kind is Kind.DATE}
    days = (read_date(needle.text) for needle in dates if len(needle.text) == BASIC_DATE)
    shift = timedelta(days=offset_days)
    became = {text for day in days if day for text in spellings(day + shift)}
    return {needle for needle in dates if needle.text in became}
