"""The suite of the imaging_study table."""

from great_expectations import ExpectationSuite

from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema
from expectations.suites.rule import keeps


def suite() -> ExpectationSuite:
    """Give the suite."""
    table = BATCH["imaging_study"]
    return assemble(
        table,
        [
            *from_schema(table, empty="S-EMPTY"),
            keeps("D-AGE-89", "age_at_study is null if the age is over 89 or unknown, and only then"),
            keeps("D-AGE-AGREE", "age_at_study is age_at_index and the days between, within one year"),
            keeps("D-AGE-DICOM", "Patient's Age of every image is age_at_index and the days between, within one year"),
            keeps("I-STUDY-DAY", "day is Shifted Study Date minus the shifted index date of the subject"),
            keeps("I-TEST-DELTA", "days_to_positive_tests are the days of the positive tests", "positive"),
            keeps("I-TEST-DELTA", "days_to_negative_tests are the days of the negative tests", "negative"),
            keeps("I-COUNT", "n_series and n_instances are the numbers of rows in imaging_series and imaging_instance"),
            keeps("L-LOINC-CHECK", "loinc_code has a valid check digit and is an active code of the table"),
            keeps("L-LOINC-ATTR", "Name, system, method and contrast are those of loinc_code"),
            keeps("L-LOINC-UNIQUE", "A description that is known has one code in all studies of its modalities"),
        ],
    )
