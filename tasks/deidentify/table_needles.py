"""What a site's clinical tables say of its patients that no image may show: names, numbers, addresses, birth dates.

The columns are found by their headers, declared or not; a file that cannot be read is for harmonize to report.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import NamedTuple

from config.deid import Profile
from config.fields import PATIENT_ID
from config.site_tables import SiteTable
from config.vocab import fold
from tasks.context import BatchContext
from tasks.deidentify.dates import read_date
from tasks.deidentify.needles import contact_needles, date_needles, identifier_needles, name_needles
from tasks.deidentify.pooling import Needles
from tasks.identifiers.needle import Needle
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
Needling = Callable[[str], Iterable[Needle]]


class Sheet(NamedTuple):
    """A table as text: its header, and the cells of its rows."""

    header: Sequence[str]
    rows: Iterable[Sequence[str]]


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
    subject_of = cache(context.pseudonymizer.subject)
    for key in sorted(keys):
        name = key.rsplit("/", 1)[-1]
        table = next((one for one in context.site.tables if fnmatchcase(name.lower(), one.pattern.lower())), None)
        if table is None:
            continue
        for patient, needles in needles_in(sheet_of(context.raw.read(key), name, table), table, context.profile):
            found.setdefault(subject_of(patient), set()).update(needles)
    return {subject: frozenset(needles) for subject, needles in found.items() if needles}


def needles_in(sheet: Sheet, table: SiteTable, profile: Profile) -> Iterator[tuple[str, Iterable[Needle]]]:
    """Give the patient id and the needles of each row that has an id, unless another row said just the same.

    A declared column is a code, a date or a number, whatever its header says; of these only the id is a needle. Dates
    of stays and tests are not searched for: those of objects move, and text keeps none.
    """
    ids, told = _columns(sheet.header, table, profile)
    of_id = _remembering(identifier_needles)
    places = [*ids, *told]
    seen: set[tuple[str, ...]] = set()
    for row in sheet.rows:
        cells = tuple(_whole(row[place].strip()) if place < len(row) else "" for place in places)
        patient = next(filter(None, cells[: len(ids)]), "")
        if not patient or cells in seen:
            continue
        seen.add(cells)
        found = [
            needle for cell, needling in zip(cells[len(ids) :], told.values(), strict=True) for needle in needling(cell)
        ]
        yield patient, [*of_id(patient), *found]


def _columns(header: Sequence[str], table: SiteTable, profile: Profile) -> tuple[list[int], dict[int, Needling]]:
    """Give the places of the patient's id, and of what tells of a person, with what makes needles of a cell."""
    declared = {fold(word): column for name, column in table.columns.items() for word in (name, *column.also)}
    ids = [at for at, name in enumerate(header) if fold(name) in declared and declared[fold(name)].field == PATIENT_ID]
    told = {at: _needling(name, profile) for at, name in enumerate(header) if fold(name) not in declared}
    return ids, {at: _remembering(needling) for at, needling in told.items() if needling}


def _remembering(needling: Needling) -> Needling:
    """Give a function that makes the needles of a text once, as long as not too many others come between."""
    return lru_cache(maxsize=1 << 15)(lambda cell: tuple(needling(cell)))


def _needling(header: str, profile: Profile) -> Needling | None:
    """Give what makes needles of the cells of a column that nobody declared, or null if it tells of no person."""
    words = _WORDS.sub(" ", _CAPITAL.sub(" ", header)).lower()
    if CONTACT.search(words):
        return contact_needles
    if BIRTH.search(words):
        return lambda cell: (needle for day in sorted(_days(cell)) for needle in date_needles(day, profile))
    if NAME.search(words) and not OF_A_THING.search(words):
        return name_needles
    return identifier_needles if IDENTIFIER.search(words) else None


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


def sheet_of(content: bytes, name: str, table: SiteTable) -> Sheet:
    """Give a file as text; one that cannot be read has no rows.

    Rows that harmonize cannot use are among them: they tell of people all the same.
    """
    layout = Layout(table.format or "", table.encoding or "", table.delimiter or "", table.sheet or "")
    wanted = frozenset(fold(word) for header, column in table.columns.items() for word in (header, *column.also))
    try:
        if content.strip():
            parsed = parse(content, name, layout, wanted)
            return Sheet(parsed.header, [cells for _, cells, _ in parsed.rows])
    except UnreadableTableError:
        pass
    return Sheet((), ())


def _whole(cell: str) -> str:
    """Give a whole number that a spreadsheet made a fraction of as it was."""
    return cell.removesuffix(".0") if _FRACTION.fullmatch(cell) else cell
