"""The suite of the subject table."""

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite

from config.vocab import small_zip3
from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema
from expectations.suites.rule import bound


def suite() -> ExpectationSuite:
    """Give the suite."""
    table = BATCH["subject"]
    return assemble(
        table,
        [
            *from_schema(table, empty="S-EMPTY"),
            bound(
                gxe.ExpectColumnValuesToNotBeInSet,
                "D-ZIP",
                "zip3 is no area of 20 000 people or fewer",
                table=table.name,
                column="zip3",
                value_set=sorted(small_zip3()),
            ),
        ],
    )
