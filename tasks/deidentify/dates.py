"""Dates moved by whole days: intervals survive exactly, times of day stay, zones go."""

import re
from datetime import date, timedelta

from config.deid.profile import Dates

_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})|(\d{4})\.(\d{2})\.(\d{2})")
_TIME = r"(?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?|\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)"
_TIMES = re.compile(rf"{_TIME}|{_TIME} ?- ?{_TIME}?|- ?{_TIME}")
_DATETIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?((?:\d{2}){0,3}(?:\.\d{1,6})?)(?:[+-]\d{4})?")


def read_date(text: str) -> date | None:
    """Read ``YYYYMMDD``, or ``YYYY.MM.DD`` as before 1993 (PS3.5 section 6.2, DA); null if it is no calendar date."""
    found = _DATE.fullmatch(text)
    if not found:
        return None
    try:
        return date(*(int(part) for part in found.groups() if part))
    except ValueError:
        return None


def _moved(day: date | None, days: int, dates: Dates) -> date | None:
    if day is None or not dates.is_real(day):
        return None
    moved = day + timedelta(days=days)
    return moved if dates.is_real(moved) else None


def shift_date(text: str, *, days: int, dates: Dates) -> str | None:
    """Move a DICOM DA value, or a range of two, by whole days.

    Parameters
    ----------
    text
        ``YYYYMMDD`` or ``YYYY.MM.DD``, or a range ``A-B``, ``A-``, ``-B`` of these (PS3.5 section 6.2).
    days
        The same for every date of one subject; may be negative.
    dates
        Which dates are real; the others are placeholders.

    Returns
    -------
    str or None
        ``YYYYMMDD``, or a range of it. Null if a part is no date, no real date, or leaves the real ones.
    """
    parts = text.strip().split("-")
    if len(parts) > 2 or not any(parts):  # noqa: PLR2004 -- a range has two ends
        return None
    moved = [_moved(read_date(part.strip()), days, dates) if part else None for part in parts]
    if any(part and not day for part, day in zip(parts, moved, strict=True)):
        return None
    return "-".join(f"{day:%Y%m%d}" if day else "" for day in moved)


def shift_datetime(text: str, *, days: int, dates: Dates) -> str | None:
    """Move a DICOM DT value by whole days, at the precision that it has.

    A date without day or month is moved from its first day and cut again. The time of day and its fraction stay, the
    offset from UTC goes (PS3.5 section 6.2). Null as for `shift_date`.
    """
    found = _DATETIME.fullmatch(text.strip())
    if not found:
        return None
    year, month, day, time = found.groups()
    moved = _moved(read_date(f"{year}{month or '01'}{day or '01'}"), days, dates)
    if moved is None or (time and not _TIMES.fullmatch(time)):
        return None
    return f"{moved:%Y%m%d}"[: 4 + 2 * bool(month) + 2 * bool(day)] + time


def is_time(text: str) -> bool:
    """Tell whether a value is a TM, a range of two, or ``HH:MM:SS`` as before 1993 (PS3.5 section 6.2)."""
    return bool(_TIMES.fullmatch(text.strip()))
