"""What was staged and nothing refers to: objects, releases that wait for nobody, and uploads that were stopped.

A store is listed before its references are read, so that what is accepted or committed meanwhile is kept. What is
younger than a safety age may belong to a run that is not at its end, and is never touched.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tasks.layout import STAGED, release_key
from tasks.release.commit import DATA
from tasks.release.reading import COMMIT, RELEASES, data_objects, open_tables, read_commit
from tasks.release.selection import BATCHES
from tasks.store import LeavingStore, ReadOnlyStore, Store
from tasks.store.parquet import read_table

OBJECTS: Final = "objects/"
LEDGER: Final = "/ledger.parquet"
SAFETY_DAYS: Final = 7
SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Swept:
    """What nothing refers to in one store, of one kind: all of it, what is old enough to go, and what was removed."""

    store: str
    what: str
    unreferenced: int
    old: int
    old_bytes: int
    removed: int

    def as_dict(self) -> dict[str, object]:
        """Give it as JSON-able values."""
        return asdict(self)


def sweep_work(work: Store, *, days: int = SAFETY_DAYS, delete: bool = False) -> Swept:
    """Find, and with `delete` remove, de-identified objects that no ledger of a run or of a shard names."""
    return _swept(("work", "objects"), work, (OBJECTS,), (lambda: _named_in_ledgers(work), days, delete))


def sweep_staged(
    work: Store, releases: Mapping[str, ReadOnlyStore], *, days: int = SAFETY_DAYS, delete: bool = False
) -> Swept:
    """Find, and with `delete` remove, files of releases that were staged for a decision and are not committed.

    Parameters
    ----------
    releases
        The release stores by the part that they hold; what is staged for a part without one is kept.
    """
    return _swept(("work", "staged releases"), work, (STAGED,), (lambda: _not_committed(work, releases), days, delete))


def sweep_uploads(name: str, store: Store, *, days: int = SAFETY_DAYS, delete: bool = False) -> Swept:
    """Find, and with `delete` remove, what uploads that were stopped have left, which no listing shows."""
    found = list(store.leftovers()) if isinstance(store, LeavingStore) else []
    old = [left for left in found if left.age_seconds >= days * SECONDS_PER_DAY]
    if isinstance(store, LeavingStore) and delete:
        for left in old:
            store.discard(left)
    size = sum(left.size_bytes for left in old)
    return Swept(name, "unfinished uploads", len(found), len(old), size, len(old) if delete else 0)


def sweep_release(name: str, release: Store, *, days: int = SAFETY_DAYS, delete: bool = False) -> Swept:
    """Find, and with `delete` remove, objects that no release names, and files of releases that were not committed.

    Parameters
    ----------
    name
        What the settings call the store.
    """
    job = (lambda: _named_in_releases(release), days, delete)
    return _swept((name, "objects and files"), release, (DATA, RELEASES), job)


Job = tuple[Callable[[], Callable[[pa.Table], pa.Table]], int, bool]


def _swept(told: tuple[str, str], store: Store, prefixes: tuple[str, ...], job: Job) -> Swept:
    references, days, delete = job
    listed = pa.concat_tables([data_objects(store, prefix) for prefix in prefixes])
    free = references()(listed)
    old = [row for row in _rows(free) if (store.age_seconds(row[0]) or 0) >= days * SECONDS_PER_DAY]
    for key, _ in old if delete else ():
        store.delete(key)
    return Swept(*told, free.num_rows, len(old), sum(size for _, size in old), len(old) if delete else 0)


def _rows(table: pa.Table) -> Iterator[tuple[str, int]]:
    for batch in table.to_batches():
        yield from zip(batch["key"].to_pylist(), batch["size"].to_pylist(), strict=True)


def _named_in_ledgers(work: ReadOnlyStore) -> Callable[[pa.Table], pa.Table]:
    ledgers = [stored.key for stored in work.list(BATCHES) if stored.key.endswith(LEDGER)]
    digests = [read_table(work.read(key))["sha256"].drop_null().combine_chunks() for key in ledgers]
    named = pc.unique(pa.chunked_array(digests, pa.string()))
    folders = pc.utf8_slice_codeunits(named, 0, 2)
    keys = pc.binary_join_element_wise(OBJECTS, folders, "/", named, ".dcm", "")  # as `tasks.layout.object_key`
    return lambda listed: listed.filter(pc.invert(pc.is_in(listed["key"], value_set=keys)))


def _not_committed(work: ReadOnlyStore, releases: Mapping[str, ReadOnlyStore]) -> Callable[[pa.Table], pa.Table]:
    """Tell what is staged and of no committed release: one whose commit is that which was staged, in every part."""
    versions = [(version, f"{STAGED}{version}/") for version in work.folders(STAGED)]
    staged = [(version, f"{root}{digest}/") for version, root in versions for digest in work.folders(root)]
    kept = [root for version, root in staged if _is_kept(work, releases, version, root)]

    def free(listed: pa.Table) -> pa.Table:
        is_kept = pa.array([False] * listed.num_rows)
        for root in kept:
            is_kept = pc.or_(is_kept, pc.starts_with(listed["key"], root))
        return listed.filter(pc.invert(is_kept))

    return free


def _is_kept(work: ReadOnlyStore, releases: Mapping[str, ReadOnlyStore], version: str, root: str) -> bool:
    parts = list(work.folders(root))
    if not set(parts) <= releases.keys():
        return True
    key = release_key(version, COMMIT)
    commits = [(work.read_versioned(f"{root}{part}/{COMMIT}"), releases[part].read_versioned(key)) for part in parts]
    return all(mine and other and mine[0] == other[0] for mine, other in commits)


def _named_in_releases(release: ReadOnlyStore) -> Callable[[pa.Table], pa.Table]:
    """Tell what no committed release names; a release that cannot be read stops the sweep."""
    committed = [version for version in release.folders(RELEASES) if read_commit(release, version)]
    keys = [
        open_tables(release, version, ["imaging_instance"])["imaging_instance"]["key"].combine_chunks()
        for version in committed
    ]
    named = pc.unique(pa.chunked_array(keys, pa.string()))

    def free(listed: pa.Table) -> pa.Table:
        kept = pc.is_in(listed["key"], value_set=named)
        for version in committed:
            kept = pc.or_(kept, pc.starts_with(listed["key"], f"{RELEASES}{version}/"))
        return listed.filter(pc.invert(kept))

    return free
