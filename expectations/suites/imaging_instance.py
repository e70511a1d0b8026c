"""The suite of the imaging_instance table."""

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite

from config.rules import Severity
from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema
from expectations.suites.rule import bound, keeps

INSTANCES = {"$PARAMETER": "instances"}


def suite() -> ExpectationSuite:
    """Give the suite; the run's parameter ``instances`` is the number of released candidates in the settled ledger."""
    table = BATCH["imaging_instance"]
    return assemble(
        table,
        [
            *from_schema(table, empty="S-EMPTY"),
            bound(
                gxe.ExpectTableRowCountToEqual,
                "I-COUNT",
                "There is one row for each de-identified instance that the ledger counts",
                value=INSTANCES,
            ),
            keeps("I-COUNT", "sha256 and size are those of the de-identified object that the ledger names"),
            keeps(
                "I-UID-TREE",
                "A study has one subject, a series one study, and all tables tell the same of an instance",
            ),
            keeps("I-DUP-PIXEL", "No two instances of a subject have the same pixels"),
            keeps(
                "I-DUP-PIXEL",
                "No two subjects have an instance with the same pixels",
                "subject_id",
                severity=Severity.BLOCK,
            ),
        ],
    )
