"""What one expectation said of one table: counts and positions of rows, never a value."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from config.rules import Severity


def positions(rows: Iterable[int] = ()) -> pa.Array:
    """Give the positions of rows in their table."""
    return pa.array(rows, pa.int64())


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one expectation.

    `place` names the columns, empty for the whole table. `failed` counts the rows that break the rule, or is 1 where
    a table breaks it as a whole. `rows` are the positions of those rows. `broken` tells that the expectation could not
    be decided, which is never a pass.
    """

    table: str
    rule_id: str
    severity: Severity
    place: str
    text: str
    success: bool
    failed: int = 0
    rows: pa.Array = field(default_factory=positions)
    broken: bool = False

    @property
    def where(self) -> str:
        """The place with its table, as findings name it."""
        return f"{self.table}.{self.place}" if self.place else self.table

    @property
    def stops(self) -> bool:
        """Whether this stops the batch: a gate, or what no row can be held for."""
        if self.success:
            return False
        if self.broken or self.severity is Severity.GATE:
            return True
        return self.severity is Severity.BLOCK and not len(self.rows)
