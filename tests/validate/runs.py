"""A run as harmonize leaves it, in memory."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from config.deid import load_profile
from config.keys import KeyRing
from config.settings import Settings
from config.site import Site
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import CLINICAL_SOURCES, FINDINGS, SOURCES
from expectations.schemas.table import table_of
from tasks.context import BatchContext
from tasks.model import BatchPlan
from tasks.store.memory import MemoryStore
from tasks.store.parquet import write_table
from tasks.validate.checking import Batch
from tests.validate.builders import Cluster, digest, evidence_of, tables_of

RUN = "0123456789abcdef"
PLAN = BatchPlan("s01", "b1", RUN, (), objects=4, tables=1, size_bytes=1000)
SITE: dict[str, Any] = {
    "code": "s01",
    "tables": [
        {
            "pattern": "*.csv",
            "columns": {"id": "patient_id", "in": "hospital_stay.start", "test": "test.result", "dx": "condition.code"},
        }
    ],
}
TABLE = {
    "source_file": digest(9100, 32),
    "key": "s01/b1/people.csv",
    "table_place": 0,
    "headers": ["id", "in", "test", "dx"],
}


def of_site(*, has_tables: bool = True) -> Batch:
    """The batch that is checked."""
    return Batch(Site.model_validate(SITE), "b1", RUN, has_tables=has_tables)


@dataclass
class Run:
    """What stands in the working store before validation; `write` puts it there."""

    clusters: list[Cluster] = field(default_factory=lambda: [Cluster(0), Cluster(1)])
    findings: list[dict[str, Any]] = field(default_factory=list)
    plan: BatchPlan = PLAN
    context: BatchContext = field(
        default_factory=lambda: BatchContext(
            Site.model_validate(SITE),
            "b1",
            Settings(),
            load_profile(),
            KeyRing(1, {1: b"k" * 32}),
            MemoryStore("raw"),
            MemoryStore("work"),
        )
    )

    def write(self) -> "Run":
        evidence = evidence_of(self.clusters)
        files = {f"harmonized/{name}": table for name, table in tables_of(self.clusters).items()}
        files |= {f"harmonized/{name}": evidence[name] for name in ("holds", "anchors", "lineage")}
        files |= {"settled/instances": evidence["settled"], "settled/ledger": evidence["ledger"]}
        files |= {
            "findings-harmonize": table_of(FINDINGS, self.findings),
            "findings-deidentify": table_of(FINDINGS, []),
        }
        cells = table_of(BATCH["lineage"], self.lineage())
        files["harmonized/lineage"] = pa.concat_tables([evidence["lineage"], cells])
        for name, table in files.items():
            self.context.work.create(self.key(f"{name}.parquet"), write_table(table))
        private = {
            "sources.parquet": write_table(table_of(SOURCES, self.sources())),
            "clinical-sources.parquet": write_table(table_of(CLINICAL_SOURCES, [TABLE])),
            "report/orphans.csv": b"subject_id,rule_id\n",
        }
        for name, content in private.items():
            self.context.work.create(self.context.layout.private_run(self.plan.run, name), content)
        crosswalk = self.context.layout.private_run(self.plan.run, "crosswalk.parquet")
        self.context.work.create(crosswalk, write_table(evidence["crosswalk"]))
        return self

    def lineage(self) -> list[dict[str, Any]]:
        """Where the sex of every first subject and the dates of every event come from, two rows for each cluster."""
        cells = [
            (row, entity, key, field, column)
            for place, cluster in enumerate(self.clusters)
            for row, entity, key, field, column in (
                (2 + 2 * place, "subject", cluster.first, "sex", None),
                *(
                    (3 + 2 * place, "clinical_event", event["event_id"], field, 2)
                    for event in cluster.rows["clinical_event"]
                    for field in ("start_day", "end_day")
                ),
            )
        ]
        return [
            {
                "entity": entity, "entity_id": key, "field": field, "source_file": TABLE["source_file"],
                "row_number": row, "source_row": digest(row, 32), "source_column": column, "batch_id": "s01/b1",
            }
            for row, entity, key, field, column in cells
        ]  # fmt: skip

    def sources(self) -> list[dict[str, Any]]:
        """The names that images came under."""
        ids = [row["source_id"] for cluster in self.clusters for row in cluster.settled]
        return [{"source_id": one, "source": f"s01/b1/{number:04}.dcm"} for number, one in enumerate(ids)]

    def key(self, name: str) -> str:
        return self.context.layout.run(self.plan.run, name)

    def stored(self) -> dict[str, bytes]:
        work = self.context.work
        return {one.key: work.read(one.key) for one in work.list()}
