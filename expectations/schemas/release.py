"""One row per release."""

import pyarrow as pa

from expectations.schemas.table import Stage, Table, column
from expectations.schemas.vocabulary import RELEASE_STATUS

RELEASE = Stage.RELEASE

TABLE = Table(
    "release",
    "One row per release: what it holds and what it was made with.",
    ("release_version",),
    pa.schema(
        [
            column("release_version", pa.string(), "Version", stage=RELEASE),
            column("previous_version", pa.string(), "Version before it", null="it is the first", stage=RELEASE),
            column(
                "created_at",
                pa.timestamp("us", "UTC"),
                "Declared time of the release",
                null="none was declared; no clock is read",
                stage=RELEASE,
            ),
            column("root_digest", pa.string(), "Digest of all that the release holds", stage=RELEASE),
            column("pipeline_version", pa.string(), "Version of the code", stage=RELEASE),
            column("config_digest", pa.string(), "Digest of rules and settings", stage=RELEASE),
            column("dictionary_version", pa.string(), "Version of the data dictionary", stage=RELEASE),
            column("doi", pa.string(), "DOI", null="none was given", source="DataCite", stage=RELEASE),
            column("license", pa.string(), "SPDX licence id", source="SPDX", stage=RELEASE),
            column("n_subjects", pa.int64(), "Number of subjects", unit="{subject}", stage=RELEASE),
            column("n_studies", pa.int64(), "Number of studies", unit="{study}", stage=RELEASE),
            column("n_series", pa.int64(), "Number of series", unit="{series}", stage=RELEASE),
            column("n_instances", pa.int64(), "Number of instances", unit="{instance}", stage=RELEASE),
            column("n_bytes", pa.int64(), "Size of all objects", unit="By", stage=RELEASE),
            column("gate_report_key", pa.string(), "Key of the report of the gates", stage=RELEASE),
            column("status", pa.string(), "State of the release", values=RELEASE_STATUS, stage=RELEASE),
        ]
    ),
)
