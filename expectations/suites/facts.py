"""Facts: how many rows break a rule that is counted by a query. A suite of facts looks at one row, a column per check.

`tasks.validate` and `tasks.release` count; here stands what is counted, in words, and that each count must be none.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite

from config.rules import Severity
from expectations.suites.rule import bound


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is counted: the table whose rows break the rule, the rule, and what must hold.

    `place` names the columns, empty for the row as a whole; `part` tells two checks of one rule and place apart;
    `severity` is set where it differs from the severity of the rule, because the rule's text says so.
    """

    table: str
    rule_id: str
    text: str
    place: str = ""
    severity: Severity | None = None
    part: str = ""

    @property
    def name(self) -> str:
        """The name of the fact."""
        return f"{fact(self.table, self.rule_id, self.place)} {self.part}".rstrip()


def fact(table: str, rule_id: str, place: str = "") -> str:
    """Give the name of a fact, such as ``C-FLAG-DERIVED subject.ever_icu``."""
    return f"{rule_id} {table}.{place}" if place else f"{rule_id} {table}"


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
