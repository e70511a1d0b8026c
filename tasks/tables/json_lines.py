"""JSON lines, and one JSON array of the same records; the number of a row is its line, or its place in the array."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tasks.tables.cells import text_of
from tasks.tables.model import CELL, Layout, Parsed, Row, UnreadableTableError
from tasks.tables.text import decode

_BLANK = object()
_LINES = re.compile(r"\r\n|\n|\r")  # a line separator of Unicode may stand inside a text


def read_json(content: bytes, layout: Layout, _: frozenset[str]) -> Parsed:
    """Read records; one with a list, an object or the same name twice is unusable.

    Raises
    ------
    UnreadableTableError
        If the text is no JSON, or holds no record.
    """
    text, encoding = decode(content, layout.encoding)
    try:
        listed = json.loads(text, object_pairs_hook=_record) if text.lstrip().startswith("[") else _each_line(text)
    except (ValueError, RecursionError):
        raise UnreadableTableError from None
    header = list(dict.fromkeys(name for one in listed if isinstance(one, dict) for name in one))
    if not header:
        raise UnreadableTableError
    return Parsed(replace(layout, encoding=encoding), header, _rows(listed, header))


def _each_line(text: str) -> list[object]:
    return [_parsed(line) for line in _LINES.split(text)]


def _parsed(line: str) -> object:
    if not line.strip():
        return _BLANK
    try:
        value: object = json.loads(line, object_pairs_hook=_record)
    except (ValueError, RecursionError):
        return None
    return value


def _record(pairs: list[tuple[str, object]]) -> object:
    """Give the texts of an object, or a list if it holds more than texts and numbers, each under a name of its own."""
    texts = {name: text_of(value) for name, value in pairs if not isinstance(value, dict | list)}
    return texts if len(texts) == len(pairs) else []


def _rows(listed: Sequence[object], header: Sequence[str]) -> Iterator[Row]:
    for number, one in enumerate(listed, start=1):
        if isinstance(one, dict):
            yield number, [one.get(name, "") for name in header], ""
        elif one is not _BLANK:
            yield number, (), CELL
