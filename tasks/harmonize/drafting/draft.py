"""A draft of a site file from all tables of a batch: what is proposed, how sure, and what a person must decide."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from config.fields import PATIENT_ID
from config.nodes import profile_names
from config.site import Site
from config.site_tables import SiteTable
from config.vocab import fold
from tasks.harmonize.decisions import date_vote
from tasks.harmonize.drafting.arrangement import TableDraft, arranged, best_of
from tasks.harmonize.drafting.codebook import Codebook, Entry, is_codebook, read_codebook
from tasks.harmonize.drafting.headers import languages_of
from tasks.harmonize.drafting.proposals import proposals_of
from tasks.harmonize.drafting.tables import RawTable, Unread, read_tables, rows_of_table
from tasks.harmonize.drafting.values import Setting, is_date
from tasks.harmonize.reading import HEADER_MISSING
from tasks.tables.model import NO_ROWS

_SPECIAL = re.compile(r"([*?\[])")
_DATA = re.compile(r"-?\d+([.,]\d+)?")
_MOSTLY_DATA = 0.3  # share of headers that are numbers or dates from which on the first row is data
_SHORTEST_STEM = 3
_COUNTRIES = {"ja": "JP", "ko": "KR", "tr": "TR", "pl": "PL", "it": "IT", "nl": "NL", "da": "DK", "no": "NO",
              "sv": "SE", "zh": "CN", "ru": "RU", "de": "DE", "fr": "FR", "es": "ES", "pt": "BR"}  # fmt: skip
_SEVERAL = {"de", "fr", "es", "pt", "nl", "zh", "ru", "en"}  # languages of several countries that may contribute


@dataclass(frozen=True, slots=True)
class Country:
    """A proposed country, how sure, and why."""

    code: str
    confidence: float
    evidence: str


@dataclass(frozen=True, slots=True)
class SiteDraft:
    """All that a draft says: its tables by pattern, the site's country and language, files that are not read."""

    code: str
    country: Country
    language: str
    tables: tuple[tuple[str, TableDraft], ...]
    not_read: tuple[tuple[str, str], ...]
    codebooks: tuple[str, ...]
    profile: str = ""


def draft_site(code: str, files: Iterable[tuple[str, bytes]], codebook: Mapping[str, bytes] | None = None) -> SiteDraft:
    """Draft the site file of a site.

    Parameters
    ----------
    files
        The batch's clinical tables by path, one at a time; code books among them are found by their headers.
    codebook
        A code book that lies elsewhere, by name.
    """
    sent = _sorted(files)
    known = dict(sent.codebook)
    for name, content in (codebook or {}).items():
        known |= _book(name, content)
    profile, others = _profile(sent.tables)
    tables = _by_header(others)
    language, country = _language(tables), _country(tables)
    setting = Setting(language, is_us=country.code == "US")
    drafts = [_drafted(table, known, setting) for table in tables]
    not_read = tuple((one.name, one.rule_id) for one in sent.unread)
    named = tuple(zip(_patterns(tables), drafts, strict=True))
    return SiteDraft(code, country, language, named, not_read, tuple(sent.books), profile)


def _drafted(table: RawTable, codebook: Codebook, setting: Setting) -> TableDraft:
    """Draft a table, and again once it is known whose rows they are: only then codes can be shown."""
    proposals = proposals_of(table, codebook, setting)
    patient = best_of(proposals, PATIENT_ID)
    if patient is not None:
        table = table.of_people(patient.header)
        proposals = proposals_of(table, codebook, setting)
    return arranged(table, proposals)


def _profile(tables: Sequence[RawTable]) -> tuple[str, list[RawTable]]:
    """Give the built-in profile that describes some of the tables, and the tables that it does not describe."""
    for name in profile_names():
        described = Site(code="draft", profile=name).tables
        others = [table for table in tables if not any(_describes(one, table) for one in described)]
        if len(others) < len(tables):
            return name, others
    return "", list(tables)


def _describes(declared: SiteTable, table: RawTable) -> bool:
    """Tell whether a file has the name, and all columns that must be there, of a declared table."""
    headers = {fold(header) for header in table.columns}
    needed = ({fold(name), *map(fold, one.also)} for name, one in declared.columns.items() if not one.optional)
    return fnmatchcase(_file_name(table.name).lower(), declared.pattern) and all(names & headers for names in needed)


@dataclass(slots=True)
class _Sent:
    """The files of a batch by what they are: tables, code books and what these say, and what cannot be read."""

    tables: list[RawTable] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    books: list[str] = field(default_factory=list)
    codebook: dict[str, Entry] = field(default_factory=dict)


def _sorted(files: Iterable[tuple[str, bytes]]) -> _Sent:
    sent = _Sent()
    for name, content in files:
        for one in read_tables(name, content) if content.strip() else [Unread(name, NO_ROWS)]:
            if isinstance(one, Unread):
                sent.unread.append(one)
            elif is_codebook(list(one.columns)):
                sent.books.append(_escaped(_file_name(name)))
                sent.codebook |= _book(name, content)
            elif _is_headless(one):
                sent.unread.append(Unread(name, HEADER_MISSING))
            else:
                sent.tables.append(one)
    return sent


def _file_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _is_headless(table: RawTable) -> bool:
    """Tell whether the first row looks like data; it may then hold a patient's values, and is never shown."""
    data = sum(is_date(header) or _DATA.fullmatch(header) is not None for header in table.columns)
    return not table.columns or data / len(table.columns) >= _MOSTLY_DATA


def _book(name: str, content: bytes) -> Codebook:
    found = rows_of_table(name, content)
    return read_codebook(*found) if found else {}


def _by_header(tables: Sequence[RawTable]) -> list[RawTable]:
    """Give one table for files with the same columns: the one with most rows."""
    best: dict[tuple[str, ...], RawTable] = {}
    for table in tables:
        key = (table.layout.format, table.layout.sheet, *table.columns)
        if key not in best or table.rows > best[key].rows:
            best[key] = table
    return list(best.values())


def _patterns(tables: Sequence[RawTable]) -> list[str]:
    """Give a pattern for each table that fits its own file, and no file of another table."""
    names = [_file_name(table.name) for table in tables]
    found = []
    for name in names:
        stem, _, ending = name.rpartition(".")
        start = re.split(r"\d", stem, maxsplit=1)[0].rstrip("_-. ")
        pattern = f"{_escaped(start)}*.{ending}"
        is_clear = not any(fnmatchcase(one.lower(), pattern.lower()) for one in names if one != name)
        found.append(pattern if is_clear and len(start) >= _SHORTEST_STEM else _escaped(name))
    return found


def _escaped(name: str) -> str:
    return _SPECIAL.sub(r"[\1]", name)


def _language(tables: Sequence[RawTable]) -> str:
    votes = languages_of(header for table in tables for header in table.columns)
    return max(sorted(votes), key=lambda one: (votes[one], one == "en")) if votes else "en"


def _country(tables: Sequence[RawTable]) -> Country:
    """Propose a country by language, order of dates, and US postal codes."""
    language = _language(tables)
    votes = [date_vote(facts.texts) for table in tables for facts in table.columns.values()]
    day_first = sum(vote.day_first for vote in votes)
    month_first = sum(vote.month_first for vote in votes)
    order = f"{day_first} dates have the day first, {month_first} the month"
    if language != "en":
        sure = 0.4 if language in _SEVERAL else 0.7
        return Country(_COUNTRIES.get(language, "US"), sure, f"the language of the headers is {language}; {order}")
    if month_first > day_first:
        return Country("US", 0.8, f"the headers are English; {order}")
    if day_first:
        return Country("GB", 0.5, f"the headers are English; {order}")
    return Country("US", 0.4, "the headers are English; no date says more")
