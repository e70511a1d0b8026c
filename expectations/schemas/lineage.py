"""Where cells come from: one row per cell that a source cell made, and one per column for all others."""

import pyarrow as pa

from expectations.schemas.table import LIST_OF_STRINGS, Table, column

EVERY_ROW = "*"  # in place of a key: the row tells of every cell of the column that has no row of its own
_WHOLE_COLUMN = "tells of a whole column, or withheld from a release"

TABLE = Table(
    "lineage",
    "One row per cell of a canonical table that a cell of a source table made, and one per column for all others: "
    "which source value, which mapping, which rule.",
    ("entity", "entity_id", "field"),
    pa.schema(
        [
            column("entity", pa.string(), "Table"),
            column("entity_id", pa.string(), "Key of the row, or * for every row without one of its own"),
            column("field", pa.string(), "Column"),
            column("source_file", pa.string(), "Keyed digest of the source file's name", null=_WHOLE_COLUMN),
            column("row_number", pa.int32(), "Row of the source file, whose first row is 1", null=_WHOLE_COLUMN),
            column("source_row", pa.string(), "Keyed digest of batch, file and row", null=_WHOLE_COLUMN),
            column(
                "source_column",
                pa.int32(),
                "Place of the source column among those that the site file declares, the first is 1",
                null="a whole column, declared for all rows, or withheld from a release",
            ),
            column(
                "raw_digest",
                pa.string(),
                "Keyed digest of subject, field and source value",
                null="none, or withheld",
            ),
            column("mapping_id", pa.string(), "Code set, date form or derivation that was applied", null="none fits"),
            column("mapping_version", pa.string(), "Digest of a code set, else version of the code", null="none fits"),
            column(
                "rule_id",
                pa.string(),
                "The rule it was decided by; of a single cell: the rule that it breaks",
                source="config/rules.csv",
                null="taken as mapped",
            ),
            column(
                "missing_reason",
                pa.string(),
                "Why the site has no value, by the word in the cell",
                source="FHIR R5 CodeSystem data-absent-reason",
                null="there is a value, or an empty cell",
            ),
            column(
                "inputs",
                LIST_OF_STRINGS,
                "Columns, fields and DICOM attributes that a column is made of",
                null="a single cell, or none",
            ),
            column(
                "deid_actions",
                LIST_OF_STRINGS,
                "What de-identification does to the DICOM attributes among inputs, in their order; new is written anew",
                null="no attribute",
                source="PS3.15 Table E.1-1",
            ),
            column("batch_id", pa.string(), "Site and batch", null="withheld from a release"),
        ]
    ),
)
