"""Where a patient lives, as coarsely as may be released (45 CFR 164.514(b)(2)(i)(B))."""

import re

from config.vocab import small_zip3
from tasks.harmonize.cells import UNMAPPED, Decision

NO_AREA = "000"
_ZIP = re.compile(r"(\d{3})(?:\d{2}(?:-?\d{4})?)?")
_COUNTRY = re.compile(r"[A-Z]{2}")


def decide_zip3(text: str) -> Decision:
    """Give the first three digits of a US postal code, ``000`` where the area is too small.

    Four digits are undecided: a spreadsheet may have dropped a leading zero.
    """
    found = _ZIP.fullmatch(text)
    if not found:
        return None, UNMAPPED
    return (NO_AREA if found[1] in small_zip3() else found[1]), None


def decide_country(text: str) -> Decision:
    """Give an ISO 3166-1 alpha-2 code as it stands."""
    return (text.upper(), None) if _COUNTRY.fullmatch(text.upper()) else (None, UNMAPPED)
