"""One row per explained cell."""

import pyarrow as pa

from expectations.schemas.table import Table, column

TABLE = Table(
    "lineage",
    "One row per coded or dated cell of a canonical table: which source value and which rule made it.",
    ("entity", "entity_id", "field"),
    pa.schema(
        [
            column("entity", pa.string(), "Table"),
            column("entity_id", pa.string(), "Key of the row"),
            column("field", pa.string(), "Column"),
            column("raw_digest", pa.string(), "Keyed digest of the source value", null="made from other cells"),
            column("mapping_id", pa.string(), "Code set or date form that was applied", null="none was needed"),
            column("mapping_version", pa.string(), "Digest of that mapping", null="none was needed"),
            column(
                "rule_id", pa.string(), "The rule it was decided by", source="config/rules.csv", null="taken as mapped"
            ),
            column("batch_id", pa.string(), "Site and batch"),
        ]
    ),
)
