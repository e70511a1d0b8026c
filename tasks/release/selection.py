"""Which batches a release is made of: the accepted run of every batch, or of those that the policy names."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import ConfigError
from config.release import ReleasePolicy
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import ANCHORS, LATE, LEDGER
from expectations.schemas.table import Table
from tasks.errors import BatchNotReadyError, GateError, MissingKeyError
from tasks.layout import LATE as LATE_PREFIX
from tasks.layout import BatchLayout
from tasks.release.lineage import NAME as LINEAGE
from tasks.release.model import HEADERS, AcceptedBatch, Tables
from tasks.release.query import query
from tasks.release.rows import INSTANCES, OnDisk
from tasks.store import ReadOnlyStore
from tasks.store.files import fetch
from tasks.store.parquet import read_table, write_batches

BATCHES = "batches/"
# Of lineage only a part is public (`tasks.release.lineage`).
RELEASED = tuple(name for name in BATCH if name != LINEAGE)
_HEADERS = """
SELECT subject_id, bool_or(patient_age_years IS NOT NULL OR patient_age_gt89 IS NOT NULL) AS has_age,
       bool_or(patient_sex IS NOT NULL) AS has_sex
FROM settled SEMI JOIN (SELECT sha256 FROM ledger WHERE status = 'released-candidate') USING (sha256)
GROUP BY subject_id ORDER BY subject_id
"""


def accepted_batches(
    work: ReadOnlyStore, policy: ReleasePolicy, folder: Path, named: Sequence[str] = ()
) -> list[AcceptedBatch]:
    """Give the accepted run of every batch that the policy releases, in order of site and batch.

    Parameters
    ----------
    folder
        Takes the files of what stays on disk.
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
    return [
        _read(work, BatchLayout(*name.split("/", 1)), run, late, folder / "batches" / name)
        for name, run in sorted(runs.items())
    ]


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


def _read(work: ReadOnlyStore, layout: BatchLayout, run: str, late: pa.Array, folder: Path) -> AcceptedBatch:
    folder.mkdir(parents=True, exist_ok=True)

    def on_disk(name: str, form: Table) -> OnDisk:
        return _file(work, layout.run(run, name), form, folder / PurePosixPath(name).name)

    tables: Tables = {
        table: _table(work, layout.run(run, f"tables/{table}.parquet"), BATCH[table])
        for table in RELEASED
        if table != INSTANCES
    }
    tables[INSTANCES] = on_disk(f"tables/{INSTANCES}.parquet", BATCH[INSTANCES])
    anchors = _table(work, layout.run(run, "harmonized/anchors.parquet"), ANCHORS)
    ledger = on_disk("ledger.parquet", LEDGER)
    lineage = on_disk(f"harmonized/{LINEAGE}.parquet", BATCH[LINEAGE])
    headers = _headers(work, layout.run(run, "settled/instances.parquet"), ledger, folder / "settled.parquet")
    return AcceptedBatch(layout.site, layout.batch, run, tables, anchors, ledger, late, lineage, headers)


def _headers(work: ReadOnlyStore, key: str, ledger: OnDisk, path: Path) -> pa.Table:
    """Tell whose age and sex the headers of released candidates show; a run without objects shows nobody's."""
    try:
        fetch(work, key, path)
    except MissingKeyError:
        return HEADERS.empty_table()
    found = query(_HEADERS, settled=OnDisk((path,)), ledger=ledger)
    path.unlink()
    return found.cast(HEADERS)


def _file(work: ReadOnlyStore, key: str, form: Table, path: Path) -> OnDisk:
    """Bring a table to this machine; one that the run did not write has no rows."""
    try:
        fetch(work, key, path)
    except MissingKeyError:
        write_batches((), form.schema, path)
    rows = OnDisk((path,))
    _require_form(rows.schema, form, key)
    return rows


def _table(work: ReadOnlyStore, key: str, form: Table) -> pa.Table:
    """Read a table; one that the run did not write has no rows."""
    found = work.read_versioned(key)
    if found is None:
        return form.schema.empty_table()
    table = read_table(found[0])
    _require_form(table.schema, form, key)
    return table.replace_schema_metadata(None).cast(form.schema)


def _require_form(schema: pa.Schema, form: Table, key: str) -> None:
    if not form.schema.equals(schema):
        raise GateError(f"{key} is not of this version's form", next_step="curate the batch again with this version")
