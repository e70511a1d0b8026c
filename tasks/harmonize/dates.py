"""Dates by one form per column, declared or voted; a value that does not fit is held, never read another way."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta

import pyarrow as pa

from config.site_tables import DAYS, Column
from config.vocab import fold, missing_words
from config.vocab.months import months
from tasks.harmonize.cells import MISSING, Decision, Mapped, decide_each

UNREADABLE = "S-DATE"
AMBIGUOUS = "S-DATE-AMBIGUOUS"
MIXED = "C-DATE-ORDER-VOTE"
IMPLAUSIBLE = "C-FUTURE"
FIRST_YEAR = 1900
LAST_YEAR = 2199  # a later year is a stray digit; whether a date lies after receipt is not known here
MONTHS, LONGEST_MONTH = 12, 31
HALF_CONVERTED = "half-converted"
DAY_ZERO = date(2000, 1, 1)  # stands for the index event of a site that sends days

_ZONE = r"(?: ?[AaPp]\.?[Mm]\.?)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?" + _ZONE
_TIME = r"(?:(?:[T ]|, )?" + _CLOCK + ")?"
_LATER = r"(?:(?:[T ]|, )" + _CLOCK + ")?"  # apart from a day that may have one digit
_COMPACT = r"(?:[T ]?\d{4}(?:\d{2}(?:[.,]\d+)?)?" + _ZONE + ")?"
ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _LATER)
_GLUED = re.compile(r"(\d{4})[-/.](\d{2})[-/.](\d{2})(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?" + _ZONE)
_KANJI = re.compile(r"(\d{4})\s?\u5e74\s?(\d{1,2})\s?\u6708\s?(\d{1,2})\s?\u65e5" + _LATER)
_DICOM = re.compile(r"(\d{4})(\d{2})(\d{2})(?:" + _COMPACT + "|" + _TIME + ")")
_WORDED = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th|\u00ba|\.)?|([^\W\d_]+))[-/. ]\s?(?:de |of )?"
    r"(?:([^\W\d_]+)|(\d{1,2})(?:st|nd|rd|th)?)[-/., ]\s?(?:de |of )?(\d{4})" + _TIME
)
PARTS = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})" + _TIME)
FORMS = (ISO, _GLUED, _KANJI, _WORDED, PARTS)  # what is read as a date of the calendar
_DAYS = re.compile(r"([+-]?\d{1,5})(?:\.0+)?")
_SENTINELS = frozenset({"01/01/1900", "1900-01-01", "00/00/0000", "0000-00-00", "9999-12-31", "31/12/9999"})


def map_dates(cells: pa.Array, column: Column, whole: pa.Array, language: str = "en") -> Mapped:
    """Map a column of dates to calendar dates; times of day are dropped.

    ISO 8601 and the DICOM form YYYYMMDD are read in every column, since they can mean one thing only.

    Parameters
    ----------
    whole
        All cells of the column in its file: `cells` may be those of one kind of event, and all have a vote.
    language
        In which the names of months are read, beside English.
    """
    missing = missing_words() | {fold(word) for word in column.missing} | _SENTINELS
    if column.date == DAYS:
        return decide_each(cells, _day_decider(missing), pa.date32(), mapping=("date:days", "1"))
    said = [text for text in whole.unique().to_pylist() if fold(text) not in missing]
    order = voted_order(said) if column.date == "vote" else column.date
    if is_half_converted(said):
        order = HALF_CONVERTED
    name = f"date:{order}{' by vote' if column.date == 'vote' else ''}"
    words = {**months()["en"], **months().get(language, {})}
    return decide_each(cells, _decider(order, missing, words), pa.date32(), mapping=(name, "2"))


def _day_decider(missing: frozenset[str]) -> Callable[[str], Decision]:
    """Read days from the index event, as dates of a calendar in which that event is `DAY_ZERO`."""

    def decide(text: str) -> Decision:
        if fold(text) in missing:
            return MISSING
        found = _DAYS.fullmatch(text.replace("\N{MINUS SIGN}", "-"))
        return (DAY_ZERO + timedelta(days=int(found[1])), None) if found else (None, UNREADABLE)

    return decide


def voting_pairs(texts: Iterable[str]) -> list[tuple[int, int]]:
    """Give the first two parts of every date whose order has to be voted; what is a date in no order has no vote."""
    found = [(int(one[1]), int(one[2])) for text in texts if (one := PARTS.fullmatch(text))]
    return [pair for pair in found if 0 < min(pair) <= MONTHS and max(pair) <= LONGEST_MONTH]


def is_half_converted(texts: Iterable[str]) -> bool:
    """Tell whether a spreadsheet has read a part of a column in the wrong order and left the rest as text.

    It reads what can be a date in its own order, and swaps day and month of it: no day of an ISO date is then over 12,
    and every other date has a part over 12.
    """
    days = [int(found[3]) for text in texts if (found := ISO.fullmatch(text))]
    pairs = voting_pairs(texts)
    return bool(days and pairs) and max(days) <= MONTHS and all(max(pair) > MONTHS for pair in pairs)


def voted_order(texts: Iterable[str]) -> str:
    """Give the order of day and month that a column's values prove.

    Returns
    -------
    str
        ``dmy`` if some first part is over 12 or the order makes no difference, ``mdy`` if some second part is over
        12, ``mixed`` if both, ``iso`` if no value has such parts, else ``ambiguous``.
    """
    pairs = voting_pairs(texts)
    day_first = any(first > MONTHS for first, _ in pairs)
    month_first = any(second > MONTHS for _, second in pairs)
    if day_first and month_first:
        return "mixed"
    if day_first or month_first:
        return "dmy" if day_first else "mdy"
    if all(first == second for first, second in pairs):
        return "dmy" if pairs else "iso"
    return "ambiguous"


def _decider(order: str, missing: frozenset[str], words: Mapping[str, int]) -> Callable[[str], Decision]:
    def decide(text: str) -> Decision:
        if fold(text) in missing:
            return MISSING
        if order == HALF_CONVERTED:
            return None, MIXED
        try:
            found = _plain(text, order) or _worded(text, words) or _ordered(text, order)
        except ValueError:
            return None, UNREADABLE
        if isinstance(found, str):
            return None, found
        return (found, None) if FIRST_YEAR <= found.year <= LAST_YEAR else (None, IMPLAUSIBLE)

    return decide


def _plain(text: str, order: str) -> date | None:
    """Read a date whose parts can be told without an order; a declared format may be eight digits of its own."""
    if "%Y" in order[:2]:  # a declared format that begins like ISO 8601 may mean another order
        return None
    found = ISO.fullmatch(text) or _GLUED.fullmatch(text) or _KANJI.fullmatch(text)
    found = found or (None if "%" in order else _DICOM.fullmatch(text))
    return date(int(found[1]), int(found[2]), int(found[3])) if found else None


def _worded(text: str, words: Mapping[str, int]) -> date | None:
    """Read a date whose month is a word, before or after the day."""
    found = _WORDED.fullmatch(text)
    if not found or bool(found[1]) == bool(found[4]):
        return None
    month = words.get((found[3] or found[2]).casefold())
    return date(int(found[5]), month, int(found[1] or found[4])) if month else None


def _ordered(text: str, order: str) -> date | str:
    """Read a date by the column's order, or give the rule by which it is held."""
    if "%" in order:
        return datetime.strptime(text, order).date()  # noqa: DTZ007 -- a calendar date has no zone
    found = PARTS.fullmatch(text)
    if not found or order in {"iso", "ymd"}:
        return UNREADABLE
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    if order == "mixed":
        return MIXED
    if order == "ambiguous" and first != second:
        return AMBIGUOUS
    return date(year, second, first) if order == "dmy" else date(year, first, second)
