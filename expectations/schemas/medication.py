"""One row per drug that a subject was given."""

import pyarrow as pa

from expectations.schemas.days import interval
from expectations.schemas.table import Reference, Sensitivity, Table, column
from expectations.schemas.vocabulary import DOSE_UNIT, DRUG_SYSTEM, ROUTE

SENSITIVE = Sensitivity.SENSITIVE

TABLE = Table(
    "medication",
    "One row per drug and course of a subject.",
    ("medication_id",),
    pa.schema(
        [
            column("medication_id", pa.string(), "Digest of the medication's content"),
            column("subject_id", pa.string(), "Subject"),
            column("name", pa.string(), "Name of the drug", null="only a code is known", sensitivity=SENSITIVE),
            column("code", pa.string(), "Code of the drug", null="only a name is known", sensitivity=SENSITIVE),
            column("code_system", pa.string(), "System of the code", values=DRUG_SYSTEM, null="there is no code"),
            column("route", pa.string(), "Route of administration", values=ROUTE, null="unknown"),
            column("dose", pa.float64(), "Dose in dose_unit", null="unknown"),
            column("dose_unit", pa.string(), "Unit of dose", values=DOSE_UNIT, null="no dose is known", source="UCUM"),
            *interval(),
            column(
                "parent_event_id",
                pa.string(),
                "Innermost stay that the first day lies in; without a day the one hospital stay of the same source row",
                null="unknown, or not inside a stay",
            ),
        ]
    ),
    (Reference("subject_id", "subject"), Reference("parent_event_id", "clinical_event")),
)
