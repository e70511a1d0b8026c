"""Numbers by one decimal mark per column, declared or proved by its values; what could be read two ways is held."""

import re
from collections.abc import Iterable

import pyarrow as pa

from config.site_tables import Column
from config.vocab import fold, missing_words
from tasks.harmonize.cells import MISSING, UNMAPPED, Decision, Mapped, decide_each

UNDECIDED_MARK = "H-DECIMAL"
POINT, COMMA = "point", "comma"
_DIGITS = re.compile(r"[+-]?\d+")
_EXPONENT = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d{1,2}")
_ONE_MARK = re.compile(r"[+-]?(\d*)([.,])(\d*)")
_GROUPED = {
    POINT: re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"),
    COMMA: re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?"),
}
_PLAIN = {
    POINT: re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?"),
    COMMA: re.compile(r"[+-]?(?:\d+,?\d*|,\d+)(?:[eE][+-]?\d{1,2})?"),
}
_THOUSAND, _WIDEST_GROUP = 3, 3


def map_numbers(cells: pa.Array, column: Column, whole: pa.Array) -> Mapped:
    """Map a column of numbers.

    Parameters
    ----------
    whole
        All cells of the column in its file, each of which says something of the decimal mark.
    """
    missing = missing_words() | {fold(word) for word in column.missing}
    texts = [text for text in whole.unique().to_pylist() if fold(text) not in missing]
    mark = decimal_mark(texts) if column.decimal == "vote" else column.decimal
    name = f"number:{mark}{' by vote' if column.decimal == 'vote' else ''}"
    return decide_each(
        cells,
        lambda text: MISSING if fold(text) in missing else decide_number(text, mark),
        pa.float64(),
        mapping=(name, "1"),
    )


def decimal_mark(texts: Iterable[str]) -> str:
    """Give the decimal mark that a column's numbers prove.

    A mark before exactly three digits may part thousands and proves nothing, unless zero or more than three digits
    stand before it; two marks in one number prove that the last is the decimal one.

    Returns
    -------
    str
        ``point``, ``comma``, ``mixed`` if values prove both, ``point`` if no value has a mark, else ``ambiguous``.
    """
    found = {_proof(text) for text in texts}
    proved = {mark for mark in found if mark}
    if len(proved) > 1:
        return "mixed"
    return proved.pop() if proved else ("ambiguous" if "" in found else POINT)


def _proof(text: str) -> str | None:
    """Give the mark that one number proves: empty if it could be read two ways, None if it has none or is no number."""
    if _EXPONENT.fullmatch(text):
        return COMMA if "," in text else POINT if "." in text else None
    if one := _ONE_MARK.fullmatch(text):
        before, mark, after = one.groups()
        is_group = len(after) == _THOUSAND and 0 < len(before) <= _WIDEST_GROUP and before.strip("0")
        return "" if is_group else COMMA if mark == "," else POINT
    fitting = [mark for mark, form in _GROUPED.items() if form.fullmatch(text)]
    return fitting[0] if fitting else None


def decide_number(text: str, mark: str) -> Decision:
    """Give a number by the decimal mark of its column; grouped thousands are read, comparisons and units are not."""
    if _DIGITS.fullmatch(text):
        return float(text), None
    if mark not in _PLAIN:
        is_number = any(form.fullmatch(text) for forms in (_PLAIN, _GROUPED) for form in forms.values())
        return None, UNDECIDED_MARK if is_number else UNMAPPED
    decimal, group = (".", ",") if mark == POINT else (",", ".")
    if _PLAIN[mark].fullmatch(text) or _GROUPED[mark].fullmatch(text):
        return float(text.replace(group, "").replace(decimal, ".")), None
    return None, UNMAPPED
