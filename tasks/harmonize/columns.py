"""Which columns of a file tell of one thing: by kind of record, by slot of a wide row, and by what was measured."""

from collections.abc import Iterable, Mapping

from config.fields import DETAIL, EVENT, EVENT_DETAIL, EVENT_KINDS, KINDS, MAXIMUM
from config.site_tables import Column, SiteTable
from config.vocab.terms import MEASUREMENT

APART = 1000  # records that share the slot of a row differ by a multiple of it
Columns = Mapping[str, tuple[str, Column]]  # by attribute: header and declaration


def columns_of(kind: str, table: SiteTable, headers: Iterable[str]) -> dict[int, dict[str, tuple[str, Column]]]:
    """Give, by number of the record in its row and by attribute, the columns that tell of a kind.

    Being there at all tells of the subject. In a wide row, measurements are told apart by their names and share the
    columns of their slot that name none, such as a date; the highest support is apart from support with times.
    """
    found: dict[int, dict[str, tuple[str, Column]]] = {}
    shared: list[tuple[int, str, str, Column]] = []
    if table.shape == "long" or kind == "subject":
        found[1] = {}
    for header in headers:
        column = table.columns[header]
        attribute = _attribute(kind, column)
        if attribute == MAXIMUM:
            found.setdefault(column.slot + APART, {})["device"] = (header, column)
        elif column.name and attribute:
            found.setdefault(_named(column), {})[attribute] = (header, column)
        elif attribute:
            shared.append((column.slot, attribute, header, column))
    _share(found, shared)
    return found


def _share(found: dict[int, dict[str, tuple[str, Column]]], shared: Iterable[tuple[int, str, str, Column]]) -> None:
    """Add columns without a name to every named record of their slot, or, if there is none, to a record of its own."""
    named = {number for number in found if number > APART and "device" not in found[number]}
    for slot, attribute, header, column in shared:
        theirs = [number for number in named if number % APART == slot]
        for number in theirs or [slot]:
            found.setdefault(number, {}).setdefault(attribute, (header, column))


def _attribute(kind: str, column: Column) -> str:
    """Give the attribute of a kind that a column is, or nothing."""
    owner, _, attribute = column.field.partition(".")
    if column.field == EVENT_DETAIL:
        owner, attribute = EVENT, DETAIL.get(kind, "")
    is_of_any = owner == EVENT and kind in EVENT_KINDS and attribute in KINDS[kind]
    return attribute if owner == kind or is_of_any else ""


def _named(column: Column) -> int:
    return column.slot + APART * (1 + MEASUREMENT.index(column.name))
