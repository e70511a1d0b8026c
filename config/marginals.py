"""Which columns are counted over a batch as a whole, how complete each must be, and how far it may drift."""

from dataclasses import dataclass
from functools import cache

from config.rules import rows_of


@dataclass(frozen=True, slots=True)
class Marginal:
    """One column that is counted.

    `width` is the width of a class of numbers, null where values are counted as they are. `least_share` is the share
    of rows that must hold a value, `most_distance` the Jensen-Shannon distance (base 2) up to which two batches are
    alike.
    """

    table: str
    column: str
    width: int | None
    least_share: float
    most_distance: float
    reason: str

    @property
    def place(self) -> str:
        """Table and column as one word."""
        return f"{self.table}.{self.column}"


@cache
def marginals() -> tuple[Marginal, ...]:
    """Give every column that is counted."""
    return tuple(
        Marginal(
            row["table"],
            row["column"],
            int(row["width"]) if row["width"] else None,
            float(row["least_share"]),
            float(row["most_distance"]),
            row["reason"],
        )
        for row in rows_of("marginals.csv")
    )
