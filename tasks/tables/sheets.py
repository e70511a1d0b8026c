"""Sheets of XLSX workbooks: one sheet as a header and rows, and what a spreadsheet does to data besides."""

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl

from tasks.tables.cells import text_of
from tasks.tables.model import (
    FORMULA,
    MERGED,
    SHEET_HIDDEN,
    SHEETS,
    Layout,
    Parsed,
    Row,
    UnreadableTableError,
)

MAX_INFLATED = 4 << 30  # bytes; more in one workbook is no table
_PIECE, _OVERLAP, _ROWS = 1 << 20, 256, 1000
_MERGED = re.compile(rb'<mergeCell ref="[A-Z]+(\d+):[A-Z]+(\d+)"')
_FORMULA = re.compile(rb"<f[ />]")
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


def read_sheet(content: bytes, layout: Layout, _: frozenset[str]) -> Parsed:
    """Read one sheet: the declared one, else the first that is shown; rows count as the spreadsheet counts them.

    A row that a merged cell covers, or that holds a formula without a stored result, is unusable: what its cells
    would say stands elsewhere or nowhere. Hidden rows and columns are data like others.

    Raises
    ------
    UnreadableTableError
        If the workbook is damaged, or the sheet is missing or empty.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # their texts hold cells
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheet, notes = _chosen(book, layout.sheet)
            merged, has_formulas = _oddities(content, sheet)
            bare = openpyxl.load_workbook(io.BytesIO(content), read_only=True)[sheet.title] if has_formulas else None
            rows = _rows(sheet, bare, merged)
            header = next((cells for _, cells, _ in rows if any(map(str.strip, cells))), None)
    except _BROKEN:
        raise UnreadableTableError from None
    if header is None:
        raise UnreadableTableError
    names = [name.strip() for name in header]
    while not names[-1]:
        names.pop()
    found = replace(layout, sheet=sheet.title, encoding="", delimiter="")
    return Parsed(found, names, _padded(rows, len(names)), notes)


def shown_sheets(content: bytes) -> list[str]:
    """Give the names of the sheets of a workbook that are not hidden, or none if it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
            return [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    except _BROKEN:
        return []


def _chosen(book: Any, name: str) -> tuple[Any, tuple[str, ...]]:  # noqa: ANN401 -- the library has no types
    """Give the sheet to read, and what is to be said of the others where none is declared."""
    if name:
        return book[name], ()
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    hidden = len(book.worksheets) - len(shown)
    return shown[0], (SHEETS,) * (len(shown) > 1) + (SHEET_HIDDEN,) * hidden


def _oddities(content: bytes, sheet: Any) -> tuple[list[tuple[int, int]], bool]:  # noqa: ANN401 -- no types
    """Give the first and last row of every merged cell, and whether the sheet holds formulas."""
    merged: set[tuple[int, int]] = set()
    has_formulas = False
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > MAX_INFLATED:
            raise UnreadableTableError
        part = sheet._worksheet_path  # noqa: SLF001 -- a sheet that is streamed says nothing of merged cells itself
        with archive.open(part) as stream:
            kept = b""
            while piece := stream.read(_PIECE):
                kept = kept[-_OVERLAP:] + piece
                merged.update((int(first), int(last)) for first, last in _MERGED.findall(kept))
                has_formulas = has_formulas or _FORMULA.search(kept) is not None
    return sorted(merged), has_formulas


def _rows(sheet: Any, bare: Any, merged: Sequence[tuple[int, int]]) -> Iterator[Row]:  # noqa: ANN401 -- no types
    """Give all rows from the first; the text of a workbook can break at any of them."""
    covered = {row for first, last in merged for row in range(first, last + 1)}
    sheet.reset_dimensions()  # what a file says of its own size may be wrong
    formulas: Iterator[Sequence[Any]] = iter(())
    if bare is not None:
        bare.reset_dimensions()
        formulas = bare.iter_rows()
    numbered = enumerate(sheet.iter_rows(), start=1)
    while piece := _quietly(numbered):
        for number, row in piece:
            rule = FORMULA if _uncalculated(row, next(formulas, ())) else MERGED if number in covered else ""
            yield number, [text_of(cell.value) for cell in row], rule


def _quietly(rows: Iterator[tuple[int, Sequence[Any]]]) -> list[tuple[int, Sequence[Any]]]:
    """Give the next rows without the library's warnings, which hold cells."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(islice(rows, _ROWS))
    except _BROKEN:
        raise UnreadableTableError from None


def _uncalculated(row: Sequence[Any], formulas: Sequence[Any]) -> bool:
    """Tell whether some formula of a row has no stored result; one whose result is the empty text has."""
    pairs = zip(row, formulas, strict=False)
    return any(bare.data_type == "f" and cell.value is None and cell.data_type == "n" for cell, bare in pairs)


def _padded(rows: Iterator[Row], width: int) -> Iterator[Row]:
    for number, cells, rule in rows:
        yield number, [*cells, *[""] * (width - len(cells))], rule
