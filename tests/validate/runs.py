"""A run as harmonize leaves it, in memory."""

from dataclasses import dataclass, field
from typing import Any

from config.deid import load_profile
from config.keys import KeyRing
from config.settings import Settings
from config.site import Site
from expectations.schemas.pipeline import FINDINGS
from expectations.schemas.table import table_of
from tasks.context import BatchContext
from tasks.model import BatchPlan
from tasks.store.memory import MemoryStore
from tasks.store.parquet import write_table
from tasks.validate.checking import Batch
from tests.validate.builders import Cluster, evidence_of, tables_of

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
        for name, table in files.items():
            self.context.work.create(self.key(f"{name}.parquet"), write_table(table))
        crosswalk = self.context.layout.private_run(self.plan.run, "crosswalk.parquet")
        self.context.work.create(crosswalk, write_table(evidence["crosswalk"]))
        return self

    def key(self, name: str) -> str:
        return self.context.layout.run(self.plan.run, name)

    def stored(self) -> dict[str, bytes]:
        work = self.context.work
        return {one.key: work.read(one.key) for one in work.list()}
