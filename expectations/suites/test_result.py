"""The suite of the test_result table."""

from great_expectations import ExpectationSuite

from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema


def suite() -> ExpectationSuite:
    """Give the suite."""
    table = BATCH["test_result"]
    return assemble(table, from_schema(table, empty="S-NO-CLINICAL"))
