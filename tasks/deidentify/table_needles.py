"""What a site's clinical tables say of its patients that no image may show: names, numbers, addresses, birth dates.

The columns are found by their headers, declared or not; a file that cannot be read is for harmonize to report.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from fnmatch import fnmatchcase

from config.deid import Profile
from config.fields import PATIENT_ID, Form
from config.site_tables import Column, SiteTable
from config.vocab import fold
from tasks.context import BatchContext
from tasks.deidentify.dates import read_date
from tasks.deidentify.needles import Needle, contact_needles, date_needles, identifier_needles, name_needles
from tasks.deidentify.pooling import Needles
from tasks.tables.formats import parse
from tasks.tables.model import Layout, UnreadableTableError

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
_FRACTION = re.compile(r"\d+\.0")
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
    declared = {fold(word): column for header, column in table.columns.items() for word in (header, *column.also)}
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
    """Give the rows of a file by header, as text; none of a file that cannot be read.

    Rows that harmonize cannot use are among them: they tell of people all the same.
    """
    layout = Layout(table.format or "", table.encoding or "", table.delimiter or "", table.sheet or "")
    wanted = frozenset(fold(word) for header, column in table.columns.items() for word in (header, *column.also))
    try:
        if not content.strip():
            return []
        parsed = parse(content, name, layout, wanted)
        return [dict(zip(parsed.header, map(_whole, cells), strict=False)) for _, cells, _ in parsed.rows]
    except UnreadableTableError:
        return []


def _whole(cell: str) -> str:
    """Give a whole number that a spreadsheet made a fraction of as it was."""
    return cell.removesuffix(".0") if _FRACTION.fullmatch(cell) else cell
