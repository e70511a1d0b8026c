"""The suite of the subject table."""

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite

from config.vocab import small_zip3
from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema
from expectations.suites.rule import bound, keeps


def suite() -> ExpectationSuite:
    """Give the suite."""
    table = BATCH["subject"]
    return assemble(
        table,
        [
            *from_schema(table, empty="S-EMPTY"),
            keeps("D-AGE-89", "age_at_index is null if the age is over 89 or unknown, and only then"),
            keeps(
                "D-SEX-DICOM",
                "sex agrees with Patient's Sex of every image, and the images with one another, "
                "where they say female or male",
            ),
            bound(
                gxe.ExpectColumnValuesToNotBeInSet,
                "D-ZIP",
                "zip3 is no area of 20 000 people or fewer",
                column="zip3",
                value_set=sorted(small_zip3()),
            ),
            keeps("D-ZIP", "zip3 stands with country US only", "country"),
            keeps("C-FLAG-DERIVED", "ever_icu is Yes if and only if clinical_event has an ICU stay", "ever_icu"),
            keeps(
                "C-FLAG-DERIVED",
                "ever_ventilated is Yes if and only if clinical_event has invasive ventilation or ECMO",
                "ever_ventilated",
            ),
            keeps("C-INDEX", "A subject of whom any day is known has an index event"),
            keeps(
                "T-COVID-POS",
                "covid19_status Positive has a positive test or a COVID-19 diagnosis; "
                "Negative has a negative naat or antigen test and neither",
            ),
            keeps("T-ANTIBODY", "covid19_status is not Positive by an antibody alone"),
            keeps(
                "T-LONG-COVID",
                "A long COVID diagnosis is after the first positive test, and its subject's covid19_status is Positive",
            ),
            keeps(
                "T-INDEX-TEST",
                "A subject whose index event is a COVID-19 test has a test on day 0, where the batch has tests",
            ),
        ],
    )
