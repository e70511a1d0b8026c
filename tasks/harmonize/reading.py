"""The files that a site sends, as text cells in Arrow columns with row numbers; says nothing of any cell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from config.fields import EVENT_KIND, PATIENT_ID, Form
from config.site_tables import Column, SiteTable
from config.vocab import fold, missing_words
from tasks.tables.formats import parse
from tasks.tables.model import CELL, NO_ROWS, Layout, Row, UnreadableTableError

MAX_CELL = 10_000  # characters; longer cells come from a quote that was never closed
ROWS_PER_CHUNK = 1 << 16

ROW = "row"
HEADER_MISSING = "H-HEADER-MISSING"
HEADER_TWICE = "H-HEADER-TWICE"
HEADER_UNDECLARED = "H-HEADER-UNDECLARED"
RAGGED = "H-RAGGED"
SPREADSHEET = "H-SPREADSHEET"
FLOAT = "H-FLOAT"
ID_DAMAGED = "H-ID-DAMAGED"

_FLOAT = r"^-?\d+\.0+$"
_EXPONENT = r"^-?\d(?:\.\d+)?[eE]\+\d+$"
_SPREADSHEET_ERROR = r"^(?:#(?:REF|VALUE|NAME|NULL|NUM|SPILL|CALC)[!?]|#DIV/0!|#{3,})$"
_NEEDED = (PATIENT_ID, EVENT_KIND)  # without them no row says anything, whatever the site file allows
_FLOATS_ARE_DATA = (Form.AGE, Form.NUMBER)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row, or one column of it, that could not be used, and the rule that says so; row 0 is the whole file."""

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
    notes: tuple[RowProblem, ...] = ()
    layout: Layout = field(default_factory=Layout)

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
    layout = Layout(table.format or "", table.encoding or "", table.delimiter or "", table.sheet or "")
    if not content.strip():
        return SourceTable(notes=_notes([NO_ROWS]), layout=layout)
    try:
        parsed = parse(content, name, layout, frozenset(_known_headers(table)))
        return _declared(
            table, parsed.header, parsed.rows, SourceTable(notes=_notes(parsed.notes), layout=parsed.layout)
        )
    except UnreadableTableError as problem:
        return SourceTable(notes=_notes([problem.rule_id]), layout=layout)


def _notes(rules: Iterable[str], header: str = "") -> tuple[RowProblem, ...]:
    return tuple(RowProblem(0, rule, header) for rule in rules)


def _declared(table: SiteTable, header: Sequence[str], rows: Iterable[Row], file: SourceTable) -> SourceTable:
    """Give the declared columns, or the file without any if they cannot be told."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        places.setdefault(fold(name), []).append(place)
    wanted = {
        name: [at for word in sorted({fold(name), *map(fold, column.also)}) for at in places.get(word, ())]
        for name, column in table.columns.items()
    }
    wanted = {name: ats for name, ats in wanted.items() if ats}
    found = [*file.notes, *_of_headers(table, header, wanted)]
    if any(note.rule_id in {HEADER_MISSING, HEADER_TWICE} for note in found):
        return SourceTable(notes=tuple(found), layout=file.layout)
    cells, numbers, problems = _columns(rows, len(header), {at for ats in wanted.values() for at in ats})
    twice = [name for name, ats in wanted.items() for at in ats[1:] if not cells[ats[0]].equals(cells[at])]
    if twice:
        return SourceTable(notes=(*found, *(RowProblem(0, HEADER_TWICE, name) for name in twice)), layout=file.layout)
    if not len(numbers) + len(problems):
        found.append(RowProblem(0, NO_ROWS))
    columns = {}
    for name, ats in wanted.items():
        columns[name], is_changed = _whole_numbers(cells[ats[0]], table.columns[name])
        found.extend([RowProblem(0, FLOAT, name)] * is_changed)
    return _with_sound_ids(SourceTable(columns, numbers, problems, tuple(found), file.layout), table)


def _of_headers(table: SiteTable, header: Sequence[str], wanted: dict[str, list[int]]) -> Iterable[RowProblem]:
    """Say which columns nobody declared, which are absent, and which two are one field."""
    declared = _known_headers(table) | {fold(name) for name in table.not_read}
    seen: set[str] = set()
    for name in header:
        if fold(name) not in declared | seen:
            yield RowProblem(0, HEADER_UNDECLARED, name)
        seen.add(fold(name))
    for name, column in table.columns.items():
        if name not in wanted and (not column.optional or column.field in _NEEDED):
            yield RowProblem(0, HEADER_MISSING, name)
    fields: set[tuple[str, int, str]] = set()
    for name in wanted:
        column = table.columns[name]
        if column.place in fields:
            yield RowProblem(0, HEADER_TWICE, name)
        fields.add(column.place)


def _known_headers(table: SiteTable) -> set[str]:
    return {fold(name) for header, column in table.columns.items() for name in (header, *column.also)}


def _whole_numbers(cells: pa.Array, column: Column) -> tuple[pa.Array, bool]:
    """Read a column in which every number ends in ``.0`` as the whole numbers that it held before an export.

    Such decimals come from programs that keep a column with gaps as floating point. Ages and measured values can
    have them.
    """
    if column.kind.form in _FLOATS_ARE_DATA:
        return cells, False
    distinct = cells.unique()
    missing = missing_words() | {fold(word) for word in column.missing}
    said = distinct.filter(pa.array([fold(text) not in missing for text in distinct.to_pylist()], pa.bool_()))
    if not len(said) or not pc.all(pc.match_substring_regex(said, _FLOAT)).as_py():
        return cells, False
    return pc.replace_substring_regex(cells, r"^(-?\d+)\.0+$", r"\1"), True


def _with_sound_ids(source: SourceTable, table: SiteTable) -> SourceTable:
    """Set rows aside whose patient id a spreadsheet has made a number of: its digits are not those that were issued."""
    header = next(name for name, column in table.columns.items() if column.field == PATIENT_ID)
    ids = source.cells[header]
    damaged = pc.or_(pc.match_substring_regex(ids, _FLOAT), pc.match_substring_regex(ids, _EXPONENT))
    rows = source.rows.filter(damaged).to_pylist()
    kept = pc.invert(damaged)
    cells = {name: column.filter(kept) for name, column in source.cells.items()}
    problems = sorted(
        [*source.problems, *(RowProblem(row, ID_DAMAGED, header) for row in rows)], key=lambda one: one.row
    )
    return SourceTable(cells, source.rows.filter(kept), tuple(problems), source.notes, source.layout)


def _columns(
    rows: Iterable[Row], width: int, places: set[int]
) -> tuple[dict[int, pa.Array], pa.Array, tuple[RowProblem, ...]]:
    """Turn rows into columns in chunks, so that the text of few rows is in memory twice."""
    chunks: list[pa.RecordBatch] = [_chunk([], [], places)]
    problems: list[RowProblem] = []
    numbers: list[int] = []
    waiting: list[Sequence[str]] = []
    for number, cells, rule in rows:
        if not rule and not any(map(str.strip, cells)):
            continue
        if rule or len(cells) < width or any(map(str.strip, cells[width:])):
            problems.append(RowProblem(number, rule or RAGGED))
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
    for rule, is_odd in ((CELL, _is_no_cell), (SPREADSHEET, _is_error)):
        odd = pa.array([False] * len(chunk), pa.bool_())
        for name in chunk.schema.names:
            if name != ROW:
                odd = pc.or_(odd, is_odd(chunk[name]))
        problems.extend(RowProblem(row, rule) for row in chunk[ROW].filter(odd).to_pylist())
        chunk = chunk.filter(pc.invert(odd))
    return chunk


def _is_no_cell(cells: pa.Array) -> pa.Array:
    return pc.or_(pc.greater(pc.utf8_length(cells), MAX_CELL), pc.match_substring(cells, "\0"))


def _is_error(cells: pa.Array) -> pa.Array:
    return pc.match_substring_regex(cells, _SPREADSHEET_ERROR)
