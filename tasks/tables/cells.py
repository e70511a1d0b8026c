"""Typed cells of workbooks, Parquet and JSON as the text that a person would see."""

import re
from datetime import datetime

_THREE_DECIMALS = re.compile(r"-?\d{1,3}\.\d{3}")
_EXACT = 1e15  # above it a spreadsheet has rounded a whole number, and exponents show that


def text_of(value: object) -> str:
    """Give a cell as text: nothing as the empty text, whole numbers without decimals, days as ISO 8601.

    Other numbers have the 15 digits that a spreadsheet keeps; times of day are dropped.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else _decimal(value)
    return str(value)


def _decimal(value: float) -> str:
    """Give a number so that nobody takes its point for a mark of thousands: never with just three decimals."""
    text = f"{value:.15g}"
    return f"{text}0" if _THREE_DECIMALS.fullmatch(text) else text
