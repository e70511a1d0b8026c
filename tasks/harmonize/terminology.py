"""Codes of outside systems that can be checked by their form: LOINC, ICD-10 and SNOMED CT."""

import re

from tasks.harmonize.cells import UNMAPPED, Decision

_LOINC = re.compile(r"(\d{1,5})-(\d)")
_ICD_10 = re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")
_LONGEST_UID = 64
_UID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+")
_SNOMED = re.compile(r"\d{6,18}")
_ATC = re.compile(r"[A-Z]\d{2}(?:[A-Z](?:[A-Z](?:\d{2})?)?)?")
_RXCUI = re.compile(r"[1-9]\d{0,7}")
_LONGEST_UNIT = 20


def decide_loinc(text: str) -> Decision:
    """Give a LOINC code whose check digit is right."""
    found = _LOINC.fullmatch(text)
    return (text, None) if found and int(found[2]) == mod_10(found[1]) else (None, UNMAPPED)


def mod_10(digits: str) -> int:
    """Give the check digit of LOINC (LOINC Users' Guide, appendix on check digits): the Luhn algorithm."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 -- the sum of the two digits
    return -total % 10


def decide_uid(text: str) -> Decision:
    """Give a DICOM UID (PS3.5 section 9.1)."""
    return (text, None) if len(text) <= _LONGEST_UID and _UID.fullmatch(text) else (None, UNMAPPED)


def decide_drug(text: str) -> Decision:
    """Give the code of a drug: of the ATC classification at any level but the first, or an RxNorm concept."""
    code = text.upper()
    return (code, None) if _ATC.fullmatch(code) or _RXCUI.fullmatch(code) else (None, UNMAPPED)


def decide_unit(text: str) -> Decision:
    """Give a unit as it was written; whether it can be converted depends on what was measured."""
    return (text, None) if len(text) <= _LONGEST_UNIT else (None, UNMAPPED)


def decide_diagnosis(text: str) -> Decision:
    """Give the code of a diagnosis: ICD-10 with its point, or a SNOMED CT concept."""
    code = text.upper()
    if _ICD_10.fullmatch(code) or _SNOMED.fullmatch(code):
        return code, None
    return None, UNMAPPED
