"""The suite of the imaging_instance table, which has millions of rows: each check is counted in one pass by a query."""

from great_expectations import ExpectationSuite

from config.rules import Severity
from expectations.schemas.catalog import BATCH
from expectations.suites.checks import Check
from expectations.suites.demands import demands_of
from expectations.suites.derive import check_of
from expectations.suites.facts import suite_of_facts

TABLE = BATCH["imaging_instance"]
ROWS = Check(TABLE.name, "S-EMPTY", "The table has rows when the batch has de-identified images")
LEDGER = Check(TABLE.name, "I-COUNT", "There is one row for each de-identified instance that the ledger counts")
OBJECT = Check(TABLE.name, "I-COUNT", "Digests and size are those of the de-identified object", "sha256+md5+size")
TREE = Check(TABLE.name, "I-UID-TREE", "Study and subject are those of the series, and the subject that of the study")
AGE_UNIT = Check(
    TABLE.name,
    "D-AGE-UNIT",
    "Patient's Age was read with its unit: it is in completed years up to 89, over 89, or unknown",
)
SAME_PIXELS = Check(TABLE.name, "I-DUP-PIXEL", "No two instances of a subject have the same pixels", "pixel_sha256")
SHARED_PIXELS = Check(
    TABLE.name,
    "I-DUP-PIXEL",
    "No two subjects have an instance with the same pixels",
    "subject_id+pixel_sha256",
    severity=Severity.BLOCK,
)
OWN = (ROWS, LEDGER, OBJECT, TREE, AGE_UNIT, SAME_PIXELS, SHARED_PIXELS)


def suite() -> ExpectationSuite:
    """Give the suite."""
    derived = [check_of(TABLE, demand) for demand in demands_of(TABLE)]
    return suite_of_facts(TABLE.name, TABLE.description, [*derived, *OWN])
