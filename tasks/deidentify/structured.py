"""Structured content: what the concept of a content item (PS3.3 section C.17.3) says of its value."""

from typing import Final

from pydicom import DataElement, Dataset

from config.deid import Profile
from tasks.deidentify.codes import CODE_VALUE, LONG_CODE_VALUE, SCHEME
from tasks.deidentify.kept import DATE, DATE_TIME
from tasks.deidentify.values import is_number, text_of

CONTENT: Final = 0x0040A730
CONCEPT_NAME: Final = 0x0040A043
VALUES: Final = frozenset({DATE_TIME, DATE, 0x0040A122, 0x0040A123, 0x0040A160})  # and time, person's name, text
_MEASURED, _NUMBER = 0x0040A300, 0x0040A30A
_OTHER_NUMBERS: Final = (0x0040A161, 0x0040A162, 0x0040A163)  # the same number as a double or a fraction
_UNITS: Final = 0x004008EA
_PER_YEAR: Final = {"a": 1.0, "a_j": 1.0, "mo": 12.0, "wk": 365.25 / 7, "d": 365.25, "h": 365.25 * 24}
Path = tuple[int, ...]


def place_of(path: Path) -> Path:
    """Give the path by which the tables of an IOD know a place: content within content has the Types of content."""
    if path.count(CONTENT) < 2:  # noqa: PLR2004 -- nothing is nested in one
        return path
    last = len(path) - path[::-1].index(CONTENT)
    return (CONTENT, *path[last:])


def concept_of(item: Dataset, sequence: int, codecs: tuple[str, ...]) -> tuple[str, str]:
    """Give scheme and value of the first code of a sequence, empty texts if there is none."""
    codes = item[sequence].value if sequence in item else None
    if (not isinstance(codes, list) and not hasattr(codes, "append")) or not codes:
        return "", ""
    scheme = text_of(codes[0], SCHEME, "SH", codecs)
    value = text_of(codes[0], CODE_VALUE, "SH", codecs) or text_of(codes[0], LONG_CODE_VALUE, "UC", codecs)
    return scheme or "", value or ""


def names_someone(item: Dataset, profile: Profile, codecs: tuple[str, ...]) -> bool:
    """Tell whether the value of a content item identifies, by its concept: a person, a device or a place."""
    return concept_of(item, CONCEPT_NAME, codecs) in profile.structured.identities


def cap_age(item: Dataset, profile: Profile, codecs: tuple[str, ...]) -> None:
    """Cap the number of a content item that is an age, in the unit that it is measured in."""
    if _MEASURED not in item or concept_of(item, CONCEPT_NAME, codecs) not in profile.structured.ages:
        return
    for measured in item[_MEASURED].value or ():
        number = text_of(measured, _NUMBER, "DS", codecs) or ""
        per_year = _PER_YEAR.get(concept_of(measured, _UNITS, codecs)[1], 1.0)
        if not is_number(number, "DS") or not number or float(number) < (profile.oldest_years + 1) * per_year:
            continue
        measured[_NUMBER] = DataElement(_NUMBER, "DS", f"{(profile.oldest_years + 1) * per_year:.0f}")
        for tag in _OTHER_NUMBERS:
            if tag in measured:
                del measured[tag]
