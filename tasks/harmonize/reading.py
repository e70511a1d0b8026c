"""The files that a site sends, as text cells in Arrow columns with row numbers; says nothing of any cell."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from config.site_tables import SiteTable
from config.vocab import fold

DELIMITERS = ",;\t|"
MAX_CELL = 10_000  # characters; longer cells come from a quote that was never closed
ROWS_PER_CHUNK = 1 << 16
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_ENDINGS = {
    "csv": "csv",
    "tsv": "tsv",
    "txt": "csv",
    "xlsx": "xlsx",
    "parquet": "parquet",
    "jsonl": "jsonl",
    "json": "jsonl",
}

ROW = "row"
UNREADABLE = "H-UNREADABLE"
NO_ROWS = "H-NO-ROWS"
HEADER_MISSING = "H-HEADER-MISSING"
HEADER_TWICE = "H-HEADER-TWICE"
HEADER_UNDECLARED = "H-HEADER-UNDECLARED"
DELIMITER = "H-DELIMITER"
RAGGED = "H-RAGGED"
CELL = "H-CELL"

Row = tuple[int, Sequence[str] | None]


class UnreadableTableError(ValueError):
    """The file cannot be read as what it is said to be; carries nothing of it."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row, or one column of it, that could not be used, and the rule that says so."""

    row: int
    rule_id: str
    header: str = ""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """The declared columns of one file as text, by declared header, with the number of each row in the file.

    `rows` counts as a spreadsheet does: the header of a delimited file is row 1. `notes` are rules on the whole file.
    """

    cells: dict[str, pa.Array] = field(default_factory=dict)
    rows: pa.Array = field(default_factory=lambda: pa.array([], pa.int32()))
    problems: tuple[RowProblem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rows_in(self) -> int:
        """All rows of the file that are not blank."""
        return len(self.rows) + len(self.problems)


def read_source(content: bytes, name: str, table: SiteTable) -> SourceTable:
    """Read one file of a site.

    Parameters
    ----------
    name
        The file's name; its ending tells the format where the site file does not.
    table
        What the site declared about files like this one.
    """
    ending = name.rsplit(".", 1)[-1].lower()
    form = table.format or _ENDINGS.get(ending, "")
    if not content.strip():
        return SourceTable(notes=(NO_ROWS,))
    try:
        notes, header, rows = _FORMS[form](content, table)
        return _declared(table, header, rows, notes if ending == "tsv" else [])
    except (UnreadableTableError, KeyError):
        return SourceTable(notes=(UNREADABLE,))


def _declared(table: SiteTable, header: Sequence[str], rows: Iterable[Row], notes: Sequence[str]) -> SourceTable:
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        places.setdefault(fold(name), []).append(place)
    wanted = {name: places[fold(name)] for name in table.columns if fold(name) in places}
    absent = [name for name, column in table.columns.items() if name not in wanted and not column.optional]
    undeclared = set(places) - {fold(name) for name in table.columns}
    found = [*notes, *(HEADER_UNDECLARED for _ in undeclared)]
    if absent:
        return SourceTable(notes=(*found, *(HEADER_MISSING for _ in absent)))
    if len({(table.columns[name].field, table.columns[name].slot) for name in wanted}) < len(wanted):
        return SourceTable(notes=(*found, HEADER_TWICE))
    cells, numbers, problems = _columns(rows, len(header), {at for ats in wanted.values() for at in ats})
    if any(not cells[ats[0]].equals(cells[at]) for ats in wanted.values() for at in ats[1:]):
        return SourceTable(notes=(*found, HEADER_TWICE))
    if not len(numbers) + len(problems):
        found.append(NO_ROWS)
    return SourceTable({name: cells[ats[0]] for name, ats in wanted.items()}, numbers, problems, tuple(found))


def _columns(
    rows: Iterable[Row], width: int, places: set[int]
) -> tuple[dict[int, pa.Array], pa.Array, tuple[RowProblem, ...]]:
    """Turn rows into columns in chunks, so that the text of few rows is in memory twice."""
    chunks: list[pa.RecordBatch] = [_chunk([], [], places)]
    problems: list[RowProblem] = []
    numbers: list[int] = []
    waiting: list[Sequence[str]] = []
    for number, cells in rows:
        if cells is not None and not any(map(str.strip, cells)):
            continue
        if cells is None or len(cells) < width or any(map(str.strip, cells[width:])):
            problems.append(RowProblem(number, CELL if cells is None else RAGGED))
            continue
        numbers.append(number)
        waiting.append(cells)
        if len(waiting) == ROWS_PER_CHUNK:
            chunks.append(_sound(_chunk(numbers, waiting, places), problems))
            numbers, waiting = [], []
    chunks.append(_sound(_chunk(numbers, waiting, places), problems))
    table = pa.Table.from_batches(chunks)
    columns = {place: pc.utf8_trim_whitespace(table[str(place)]).combine_chunks() for place in places}
    return columns, table[ROW].combine_chunks(), tuple(sorted(problems, key=lambda one: one.row))


def _chunk(numbers: Sequence[int], rows: Sequence[Sequence[str]], places: set[int]) -> pa.RecordBatch:
    columns = {str(place): pa.array([row[place] for row in rows], pa.string()) for place in sorted(places)}
    composed = {name: pc.utf8_normalize(cells, form="NFC") for name, cells in columns.items()}
    return pa.record_batch(composed | {ROW: pa.array(numbers, pa.int32())})


def _sound(chunk: pa.RecordBatch, problems: list[RowProblem]) -> pa.RecordBatch:
    """Give the rows of a chunk whose cells are no accident, and note the others."""
    odd = pa.array([False] * len(chunk), pa.bool_())
    for name in chunk.schema.names:
        if name != ROW:
            cells = chunk[name]
            odd = pc.or_(odd, pc.or_(pc.greater(pc.utf8_length(cells), MAX_CELL), pc.match_substring(cells, "\0")))
    problems.extend(RowProblem(row, CELL) for row in chunk[ROW].filter(odd).to_pylist())
    return chunk.filter(pc.invert(odd))


Parsed = tuple[list[str], Sequence[str], Iterable[Row]]


def _delimited(content: bytes, table: SiteTable) -> Parsed:
    mark = next((encoding for start, encoding in _MARKS if content.startswith(start)), None)
    try:
        text = content.decode(mark or table.encoding or "utf-8")
    except UnicodeDecodeError:
        raise UnreadableTableError from None
    wanted = {fold(name) for name in table.columns}
    delimiter = table.delimiter or max(DELIMITERS, key=lambda one: _declared_headers(text, one, wanted))
    header, rows = _records(text, delimiter)
    return ([] if delimiter == "\t" else [DELIMITER]), header, rows


def _declared_headers(text: str, delimiter: str, wanted: set[str]) -> int:
    header, _ = _records(text, delimiter)
    return len(wanted & {fold(name) for name in header})


def _records(text: str, delimiter: str) -> tuple[Sequence[str], Iterator[Row]]:
    rows = _numbered(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    header = next((cells for _, cells in rows if cells is None or cells), None)
    if header is None:
        raise UnreadableTableError
    return [name.strip() for name in header], rows


def _numbered(reader: Iterator[list[str]]) -> Iterator[Row]:
    number = 0
    while True:
        number += 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell over the parser's limit; its text is not kept
            yield number, None


def _sheet(content: bytes, table: SiteTable) -> Parsed:
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book[table.sheet] if table.sheet else book.worksheets[0]
        rows = [(number, [_text(cell) for cell in row]) for number, row in enumerate(sheet.values, start=1)]
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, OSError, EOFError):
        raise UnreadableTableError from None
    if not rows:
        raise UnreadableTableError
    return [], rows[0][1], rows[1:]


def _text(value: object) -> str:
    """Give a typed cell as the text a person would see: whole numbers without decimals, dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _arrow(content: bytes, _: SiteTable) -> Parsed:
    try:
        stored = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError):
        raise UnreadableTableError from None
    columns = [[_text(value) for value in column.to_pylist()] for column in stored.columns]
    return [], stored.column_names, enumerate(zip(*columns, strict=True), start=1)


def _lines(content: bytes, _: SiteTable) -> Parsed:
    try:
        text = content.decode("utf-8-sig").strip()
        listed = json.loads(text) if text.startswith("[") else [_parsed(line) for line in text.splitlines()]
    except ValueError:
        raise UnreadableTableError from None
    records = [(number, _record(value)) for number, value in enumerate(listed, start=1) if value != ""]
    header = list(dict.fromkeys(name for _, record in records if record for name in record))
    if not header:
        raise UnreadableTableError
    rows = ((n, None if one is None else [one.get(name, "") for name in header]) for n, one in records)
    return [], header, rows


def _parsed(line: str) -> object:
    try:
        return json.loads(line) if line.strip() else ""
    except ValueError:
        return None


def _record(value: object) -> dict[str, str] | None:
    if not isinstance(value, dict) or any(isinstance(one, dict | list) for one in value.values()):
        return None
    return {name: _text(one) for name, one in value.items()}


_FORMS: dict[str, Callable[[bytes, SiteTable], Parsed]] = {
    "csv": _delimited,
    "tsv": _delimited,
    "xlsx": _sheet,
    "parquet": _arrow,
    "jsonl": _lines,
}
