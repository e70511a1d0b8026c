"""The suite of the clinical_event table."""

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite

from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema
from expectations.suites.rule import bound


def suite() -> ExpectationSuite:
    """Give the suite."""
    table = BATCH["clinical_event"]
    return assemble(
        table,
        [
            *from_schema(table, empty="S-NO-CLINICAL"),
            bound(
                gxe.ExpectColumnPairValuesAToBeGreaterThanB,
                "C-STAY-ORDER",
                "An interval does not end before it starts",
                table=table.name,
                column_A="end_day",
                column_B="start_day",
                or_equal=True,
                ignore_row_if="either_value_is_missing",
            ),
        ],
    )
