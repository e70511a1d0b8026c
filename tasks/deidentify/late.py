"""What one batch knows of a subject, searched for in the accepted objects of the subject's other batches.

It runs when a batch's run has been accepted: of two batches that are accepted at the same time, at least one then sees
the other. What it finds is written once, beside the batches, for the release to hold.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.pipeline import LATE, NEEDLES
from expectations.schemas.table import table_of
from tasks.context import BatchContext
from tasks.deidentify.instance import RESIDUAL
from tasks.deidentify.pooling import Needles, Pool, read_pools
from tasks.deidentify.rescan import candidates_in, rescan
from tasks.layout import BatchLayout
from tasks.model import BatchPlan, StageReport
from tasks.store import ReadOnlyStore
from tasks.store.parquet import read_table, write_table

log = logging.getLogger(__name__)

STAGE = "late"
BATCHES = "batches/"
DIGEST_LENGTH = 16
Row = dict[str, object]
_COLUMNS = ("source_id", "status", "subject_id", "sop_uid", "sha256")
_LEDGER = pa.schema([(name, pa.string()) for name in (*_COLUMNS, "site", "batch")])


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run that counts for its batch."""

    layout: BatchLayout
    run: str

    @property
    def name(self) -> str:
        """The run as the digest of a meeting names it."""
        return f"{self.layout.site}/{self.layout.batch}/{self.run}"


def search_other_batches(plan: BatchPlan, context: BatchContext) -> StageReport:
    """Search, both ways, between an accepted run and those of all other batches that hold some of its subjects.

    Objects were searched for all that their own batch knows when it was settled; here they are searched for what only
    another batch knows. A run searches once: whichever batch is accepted later searches both ways.

    Returns
    -------
    StageReport
        `counts` has the objects found; `rules` counts them under DE-RESIDUAL.

    Raises
    ------
    StoreError
        If a file of an accepted run is missing.
    VerificationError
        If needles were sealed under a key that the ring does not have.
    """
    own = Accepted(context.layout, plan.run)
    earlier = [read_table(context.work.read(one.key)) for one in context.work.list(own.layout.late(own.run))]
    if earlier:
        return _report(plan, sum(map(len, earlier)), resumed=True)
    subjects = pc.unique(_needles(context.work, own)["subject_id"])
    others = [one for one in accepted_runs(context.work) if one.layout != own.layout]
    met = [one for one in others if len(_of(_needles(context.work, one), subjects))]
    digest = hashlib.sha256("\n".join(one.name for one in met).encode()).hexdigest()[:DIGEST_LENGTH]
    table = _found([own, *met], subjects, context)
    context.work.create(f"{own.layout.late(own.run)}{digest}.parquet", write_table(table))
    log.info("run %s met %d other batches: %d objects hold what became known late", own.run, len(met), len(table))
    return _report(plan, len(table), resumed=False)


def _report(plan: BatchPlan, found: int, *, resumed: bool) -> StageReport:
    return StageReport(STAGE, plan.run, {"objects": found}, {RESIDUAL: found} if found else {}, resumed)


def accepted_runs(work: ReadOnlyStore) -> Iterator[Accepted]:
    """Give the run that counts of every batch, in order of site and batch."""
    for site in work.folders(BATCHES):
        for batch in work.folders(f"{BATCHES}{site}/"):
            layout = BatchLayout(site, batch)
            pointer = work.read_versioned(layout.current)
            if pointer is not None:
                yield Accepted(layout, str(json.loads(pointer[0])["run"]))


def _needles(work: ReadOnlyStore, one: Accepted) -> pa.Table:
    """Give what a run knows; one that an earlier version accepted, before needles were kept, knows nothing."""
    found = work.read_versioned(one.layout.private_run(one.run, "needles.parquet"))
    return read_table(found[0]) if found else NEEDLES.schema.empty_table()


def _of(rows: pa.Table, subjects: pa.Array) -> pa.Table:
    return rows.filter(pc.is_in(rows["subject_id"], value_set=subjects))


def _found(runs: list[Accepted], subjects: pa.Array, context: BatchContext) -> pa.Table:
    pools: dict[str, Pool] = {}
    ledgers: list[Row] = []
    for one in runs:
        for subject, (known, sources) in _known(_of(_needles(context.work, one), subjects), context).items():
            pools.setdefault(subject, Pool()).add(known, sources)
        ledgers += _ledger_rows(context.work, one)
    table = pa.Table.from_pylist(ledgers, schema=_LEDGER)
    hits = rescan(pools, candidates_in(table), context)
    rows: list[Row] = [
        {name: row[name] for name in ("source_id", "site", "batch", "sop_uid", "sha256")}
        | {"rule_id": RESIDUAL, "kinds": sorted(hits[str(row["source_id"])])}
        for row in ledgers
        if row["source_id"] in hits
    ]
    return table_of(LATE, sorted(rows, key=lambda row: str(row["source_id"])))


def _known(rows: pa.Table, context: BatchContext) -> dict[str, tuple[Needles, list[str]]]:
    """Give, by subject, all that a batch knows, for which all of its objects were searched, and these."""
    pools = read_pools(rows.to_pylist(), context.ring).items()
    return {subject: (pool.known, [one for ids in pool.sets.values() for one in ids]) for subject, pool in pools}


def _ledger_rows(work: ReadOnlyStore, one: Accepted) -> list[Row]:
    ledger = read_table(work.read(one.layout.run(one.run, "ledger.parquet")))
    own = {"site": one.layout.site, "batch": one.layout.batch}
    return [row | own for row in ledger.select(list(_COLUMNS)).to_pylist() if row["sha256"] is not None]
