"""The figures of a score as tables for people; what leaked stands beside what was kept."""

from collections.abc import Iterator, Mapping
from typing import Any

Rows = list[dict[str, object]]
_DIGITS = 6


def tables_of(figures: Mapping[str, Any]) -> Iterator[tuple[str, Rows]]:
    """Give the tables with their titles."""
    yield "Score", [{"counted": name, **_flat(figures[name])} for name in ("by instance", "by series")]
    for title in ("leakage", "retention", "identities", "intervals", "unclean", "conformance", "instances"):
        yield title.capitalize(), _rows(figures[title])
    actions = [{"action": action, **_flat(counts)} for action, counts in figures["actions"].items()]
    yield "Actions", actions
    yield "Categories", [dict(row) for row in figures["categories"]]


def _rows(figures: Mapping[str, object] | str) -> Rows:
    if isinstance(figures, str):
        return [{"": figures}]
    return [_flat(figures)]


def _flat(figures: Mapping[str, object]) -> dict[str, object]:
    return {name: _short(value) for name, value in figures.items() if not isinstance(value, Mapping)}


def _short(value: object) -> object:
    if value is None:
        return "none"
    return round(value, _DIGITS) if isinstance(value, float) else value
