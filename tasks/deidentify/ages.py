"""Ages read with their unit and capped: at 90 and over, an age tells who it is."""

import re

_AGE = re.compile(r"(\d{1,3})([YMWD])")
_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


def capped_age(text: str, *, oldest_years: int) -> str | None:
    """Give an AS value in its legal form, capped.

    Parameters
    ----------
    text
        ``nnnY``, ``nnnM``, ``nnnW`` or ``nnnD`` (PS3.5 section 6.2), also with fewer digits or a small letter.
    oldest_years
        Older ages become one year more than this, whatever they are.

    Returns
    -------
    str or None
        Three digits and a capital letter; null if the text is no age, such as a bare number, whose unit is unknown.
    """
    found = _AGE.fullmatch(text.strip().upper())
    if not found:
        return None
    number, unit = int(found[1]), found[2]
    if unit == "Y" and number > oldest_years:
        number = oldest_years + 1
    return f"{number:03d}{unit}"


def completed_years(age: str) -> int | None:
    """Give the completed years of an AS value, or null if it is none."""
    found = _AGE.fullmatch(age.strip())
    return int(int(found[1]) / _PER_YEAR[found[2]]) if found else None
