"""One row per released object that may no longer be fetched, from whichever release."""

import pyarrow as pa

from expectations.schemas.table import Stage, Table, column
from expectations.schemas.vocabulary import WITHDRAWAL_REASON, WITHDRAWN_ENTITY

RELEASE = Stage.RELEASE

TABLE = Table(
    "withdrawals",
    "One row per object that this release or one before it withdrew: what earlier manifests name and nobody may fetch.",
    ("guid",),
    pa.schema(
        [
            column("guid", pa.string(), "Its guid in the releases that had it", stage=RELEASE),
            column("key", pa.string(), "Key under which it lay", stage=RELEASE),
            column("sop_uid", pa.string(), "Its instance", stage=RELEASE),
            column("series_uid", pa.string(), "Its series", stage=RELEASE),
            column("study_uid", pa.string(), "Its study", stage=RELEASE),
            column("subject_id", pa.string(), "Its subject", stage=RELEASE),
            column("entity", pa.string(), "Kind of thing that was withdrawn", values=WITHDRAWN_ENTITY, stage=RELEASE),
            column("entity_id", pa.string(), "Key of what was withdrawn", stage=RELEASE),
            column("reason", pa.string(), "Why", values=WITHDRAWAL_REASON, stage=RELEASE),
            column("withdrawn_release", pa.string(), "First release without it", stage=RELEASE),
        ]
    ),
)
