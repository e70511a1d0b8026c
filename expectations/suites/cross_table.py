"""The suite of what one cell does not tell: rules that span columns, rows, tables, or the batches of a site."""

from great_expectations import ExpectationSuite

from config.marginals import marginals
from expectations.schemas.catalog import BATCH
from expectations.suites.checks import COMPLETE, DRIFT, Check
from expectations.suites.derive import counted
from expectations.suites.facts import suite_of_facts

NAME = "cross_table"
APART = ("imaging_instance", "lineage")  # the one is counted in one pass, the other stays private
DESCRIPTION = "What one cell does not tell: rules that span columns, rows, tables, or the batches of a site."

SUBJECT = (
    Check("subject", "D-AGE-89", "age_at_index is null if the age is over 89 or unknown, and only then"),
    Check(
        "subject",
        "D-SEX-DICOM",
        "sex agrees with Patient's Sex of every image, and the images with one another, where they say female or male",
    ),
    Check("subject", "D-ZIP", "zip3 stands with country US only", "country"),
    Check("subject", "C-FLAG-DERIVED", "ever_icu is Yes if and only if clinical_event has an ICU stay", "ever_icu"),
    Check(
        "subject",
        "C-FLAG-DERIVED",
        "ever_ventilated is Yes if and only if clinical_event has invasive ventilation or ECMO",
        "ever_ventilated",
    ),
    Check("subject", "C-INDEX", "A subject of whom any day is known has an index event"),
    Check(
        "subject",
        "T-COVID-POS",
        "covid19_status Positive has a positive test or a COVID-19 diagnosis; "
        "Negative has a negative naat or antigen test and neither",
    ),
    Check("subject", "T-ANTIBODY", "covid19_status is not Positive by an antibody alone"),
    Check(
        "subject",
        "T-LONG-COVID",
        "A long COVID diagnosis is after the first positive test, and its subject's covid19_status is Positive",
    ),
    Check(
        "subject",
        "T-INDEX-TEST",
        "A subject whose index event is a COVID-19 test has a test on day 0, where the batch has tests",
    ),
)
CLINICAL = (
    Check(
        "clinical_event",
        "C-ICU-IN-HOSP",
        "An ICU stay lies inside a hospital stay of the same subject, give or take a day",
    ),
    Check(
        "clinical_event",
        "C-VENT-IN-STAY",
        "Invasive ventilation and ECMO lie inside a hospital stay of the same subject, and inside an ICU stay "
        "unless the site ventilates outside of it",
    ),
    Check("clinical_event", "C-LOS", "A hospital or ICU stay is at most 365 days long"),
    Check("clinical_event", "C-OVERLAP", "Hospital stays of one subject do not overlap, nor do its ICU stays"),
    Check(
        "clinical_event",
        "C-REPEAT",
        "There is one row for each distinct event that the source tables sent, and none is lost",
    ),
    Check(
        "clinical_event",
        "C-DEATH",
        "Nothing starts after death, a discharge as expired has a death on its day, and nobody dies twice",
    ),
    Check(
        "test_result",
        "T-NEG-POS",
        "Tests of one class on one day of a subject are not both positive and negative",
    ),
)
IMAGING = (
    Check("imaging_study", "D-AGE-89", "age_at_study is null if the age is over 89 or unknown, and only then"),
    Check("imaging_study", "D-AGE-AGREE", "age_at_study is age_at_index and the days between, within one year"),
    Check(
        "imaging_study",
        "D-AGE-DICOM",
        "Patient's Age of every image is age_at_index and the days between, within one year",
    ),
    Check("imaging_study", "I-STUDY-DAY", "day is Shifted Study Date minus the shifted index date of the subject"),
    Check(
        "imaging_study",
        "I-TEST-DELTA",
        "days_to_positive_tests are the days of the positive tests",
        "days_to_positive_tests",
    ),
    Check(
        "imaging_study",
        "I-TEST-DELTA",
        "days_to_negative_tests are the days of the negative tests",
        "days_to_negative_tests",
    ),
    Check(
        "imaging_study",
        "I-COUNT",
        "n_series and n_instances are the numbers of rows in imaging_series and imaging_instance",
    ),
    Check("imaging_study", "L-LOINC-CHECK", "loinc_code has a valid check digit and is an active code of the table"),
    Check("imaging_study", "L-LOINC-ATTR", "Name, system, method and contrast are those of loinc_code"),
    Check(
        "imaging_study", "L-LOINC-UNIQUE", "A description that is known has one code in all studies of its modalities"
    ),
    Check(
        "imaging_series", "I-COUNT", "n_instances and n_bytes are the number and size of its rows in imaging_instance"
    ),
    Check("imaging_series", "I-BODYPART", "The body part belongs to the region of the LOINC code of the study"),
    Check(
        "imaging_series",
        "I-MODALITY",
        "CR, DX and CT have the SOP classes of their modality, and no other modality has them",
    ),
    Check(
        "imaging_series",
        "I-UID-REFS",
        "Each new UID, also of what an image refers to, was made of one source UID and is none itself",
    ),
)
WHOLE = tuple(
    check
    for one in marginals()
    for check in (
        Check(
            one.table,
            COMPLETE,
            f"{one.column} holds a value in at least {one.least_share:.0%} of the rows, or the share of the site file",
            one.column,
        ),
        Check(
            one.table,
            DRIFT,
            f"Values of {one.column} are spread as in the site's other batches, to a distance of {one.most_distance} "
            "(told in thousandths)",
            one.column,
        ),
    )
)
OWN = (*SUBJECT, *CLINICAL, *IMAGING, *WHOLE)


def checks() -> tuple[Check, ...]:
    """Give every check of the suite."""
    of_schemas = (check for name, table in BATCH.items() if name not in APART for check in counted(table))
    return (*of_schemas, *OWN)


def suite() -> ExpectationSuite:
    """Give the suite."""
    return suite_of_facts(NAME, DESCRIPTION, checks())
