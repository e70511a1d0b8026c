"""The check digit of LOINC codes."""

from collections.abc import Mapping

import pyarrow as pa

_LARGEST_DIGIT = 9


def has_valid_check_digit(code: str) -> bool:
    """Tell whether the digit after the hyphen is the mod 10 check digit of the number before it."""
    number, _, check = code.partition("-")
    if not (code.isascii() and number.isdigit() and check.isdigit()):
        return False
    doubled = (2 * int(digit) if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(number)))
    total = sum(digit - _LARGEST_DIGIT if digit > _LARGEST_DIGIT else digit for digit in doubled)
    return check == str(-total % 10)


def unsound_codes(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Give the distinct codes of the imaging studies whose check digit is wrong, in a column ``code``."""
    studies = tables.get("imaging_study")
    known = studies is not None and "loinc_code" in studies.schema.names
    codes = studies.column("loinc_code").cast(pa.string()).unique().to_pylist() if studies is not None and known else []
    unsound = [code for code in codes if code is not None and not has_valid_check_digit(code)]
    return pa.table({"code": pa.array(unsound, pa.string())})
