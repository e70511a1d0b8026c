"""A check is something that is counted, in words; the count is a fact, on which a suite of facts looks.

This module imports no Great Expectations: what counts names its facts by it.
"""

from dataclasses import dataclass

from config.rules import Severity

COMPLETE, DRIFT = "S-COMPLETE", "S-DRIFT"  # of the columns of `config.marginals`


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
