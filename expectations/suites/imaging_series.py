"""The suite of the imaging_series table."""

from great_expectations import ExpectationSuite

from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema
from expectations.suites.rule import keeps


def suite() -> ExpectationSuite:
    """Give the suite."""
    table = BATCH["imaging_series"]
    return assemble(
        table,
        [
            *from_schema(table, empty="S-EMPTY"),
            keeps("I-COUNT", "n_instances and n_bytes are the number and size of its rows in imaging_instance"),
            keeps("I-BODYPART", "The body part belongs to the region of the LOINC code of the study"),
            keeps("I-MODALITY", "CR, DX and CT have the SOP classes of their modality, and no other modality has them"),
        ],
    )
