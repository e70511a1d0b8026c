"""Comma- and tab-separated text; a row that breaks the quoting costs itself only, never the rows after it."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from config.vocab import fold
from tasks.tables.model import CELL, QUOTE, Layout, Parsed, Row, UnreadableTableError
from tasks.tables.text import decode

DELIMITERS = ",;\t|"
_PROBED_ROWS = 50


def read_delimited(content: bytes, layout: Layout, wanted: frozenset[str]) -> Parsed:
    """Read delimited text.

    Parameters
    ----------
    wanted
        Folded headers that the site declared. Where no delimiter is declared it is the one that finds most of them,
        or, where none are wanted, the one that parts the first rows most evenly.

    Raises
    ------
    UnreadableTableError
        If the text cannot be decoded, or has no header.
    """
    text, encoding = decode(content, layout.encoding)
    delimiter = layout.delimiter or max(DELIMITERS, key=lambda one: _fitness(text, one, wanted))
    header, rows = _header_and_rows(text, delimiter)
    return Parsed(replace(layout, encoding=encoding, delimiter=delimiter), header, rows)


def _fitness(text: str, delimiter: str, wanted: frozenset[str]) -> tuple[int, float, int]:
    """Tell how well a delimiter fits: declared headers found, share of rows as wide as the header, width."""
    try:
        header, rows = _header_and_rows(text, delimiter)
    except UnreadableTableError:
        return 0, 0.0, 0
    width = len(header)
    if wanted:
        return len(wanted & {fold(name) for name in header}), 0.0, 0
    widths = Counter(len(cells) for _, cells, rule in islice(rows, _PROBED_ROWS) if cells and not rule)
    even = widths[width] / widths.total() if widths else 1.0
    return int(width > 1), round(even, 1), width


def _header_and_rows(text: str, delimiter: str) -> tuple[Sequence[str], Iterator[Row]]:
    rows = _records(text, delimiter)
    header, rule = next(((cells, rule) for _, cells, rule in rows if cells or rule), ((), ""))
    names = [name.strip() for name in header]
    while names and not names[-1]:  # a delimiter at the end of each line makes no column
        names.pop()
    if rule or not names:
        raise UnreadableTableError
    return names, rows


def _records(text: str, delimiter: str) -> Iterator[Row]:
    """Give every record with its number; after a broken one, reading goes on at the line after its first."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        start = lines.tell()
        try:
            yield number, next(reader), ""
        except StopIteration:
            return
        except csv.Error:  # its text is not kept
            is_long = lines.tell() - start > csv.field_size_limit()
            lines.seek(start)
            lines.readline()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            yield number, (), CELL if is_long else QUOTE
