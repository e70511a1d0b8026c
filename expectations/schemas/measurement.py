"""One row per measured value."""

import pyarrow as pa

from expectations.schemas.table import Reference, Sensitivity, Table, column
from expectations.schemas.vocabulary import MEASUREMENT, NOT_REPORTED

SENSITIVE = Sensitivity.SENSITIVE

TABLE = Table(
    "measurement",
    "One row per vital sign, body measure or laboratory value of a subject, in one unit for each kind.",
    ("measurement_id",),
    pa.schema(
        [
            column("measurement_id", pa.string(), "Digest of the measurement's content"),
            column("subject_id", pa.string(), "Subject"),
            column("measurement_name", pa.string(), "What was measured", values=(*MEASUREMENT, NOT_REPORTED)),
            column(
                "loinc_code",
                pa.string(),
                "LOINC code as sent, else that of the name",
                null="not known what was measured",
                source="LOINC",
            ),
            column(
                "value",
                pa.float64(),
                "Value in unit, converted from unit_raw",
                null="could not be converted; such a row is held",
                sensitivity=SENSITIVE,
            ),
            column("unit", pa.string(), "Unit of value", null="could not be converted", source="UCUM"),
            column("unit_raw", pa.string(), "Unit that the value was sent in", null="not sent or not known"),
            column(
                "day",
                pa.int32(),
                "Day of the measurement, counted from the index event",
                unit="d",
                null="unknown",
                sensitivity=Sensitivity.QUASI_IDENTIFIER,
            ),
            column(
                "parent_event_id",
                pa.string(),
                "Innermost stay that the day lies in; without a day the one hospital stay of the same source row",
                null="unknown, or not inside a stay",
            ),
        ]
    ),
    (Reference("subject_id", "subject"), Reference("parent_event_id", "clinical_event")),
)
