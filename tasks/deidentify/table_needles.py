"""What a site's clinical tables say of its patients that no image may show: names, numbers, addresses, birth dates.

The columns are found by their headers, declared or not; a file that cannot be read is for harmonize to report.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from fnmatch import fnmatchcase

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from config.deid import Profile
from config.fields import PATIENT_ID, Form
from config.site_tables import Column, SiteTable
from config.vocab import fold
from tasks.context import BatchContext
from tasks.deidentify.dates import read_date
from tasks.deidentify.needles import Needle, contact_needles, date_needles, identifier_needles, name_needles
from tasks.deidentify.pooling import Needles

# Headers in small letters, their words apart.
NAME = re.compile(
    r"\b(name|names|surname|forename|given|family|maiden|physician|doctor|consultant|gp|mother|father|kin)\b"
)
OF_A_THING = re.compile(r"\b(test|drug|study|protocol|procedure|device|file|site|ward|unit|series|history)\b")
IDENTIFIER = re.compile(r"\b(id|ids|mrn|no|nr|number|accession|nhs|ssn|passport|insurance|encounter|identifier)\b")
CONTACT = re.compile(r"\b(address|street|phone|telephone|tel|mobile|fax|email|mail)\b")
BIRTH = re.compile(r"\b(birth|dob|born|birthdate|birthday)\b")
_WORDS = re.compile(r"[\W_]+")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DELIMITERS = ",;\t|"
_DAYS = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y")
Rows = Iterable[Mapping[str, str]]


def harvest_tables(keys: Iterable[str], context: BatchContext) -> dict[str, Needles]:
    """Give the needles of every subject of a batch's clinical tables.

    Parameters
    ----------
    keys
        The tables in the raw store.

    Raises
    ------
    StoreError
        If a table cannot be had from the raw store.
    """
    found: dict[str, set[Needle]] = {}
    for key in sorted(keys):
        name = key.rsplit("/", 1)[-1]
        table = next((one for one in context.site.tables if fnmatchcase(name.lower(), one.pattern.lower())), None)
        if table is None:
            continue
        for patient, needles in needles_in(rows_of(context.raw.read(key), name, table), table, context.profile):
            found.setdefault(context.pseudonymizer.subject(patient), set()).update(needles)
    return {subject: frozenset(needles) for subject, needles in found.items() if needles}


def needles_in(rows: Rows, table: SiteTable, profile: Profile) -> Iterator[tuple[str, list[Needle]]]:
    """Give the patient id and the needles of each row that has an id.

    A declared column is a code, a date or a number, whatever its header says; the id and the dates are needles.
    """
    declared = {fold(header): column for header, column in table.columns.items()}
    for row in rows:
        cells = [(fold(header), header, cell.strip()) for header, cell in row.items()]
        patient = next((cell for name, _, cell in cells if name in declared and declared[name].field == PATIENT_ID), "")
        if patient:
            found = [
                needle
                for name, header, cell in cells
                for needle in _needles_in_cell(declared.get(name), header, cell, profile)
            ]
            yield patient, [*identifier_needles(patient), *found]


def _needles_in_cell(column: Column | None, header: str, cell: str, profile: Profile) -> Iterator[Needle]:
    if column is None:
        yield from _needles_of(header, cell, profile)
    elif column.kind.form is Form.DATE:
        yield from _date_needles(cell, profile)


def _needles_of(header: str, cell: str, profile: Profile) -> Iterator[Needle]:
    words = _WORDS.sub(" ", _CAPITAL.sub(" ", header)).lower()
    if CONTACT.search(words):
        yield from contact_needles(cell)
    elif BIRTH.search(words):
        yield from _date_needles(cell, profile)
    elif NAME.search(words) and not OF_A_THING.search(words):
        yield from name_needles(cell)
    elif IDENTIFIER.search(words):
        yield from identifier_needles(cell)


def _date_needles(cell: str, profile: Profile) -> Iterator[Needle]:
    for day in sorted(_days(cell)):
        yield from date_needles(day, profile)


def _days(cell: str) -> set[date]:
    """Give every day that a cell can mean: which number is the month is not known here."""
    text = cell.split("T", maxsplit=1)[0].split(" 00:", maxsplit=1)[0]
    found = {read_date(text)}
    for form in _DAYS:
        try:
            found.add(datetime.strptime(text, form).date())  # noqa: DTZ007 -- a day has no zone
        except ValueError:
            continue
    return {day for day in found if day}


def rows_of(content: bytes, name: str, table: SiteTable) -> Rows:
    """Give the rows of a file by header, as text; none of a file that cannot be read."""
    ending = table.format or name.rsplit(".", 1)[-1].lower()
    try:
        match ending:
            case "xlsx":
                return list(_of_sheet(content, table))
            case "parquet":
                return [_texts(row) for row in pq.read_table(pa.BufferReader(content)).to_pylist()]
            case "json" | "jsonl":
                return [_texts(row) for row in _of_lines(content.decode("utf-8-sig"))]
            case _:
                return list(_of_text(content, table))
    except (ValueError, KeyError, TypeError, OSError, csv.Error, zipfile.BadZipFile, pa.ArrowException):
        return []


def _of_text(content: bytes, table: SiteTable) -> Iterator[dict[str, str]]:
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if is_wide else table.encoding or "utf-8-sig").lstrip("\ufeff")
    first = text.split("\n", 1)[0]
    delimiter = table.delimiter or max(_DELIMITERS, key=first.count)
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", restval=""):
        yield {header: cell for header, cell in row.items() if isinstance(cell, str)}


def _of_sheet(content: bytes, table: SiteTable) -> Iterator[dict[str, str]]:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    rows = iter((book[table.sheet] if table.sheet else book.worksheets[0]).values)
    header: Sequence[object] = next(rows, ())
    for row in rows:
        yield _texts(dict(zip(map(str, header), row, strict=False)))


def _of_lines(text: str) -> Iterator[Mapping[str, object]]:
    listed = (
        json.loads(text) if text.lstrip().startswith("[") else map(json.loads, filter(str.strip, text.splitlines()))
    )
    return (row for row in listed if isinstance(row, dict))


def _texts(row: Mapping[str, object]) -> dict[str, str]:
    return {str(header): _text(cell) for header, cell in row.items() if cell is not None}


def _text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat()[:10] if isinstance(cell, date) else str(cell)
