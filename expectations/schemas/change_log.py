"""One row per change between two releases."""

import pyarrow as pa

from expectations.schemas.table import Stage, Table, column
from expectations.schemas.vocabulary import CHANGE, ENTITY

RELEASE = Stage.RELEASE

TABLE = Table(
    "change_log",
    "One row per subject, study, series or instance that a release added, changed or withdrew.",
    ("release_version", "entity", "entity_id", "change"),
    pa.schema(
        [
            column("release_version", pa.string(), "The release", stage=RELEASE),
            column("entity", pa.string(), "Kind of thing", values=ENTITY, stage=RELEASE),
            column("entity_id", pa.string(), "Its key", stage=RELEASE),
            column("change", pa.string(), "What happened", values=CHANGE, stage=RELEASE),
            column("reason", pa.string(), "Why", null="a plain addition", stage=RELEASE),
            column("old_digest", pa.string(), "Digest of its content before", null="it was added", stage=RELEASE),
            column("new_digest", pa.string(), "Digest of its content now", null="it was withdrawn", stage=RELEASE),
        ]
    ),
)
