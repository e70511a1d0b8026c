"""One row per diagnosis."""

import pyarrow as pa

from expectations.schemas.days import interval
from expectations.schemas.table import Reference, Sensitivity, Table, column
from expectations.schemas.vocabulary import CODE_SYSTEM

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
            *interval(),
        ]
    ),
    (Reference("subject_id", "subject"),),
)
