"""Ages as completed years with their unit; over 89 they become one class (45 CFR 164.514(b)(2)(i)(C))."""

import re

import pyarrow as pa

from config.site_tables import Column
from config.vocab import fold, missing_words
from tasks.harmonize.cells import MISSING, Decision, Mapped, decide_each

OUT_OF_RANGE = "D-AGE-RANGE"
OVER_89 = 90  # the one value that stands for every age over 89
OLDEST = 125  # years; above it the number is no age
_MISSING_AGE = "999"  # used as "age missing" by a large commons
_OVER_89_AGE = "890"  # used as "age over 89" by the same
_OVER_89_TEXT = re.compile(r"(?:>\s*=?\s*(?:89|90)|(?:89|90)\s*\+|over 89|90 and over)", re.IGNORECASE)
_AGE = re.compile(r"(\d{1,4})(\.\d+)?\s*([DWMY]?)", re.IGNORECASE)
_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}


def map_ages(cells: pa.Array, column: Column, *, completed_years: bool) -> Mapped:
    """Map a column of ages to completed years, `OVER_89` for every age over 89.

    Parameters
    ----------
    completed_years
        Whether the site declares that decimals may be floored.
    """
    missing = missing_words() | {fold(word) for word in column.missing}
    unit = "M" if column.unit == "months" else "Y"

    def decide(text: str) -> Decision:
        return MISSING if fold(text) in missing else decide_age(text, unit, completed_years=completed_years)

    return decide_each(cells, decide, pa.int16())


def decide_age(text: str, unit: str, *, completed_years: bool) -> Decision:
    """Give the completed years of an age.

    Parameters
    ----------
    text
        A number, with the letter of a DICOM age string (PS3.5 section 6.2, AS) or without.
    unit
        The letter that holds where the text has none: D, W, M or Y.
    """
    plain = text.removesuffix(".0")
    if unit == "Y" and plain == _MISSING_AGE:
        return MISSING
    if (unit == "Y" and plain == _OVER_89_AGE) or _OVER_89_TEXT.fullmatch(text):
        return OVER_89, None
    found = _AGE.fullmatch(text)
    if not found or (float(found[2] or 0) and not completed_years):
        return None, OUT_OF_RANGE
    years = int(float(found[1] + (found[2] or "")) / _PER_YEAR[(found[3] or unit).upper()])
    return (min(years, OVER_89), None) if years <= OLDEST else (None, OUT_OF_RANGE)
