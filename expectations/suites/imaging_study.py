"""The suite of the imaging_study table."""

from great_expectations import ExpectationSuite

from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema


def suite() -> ExpectationSuite:
    """Give the suite."""
    table = BATCH["imaging_study"]
    return assemble(table, from_schema(table, empty="S-EMPTY"))
