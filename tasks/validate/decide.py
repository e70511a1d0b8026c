"""From outcomes to decisions: which rows are held and for which rules, and what stops the batch. No data is changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from config.rules import Severity
from expectations.schemas.catalog import BATCH
from tasks.validate.outcome import Outcome

WHOLES = (  # a whole is released whole: what its row counts must all be there
    ("imaging_instance", "series_uid", "imaging_series"),
    ("imaging_series", "study_uid", "imaging_study"),
)

Held = dict[str, dict[int, frozenset[str]]]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from the outcomes.

    `held` gives the rules for every held row by table and position: those that the row breaks itself, and those of the
    rows that it hangs on. `gates` are the outcomes that stop the batch, `warnings` those that are only reported.
    """

    held: Mapping[str, Mapping[int, frozenset[str]]]
    gates: tuple[Outcome, ...]
    warnings: tuple[Outcome, ...]

    def rules_of(self, table: str) -> Mapping[int, frozenset[str]]:
        """Give the rules of every held row of a table by its position."""
        return self.held.get(table, {})


def decide(outcomes: Sequence[Outcome], tables: Mapping[str, pa.Table]) -> Decision:
    """Decide which rows are held and whether the batch stops.

    Held are the rows that break a rule of severity block; every row that references a held row, to any depth; and the
    study and series of which a series or instance is held.
    """
    gates = tuple(outcome for outcome in outcomes if outcome.stops)
    warnings = tuple(outcome for outcome in outcomes if not outcome.success and outcome.severity is Severity.WARN)
    held: Held = {name: {} for name in tables}
    for outcome in outcomes:
        if outcome.severity is Severity.BLOCK:
            for row in outcome.rows:
                held[outcome.table][row] = held[outcome.table].get(row, frozenset()) | {outcome.rule_id}
    if not gates:
        while any([_spread(held, tables, link) for link in _links(tables)]):  # noqa: C419 -- every link, each time
            pass
    return Decision(held, gates, warnings)


@dataclass(frozen=True, slots=True)
class _Link:
    """Rows of `target` are held with the rows of `source` that have the same value in these columns."""

    source: str
    source_column: str
    target: str
    target_column: str


def _links(tables: Mapping[str, pa.Table]) -> Iterator[_Link]:
    for name in tables:
        for reference in BATCH[name].references:
            yield _Link(reference.table, BATCH[reference.table].key[0], name, reference.column)
    for part, column, whole in WHOLES:
        yield _Link(part, column, whole, column)


def _spread(held: Held, tables: Mapping[str, pa.Table], link: _Link) -> bool:
    """Hold what hangs on held rows by one link; tells whether anything new is held, or held for another rule."""
    if not held[link.source]:
        return False
    rules = _rules_by_value(held[link.source], tables[link.source].column(link.source_column))
    values = tables[link.target].column(link.target_column)
    hit = pc.indices_nonzero(pc.is_in(values, value_set=pa.array(list(rules), values.type)))
    changed = False
    for row in hit.to_pylist():
        before = held[link.target].get(row, frozenset())
        after = before | rules[values[row].as_py()]
        changed |= after != before
        held[link.target][row] = after
    return changed


def _rules_by_value(held: Mapping[int, frozenset[str]], values: pa.ChunkedArray) -> dict[object, frozenset[str]]:
    rules: dict[object, frozenset[str]] = {}
    for row, of_row in held.items():
        value = values[row].as_py()
        if value is not None:
            rules[value] = rules.get(value, frozenset()) | of_row
    return rules
