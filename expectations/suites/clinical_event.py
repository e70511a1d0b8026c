"""The suite of the clinical_event table."""

from great_expectations import ExpectationSuite

from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema
from expectations.suites.intervals import in_order


def suite() -> ExpectationSuite:
    """Give the suite."""
    table = BATCH["clinical_event"]
    return assemble(table, [*from_schema(table, empty="S-NO-CLINICAL"), in_order(table.name)])
