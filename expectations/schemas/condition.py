"""One row per diagnosis."""

import pyarrow as pa

from expectations.schemas.table import Reference, Sensitivity, Table, column
from expectations.schemas.vocabulary import CODE_SYSTEM

QUASI = Sensitivity.QUASI_IDENTIFIER
SENSITIVE = Sensitivity.SENSITIVE

TABLE = Table(
    "condition",
    "One row per diagnosis of a subject.",
    ("condition_id",),
    pa.schema(
        [
            column("condition_id", pa.string(), "Digest of the diagnosis' content"),
            column("subject_id", pa.string(), "Subject"),
            column("code", pa.string(), "Code of the diagnosis", null="only a name is known", sensitivity=SENSITIVE),
            column("code_system", pa.string(), "System of the code", values=CODE_SYSTEM, null="there is no code"),
            column("name", pa.string(), "Name of the diagnosis", null="only a code is known", sensitivity=SENSITIVE),
            column(
                "start_day",
                pa.int32(),
                "First day, counted from the index event",
                unit="d",
                null="unknown",
                sensitivity=QUASI,
            ),
            column(
                "end_day",
                pa.int32(),
                "Last day, counted from the index event",
                unit="d",
                null="ongoing or unknown",
                sensitivity=QUASI,
            ),
        ]
    ),
    (Reference("subject_id", "subject"),),
)
