"""How an expectation is bound to a rule: its id and severity travel with it, and its text reads well in Data Docs."""

from typing import Any, TypeVar

from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from config.rules import Severity, data_rules

E = TypeVar("E", bound=Expectation)
GX_SEVERITY = {
    Severity.GATE: FailureSeverity.CRITICAL,
    Severity.BLOCK: FailureSeverity.CRITICAL,
    Severity.WARN: FailureSeverity.WARNING,
}


def bound(  # noqa: PLR0913 -- what a rule needs to be told of, and what the expectation takes
    kind: type[E],
    rule_id: str,
    text: str,
    *,
    table: str,
    severity: Severity | None = None,
    place: str | None = None,
    **arguments: Any,  # noqa: ANN401 -- the expectation checks each one
) -> E:
    """Make an expectation of one rule.

    Parameters
    ----------
    text
        What must hold, as a sentence without its full stop.
    table
        The table whose rows break the rule.
    severity
        Where it differs from the severity of the rule, because the rule's text says so.
    place
        The columns it is about, where the arguments do not tell.
    arguments
        What the expectation itself takes, such as ``column``.

    Raises
    ------
    KeyError
        If there is no such rule.
    """
    weight = severity or data_rules()[rule_id].severity
    where = place_of(arguments) if place is None else place
    meta = {"rule_id": rule_id, "severity": weight.value, "place": where, "table": table}
    return kind(
        **arguments,
        severity=GX_SEVERITY[weight],
        description=text.replace("$", "$$"),  # Great Expectations reads a description as a template
        meta=meta,
    )


def place_of(arguments: dict[str, object]) -> str:
    """Give the column or columns that an expectation is about; empty for the table as a whole."""
    names = [arguments[name] for name in ("column", "column_A", "column_B") if name in arguments]
    listed = arguments.get("column_list", ())
    return "+".join(map(str, [*names, *(listed if isinstance(listed, list) else ())]))
