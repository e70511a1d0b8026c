"""What holds of every interval of days, whichever table it stands in."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.suites.rule import bound


def in_order(table: str) -> Expectation:
    """Ask that no interval of a table ends before it starts, where both days are known."""
    return bound(
        gxe.ExpectColumnPairValuesAToBeGreaterThanB,
        "C-STAY-ORDER",
        "An interval does not end before it starts",
        table=table,
        column_A="end_day",
        column_B="start_day",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
    )
