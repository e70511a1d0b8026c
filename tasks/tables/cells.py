"""Typed cells of workbooks, Parquet and JSON as the text that a person would see."""

from datetime import datetime

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
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else f"{value:.15g}"
    return str(value)
