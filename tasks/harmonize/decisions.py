"""What was decided on each column of a file and what for: said to the site, so that it can contradict."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from config.fields import EVENT, Form
from config.site_tables import Column, SiteTable
from tasks.harmonize.dates import voted_order, voting_pairs
from tasks.harmonize.reading import SourceTable

UNDECIDED = "undecided"
_LARGEST_MONTH = 12


@dataclass(frozen=True, slots=True)
class ColumnDecision:
    """How one column was read: the field, what was applied to its cells, and the counts that speak for it."""

    header: str
    field: str
    applied: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Vote:
    """Distinct dates of a column: with a first part over 12, with a second part over 12, with neither."""

    day_first: int
    month_first: int
    open: int

    def __str__(self) -> str:
        return (
            f"{self.day_first} distinct values say that the day comes first, {self.month_first} that the month does, "
            f"{self.open} say neither"
        )


def date_vote(texts: Iterable[str]) -> Vote:
    """Count what distinct texts say of the order of day and month; other texts do not vote."""
    pairs = voting_pairs(texts)
    day_first = sum(first > _LARGEST_MONTH for first, _ in pairs)
    month_first = sum(second > _LARGEST_MONTH for _, second in pairs)
    return Vote(day_first, month_first, len(pairs) - day_first - month_first)


def column_decisions(source: SourceTable, table: SiteTable, cells: pa.Table) -> list[ColumnDecision]:
    """Give the decision on every column that was read, in the order of the site file.

    Parameters
    ----------
    cells
        The source values of this file that lineage tells of, with the mapping that was applied to each.
    """
    mappings = cells.group_by(["kind", "slot", "field", "mapping"]).aggregate([("mapping", "count")]).to_pylist()
    return [
        ColumnDecision(header, column.field, *_decided(column, source.cells[header], mappings))
        for header, column in table.columns.items()
        if header in source.cells
    ]


def _decided(column: Column, cells: pa.Array, mappings: list[dict[str, object]]) -> tuple[str, str]:
    filled = f"{_filled(cells)} cells filled"
    if column.kind.form not in {Form.CODE, Form.CODES, Form.DATE}:
        return column.kind.form.value, filled
    owner, _, attribute = column.field.partition(".")
    applied = sorted(
        str(one["mapping"])
        for one in mappings
        if one["field"] == attribute and one["slot"] == column.slot and owner in {EVENT, one["kind"]} and one["mapping"]
    )
    if column.kind.form is Form.DATE:
        texts = cells.unique().to_pylist()
        return (
            f"{voted_order(texts)} by vote" if column.date == "vote" else column.date,
            f"{filled}; {date_vote(texts)}",
        )
    return ", ".join(dict.fromkeys(applied)) or _declared(column), filled


def _declared(column: Column) -> str:
    """Name what the site file says where no cell shows what was applied."""
    if isinstance(column.codes, str):
        return column.codes
    return "codes of the site file" if column.codes else UNDECIDED


def _filled(cells: pa.Array) -> int:
    count: int = pc.sum(pc.not_equal(cells, ""), min_count=0).as_py()
    return count
