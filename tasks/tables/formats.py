"""Which reader reads a file: by what its first bytes are; its name and its declaration decide where bytes do not."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from tasks.tables.columnar import read_parquet
from tasks.tables.delimited import read_delimited
from tasks.tables.json_lines import read_json
from tasks.tables.model import DELIMITER, FORMAT, LOCKED, Layout, Parsed, UnreadableTableError
from tasks.tables.sheets import read_sheet
from tasks.tables.text import beginning

Reader = Callable[[bytes, Layout, frozenset[str]], Parsed]
READERS: Mapping[str, Reader] = {
    "csv": read_delimited,
    "tsv": read_delimited,
    "xlsx": read_sheet,
    "parquet": read_parquet,
    "jsonl": read_json,
}
ENDINGS = {
    "csv": "csv",
    "tsv": "tsv",
    "txt": "csv",
    "xlsx": "xlsx",
    "parquet": "parquet",
    "jsonl": "jsonl",
    "json": "jsonl",
}
_WORKBOOK, _PARQUET = b"PK\x03\x04", b"PAR1"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # workbooks of before 2007, and those under a password
_RECORDS = re.compile(r'(\[\s*)?\{\s*"')
_TEXT = ("csv", "tsv")
_CONTROLS = {chr(code) for code in range(32)} - set("\t\n\r\f\v") | {"\N{REPLACEMENT CHARACTER}"}


def parse(content: bytes, name: str, layout: Layout, wanted: frozenset[str]) -> Parsed:
    """Read a file that is not blank.

    Parameters
    ----------
    name
        Its name, whose ending tells the format where nothing is declared.
    wanted
        Folded headers that the site declared; they tell the delimiter.

    Raises
    ------
    UnreadableTableError
        If it cannot be read; also while its rows are walked.
    """
    ending = name.rsplit(".", 1)[-1].lower()
    stated = layout.format or ENDINGS.get(ending, "")
    form = _actual(content, stated, layout.encoding)
    parsed = READERS[form](content, replace(layout, format=form), wanted)
    if form != stated:
        parsed = replace(parsed, notes=(FORMAT, *parsed.notes))
    if ending == "tsv" and form in _TEXT and parsed.layout.delimiter != "\t":
        parsed = replace(parsed, notes=(DELIMITER, *parsed.notes))
    return parsed


def _actual(content: bytes, stated: str, encoding: str) -> str:
    """Give the format that a file is of.

    Raises
    ------
    UnreadableTableError
        If it is none of ours, whatever its name says.
    """
    if content.startswith(_COMPOUND):
        raise UnreadableTableError(LOCKED)
    if content.startswith(_WORKBOOK):
        return "xlsx"
    if content.startswith(_PARQUET):
        return "parquet"
    text = beginning(content, encoding).lstrip()
    if not stated or text.startswith("<") or (stated not in _TEXT and _CONTROLS & set(text)):
        raise UnreadableTableError
    if _RECORDS.match(text) or (stated == "jsonl" and text.startswith(("{", "["))):
        return "jsonl"
    return stated if stated in _TEXT else "csv"
