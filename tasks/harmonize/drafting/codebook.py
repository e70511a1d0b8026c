"""Data dictionaries and code books that sites send beside their tables, in the layouts that are common."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from config.vocab import fold
from config.vocab.headers import codebook_roles, words_of

_PARTS = re.compile(r"\s*[|;\n]\s*")
_PAIR = re.compile(r"\s*([^=:,]{1,20}?)\s*[=:,]\s*(.+?)\s*", re.DOTALL)
_ORDERS = {"dmy": "dmy", "mdy": "mdy", "ymd": "iso", "ddmmyyyy": "dmy", "mmddyyyy": "mdy", "yyyymmdd": "iso"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a code book says of one column; `choices` is label by code."""

    label: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    date_order: str = ""
    is_identifier: bool = False


Codebook = Mapping[str, Entry]


def is_codebook(header: Sequence[str]) -> bool:
    """Tell by its header whether a table describes columns: a name of a variable, and its label or its choices."""
    roles = set(_roles(header))
    return "variable" in roles and bool(roles & {"label", "choices", "meaning"}) and len(header) > 1


def read_codebook(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Codebook:
    """Give what a code book says, by folded header; several rows on one variable each add a code."""
    places = _roles(header)
    found: dict[str, Entry] = {}
    for row in rows:
        cells = {role: row[at].strip() for role, at in places.items() if at < len(row)}
        name = fold(cells.get("variable", ""))
        if name:
            found[name] = _joined(found.get(name, Entry()), cells)
    return found


def _roles(header: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for at, name in enumerate(header):
        role = codebook_roles().get(words_of(name))
        if role:
            places.setdefault(role, at)
    return places


def _joined(before: Entry, cells: Mapping[str, str]) -> Entry:
    choices = dict(before.choices) | choices_of(cells.get("choices", ""))
    meaning = cells.get("meaning") or (cells.get("label", "") if before.label else "")
    if cells.get("code") and meaning:
        choices[cells["code"]] = meaning
    order = next((_ORDERS[word] for word in _order_words(cells.get("validation", ""))), before.date_order)
    is_identifier = before.is_identifier or fold(cells.get("identifier", "")) in {"y", "yes", "1"}
    return Entry(before.label or cells.get("label", ""), choices, order, is_identifier)


def _order_words(text: str) -> list[str]:
    joined = [*words_of(text), "".join(words_of(text))]
    return [word for word in joined if word in _ORDERS]


def choices_of(text: str) -> dict[str, str]:
    """Give label by code from one cell: ``0, Female | 1, Male``, ``0=Female; 1=Male``, one per line."""
    pairs = [_PAIR.fullmatch(part) for part in _PARTS.split(text) if part]
    return {pair[1]: pair[2] for pair in pairs if pair} if all(pairs) else {}
