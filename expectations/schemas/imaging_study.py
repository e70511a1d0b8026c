"""One row per imaging study."""

import pyarrow as pa

from expectations.schemas.table import LIST_OF_DAYS, LIST_OF_STRINGS, Reference, Sensitivity, Table, column
from expectations.schemas.vocabulary import LOINC_BASIS, LOINC_CONTRAST, MODALITY

QUASI = Sensitivity.QUASI_IDENTIFIER
WINDOW_DAYS = 60  # fewer possible index dates would nearly name the day

TABLE = Table(
    "imaging_study",
    "One row per imaging study with at least one de-identified instance.",
    ("study_uid",),
    pa.schema(
        [
            column("study_uid", pa.string(), "New Study Instance UID", source="(0020,000D)"),
            column("subject_id", pa.string(), "Subject"),
            column(
                "day",
                pa.int32(),
                "Shifted Study Date minus shifted index date",
                unit="d",
                null="Study Date or index event unknown",
                sensitivity=QUASI,
            ),
            column(
                "study_year",
                pa.int16(),
                "Year of the study, where years and days together leave at least 60 possible index dates",
                unit="a",
                null="unknown, or withheld",
                sensitivity=QUASI,
            ),
            column(
                "age_at_study",
                pa.int16(),
                "Completed years at the study",
                unit="a",
                null="unknown, withheld, or over 89",
                sensitivity=QUASI,
                source="(0010,1010)",
                minimum=0,
                maximum=89,
            ),
            column(
                "age_at_study_gt89",
                pa.bool_(),
                "The age at the study is over 89",
                null="age unknown or withheld",
                sensitivity=QUASI,
                source="(0010,1010)",
            ),
            column("modalities", LIST_OF_STRINGS, "Modalities of the series, sorted", values=MODALITY),
            column(
                "study_description_raw",
                pa.string(),
                "Study Description as released",
                null="removed, absent, or not the same on every instance",
                source="(0008,1030)",
            ),
            column("loinc_code", pa.string(), "LOINC code of the procedure", null="unmapped", source="LOINC"),
            column("loinc_long_common_name", pa.string(), "Its name", null="unmapped", source="LOINC"),
            column("loinc_system", pa.string(), "Its body region", null="unmapped", source="LOINC"),
            column(
                "loinc_contrast",
                pa.string(),
                "Its contrast",
                values=LOINC_CONTRAST,
                null="unmapped or not said",
                source="LOINC",
            ),
            column("loinc_method", pa.string(), "Its method", null="unmapped", source="LOINC"),
            column("loinc_basis", pa.string(), "How the code was found", values=LOINC_BASIS),
            column("loinc_confidence", pa.float32(), "Confidence, 0 to 1", unit="1", null="unmapped"),
            column(
                "days_to_positive_tests",
                LIST_OF_DAYS,
                "Day of each positive test minus day of the study, sorted",
                unit="d",
                sensitivity=QUASI,
            ),
            column(
                "days_to_negative_tests",
                LIST_OF_DAYS,
                "Day of each negative test minus day of the study, sorted",
                unit="d",
                sensitivity=QUASI,
            ),
            column("n_series", pa.int32(), "Number of series", unit="{series}", minimum=1),
            column("n_instances", pa.int32(), "Number of instances", unit="{instance}", minimum=1),
        ]
    ),
    (Reference("subject_id", "subject"),),
)
