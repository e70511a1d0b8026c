"""LOINC codes of studies: their check digit, and the table that they must stand in."""

from collections.abc import Sequence

import pyarrow as pa

from config.vocab.loinc import area_of_body_part, imaging_codes

_LARGEST_DIGIT = 9


def has_valid_check_digit(code: str) -> bool:
    """Tell whether the digit after the hyphen is the mod 10 check digit of the number before it."""
    number, _, check = code.partition("-")
    if not (code.isascii() and number.isdigit() and check.isdigit()):
        return False
    doubled = (2 * int(digit) if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(number)))
    total = sum(digit - _LARGEST_DIGIT if digit > _LARGEST_DIGIT else digit for digit in doubled)
    return check == str(-total % 10)


def is_sound(code: str) -> bool:
    """Tell whether a code has a valid check digit and is active in the table of codes."""
    known = imaging_codes().get(code)
    return has_valid_check_digit(code) and known is not None and known.is_active


def known_codes() -> pa.Table:
    """Give the codes with their attributes, null where a code has no contrast."""
    codes = imaging_codes().values()
    return pa.table(
        {
            "code": pa.array([one.code for one in codes], pa.string()),
            "name": pa.array([one.name for one in codes], pa.string()),
            "system": pa.array([one.system for one in codes], pa.string()),
            "contrast": pa.array([one.contrast or None for one in codes], pa.string()),
            "method": pa.array([one.method for one in codes], pa.string()),
        }
    )


def areas_of_body_parts() -> pa.Table:
    """Give the beginning of the LOINC system that each body part with one belongs to."""
    areas = area_of_body_part()
    return pa.table({"term": pa.array(areas.keys(), pa.string()), "area": pa.array(areas.values(), pa.string())})


def unsound_codes(codes: Sequence[str | None]) -> pa.Table:
    """Give those of the codes that are no active code of ours, in a column ``code``.

    A code with a wrong check digit is one of them; null is none.
    """
    unsound = sorted({code for code in codes if code is not None and not is_sound(code)})
    return pa.table({"code": pa.array(unsound, pa.string())})
