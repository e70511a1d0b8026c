"""Which batches a release is made of: the accepted run of every batch, or of those that the policy names."""

import json
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import ConfigError
from config.release import ReleasePolicy
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import ANCHORS, LATE, LEDGER
from expectations.schemas.table import Table
from tasks.errors import BatchNotReadyError, GateError
from tasks.layout import LATE as LATE_PREFIX
from tasks.layout import BatchLayout
from tasks.model import Status
from tasks.release.lineage import NAME as LINEAGE
from tasks.release.lineage import PUBLIC
from tasks.release.model import HEADERS, AcceptedBatch, Tables
from tasks.store import ReadOnlyStore
from tasks.store.parquet import read_table

BATCHES = "batches/"
# Of lineage only a part is public (`tasks.release.lineage`).
RELEASED = tuple(name for name in BATCH if name != LINEAGE)


def accepted_batches(work: ReadOnlyStore, policy: ReleasePolicy, named: Sequence[str] = ()) -> list[AcceptedBatch]:
    """Give the accepted run of every batch that the policy releases, in order of site and batch.

    Parameters
    ----------
    named
        The only ones of them to take, as ``<site>/<batch>``; none are named for all.

    Raises
    ------
    ConfigError
        If a named batch is none of those that the policy releases.
    BatchNotReadyError
        If a batch that is named, here or in the policy, or every batch has no accepted run.
    GateError
        If a run's tables are not of the form that this version releases.
    """
    runs = dict(_accepted_runs(work))
    if policy.batches != "all":
        others = sorted(set(named) - set(policy.batches))
        if others:
            raise ConfigError(
                f"the release policy does not release {', '.join(others)}",
                next_step="name batches of the policy, or add them to its batches",
            )
    wanted = named or (runs if policy.batches == "all" else policy.batches)
    absent = sorted(set(wanted) - runs.keys())
    if absent:
        raise BatchNotReadyError(
            f"no accepted run of {', '.join(absent)}",
            next_step="correct the name, or curate the batch, or leave it out of the release",
        )
    runs = {name: runs[name] for name in wanted}
    if not runs:
        raise BatchNotReadyError(f"no batch in {work.address} has an accepted run", next_step="curate a batch first")
    late = _late(work)
    return [_read(work, name, run, late) for name, run in sorted(runs.items())]


def _late(work: ReadOnlyStore) -> pa.Array:
    """Give the digests of the objects in which another batch's knowledge of their subject was found."""
    tables = [_table(work, listed.key, LATE) for listed in work.list(LATE_PREFIX)]
    return pc.unique(pa.concat_tables([LATE.schema.empty_table(), *tables])["sha256"])


def _accepted_runs(work: ReadOnlyStore) -> Iterator[tuple[str, str]]:
    for site in work.folders(BATCHES):
        for batch in work.folders(f"{BATCHES}{site}/"):
            pointer = work.read_versioned(BatchLayout(site, batch).current)
            if pointer is not None:
                yield f"{site}/{batch}", str(json.loads(pointer[0])["run"])


def _read(work: ReadOnlyStore, name: str, run: str, late: pa.Array) -> AcceptedBatch:
    site, batch = name.split("/", 1)
    layout = BatchLayout(site, batch)
    tables: Tables = {
        table: _table(work, layout.run(run, f"tables/{table}.parquet"), BATCH[table]) for table in RELEASED
    }
    anchors = _table(work, layout.run(run, "harmonized/anchors.parquet"), ANCHORS)
    ledger = _table(work, layout.run(run, "ledger.parquet"), LEDGER)
    passed = pc.equal(ledger["status"], Status.RELEASED_CANDIDATE.value)
    candidates = ledger.select(["sop_uid", "sha256"]).filter(passed)
    lineage = _table(work, layout.run(run, f"tables/{LINEAGE}.parquet"), BATCH[LINEAGE]).select(PUBLIC)
    return AcceptedBatch(
        site, batch, run, tables, anchors, candidates, late, lineage, _headers(work, layout, run, candidates)
    )


def _headers(work: ReadOnlyStore, layout: BatchLayout, run: str, candidates: pa.Table) -> pa.Table:
    """Tell whose age and sex the headers of released candidates show; a run without objects shows nobody's."""
    found = work.read_versioned(layout.run(run, "settled/instances.parquet"))
    if found is None:
        return HEADERS.empty_table()
    rows = read_table(found[0]).select(["subject_id", "patient_age_years", "patient_age_gt89", "patient_sex", "sha256"])
    rows = rows.filter(pc.is_in(rows["sha256"], value_set=pc.unique(candidates["sha256"])))
    age = pc.or_(pc.is_valid(rows["patient_age_years"]), pc.is_valid(rows["patient_age_gt89"]))
    shown = pa.table({"subject_id": rows["subject_id"], "has_age": age, "has_sex": pc.is_valid(rows["patient_sex"])})
    grouped = shown.group_by("subject_id", use_threads=False).aggregate([("has_age", "any"), ("has_sex", "any")])
    return pa.table([grouped["subject_id"], grouped["has_age_any"], grouped["has_sex_any"]], schema=HEADERS)


def _table(work: ReadOnlyStore, key: str, form: Table) -> pa.Table:
    """Read a table; one that the run did not write has no rows."""
    found = work.read_versioned(key)
    if found is None:
        return form.schema.empty_table()
    table = read_table(found[0])
    if not form.schema.equals(table.schema):
        raise GateError(f"{key} is not of this version's form", next_step="curate the batch again with this version")
    return table.replace_schema_metadata(None).cast(form.schema)
