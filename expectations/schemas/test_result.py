"""One row per test."""

import pyarrow as pa

from expectations.schemas.table import Reference, Sensitivity, Table, column
from expectations.schemas.vocabulary import TEST_CLASS, TEST_RESULT

SENSITIVE = Sensitivity.SENSITIVE

TABLE = Table(
    "test_result",
    "One row per test of a subject.",
    ("test_id",),
    pa.schema(
        [
            column("test_id", pa.string(), "Digest of the test's content"),
            column("subject_id", pa.string(), "Subject"),
            column("test_name", pa.string(), "What was tested for, such as COVID-19"),
            column("test_class", pa.string(), "Kind of assay or proof", values=TEST_CLASS),
            column("loinc_code", pa.string(), "LOINC code of the test", null="not sent", source="LOINC"),
            column("result", pa.string(), "Result", values=TEST_RESULT, sensitivity=SENSITIVE),
            column("result_raw", pa.string(), "The site's text, once scrubbed", null="not kept"),
            column("value", pa.float64(), "Measured value", null="not a measurement", sensitivity=SENSITIVE),
            column("unit", pa.string(), "UCUM unit of value", null="not a measurement", source="UCUM"),
            column(
                "day",
                pa.int32(),
                "Day of the sample, counted from the index event",
                unit="d",
                null="unknown",
                sensitivity=Sensitivity.QUASI_IDENTIFIER,
            ),
        ]
    ),
    (Reference("subject_id", "subject"),),
)
