"""A suite of facts looks at one row, which has a column for each check: how many rows break its rule.

`tasks.validate` and `tasks.release` count; here stands that each count must be none.
"""

from collections.abc import Iterable

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite

from expectations.suites.checks import Check
from expectations.suites.rule import bound


def suite_of_facts(name: str, description: str, checks: Iterable[Check]) -> ExpectationSuite:
    """Make the suite that each fact is there and is none; no fact, a null or a text is never a pass."""
    listed = list(checks)
    facts = bound(
        gxe.ExpectTableColumnsToMatchSet,
        "S-SCHEMA",
        "There is one fact for each check, and no other",
        column_set=[check.name for check in listed],
        exact_match=True,
        table=name,
    )
    rows = bound(gxe.ExpectTableRowCountToEqual, "S-SCHEMA", "There is one row of facts", value=1, table=name)
    expectations = [facts, rows, *(_none(check) for check in listed)]
    return ExpectationSuite(name=name, expectations=expectations, meta={"table": name, "description": description})


def _none(check: Check) -> gxe.ExpectColumnMaxToBeBetween:
    return bound(
        gxe.ExpectColumnMaxToBeBetween,
        check.rule_id,
        check.text,
        severity=check.severity,
        place=check.place,
        table=check.table,
        column=check.name,
        min_value=0,
        max_value=0,
    )
