"""What was staged and nothing refers to: objects, releases that wait for nobody, and uploads that were stopped.

A store is listed before its references are read, so that what is accepted or committed meanwhile is kept. What is
younger than a safety age may belong to a run that is not at its end, and is never touched.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pyarrow as pa

from tasks.layout import STAGED, release_key
from tasks.release.commit import DATA
from tasks.release.query import stored
from tasks.release.reading import COMMIT, LISTED, RELEASES, fetched_tables, listed_objects, read_commit
from tasks.release.rows import INSTANCES, OnDisk, Rows, batches_of, together
from tasks.release.selection import BATCHES
from tasks.store import LeavingStore, ReadOnlyStore, Store
from tasks.store.files import fetch
from tasks.store.parquet import write_batches

OBJECTS: Final = "objects/"
LEDGER: Final = "/ledger.parquet"
_OBJECT: Final = f"'{OBJECTS}' || substr(sha256, 1, 2) || '/' || sha256 || '.dcm'"  # as `tasks.layout.object_key`
_OUTSIDE: Final = """
SELECT key, size FROM listed WHERE NOT EXISTS (SELECT 1 FROM roots WHERE starts_with(listed.key, roots.root))
ORDER BY key
"""
_DIGESTS: Final = pa.schema([("sha256", pa.string())])
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
    return _swept(("work", "objects"), work, (OBJECTS,), (_not_in_ledgers, days, delete))


def sweep_staged(
    work: Store, releases: Mapping[str, ReadOnlyStore], *, days: int = SAFETY_DAYS, delete: bool = False
) -> Swept:
    """Find, and with `delete` remove, files of releases that were staged for a decision and are not committed.

    Parameters
    ----------
    releases
        The release stores by the part that they hold; what is staged for a part without one is kept.
    """

    def free(_: ReadOnlyStore, listed: Rows, folder: Path) -> Rows:
        return _not_committed(work, releases, listed, folder)

    return _swept(("work", "staged releases"), work, (STAGED,), (free, days, delete))


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
    return _swept((name, "objects and files"), release, (DATA, RELEASES), (_not_in_releases, days, delete))


Job = tuple[Callable[[ReadOnlyStore, Rows, Path], Rows], int, bool]


def _swept(told: tuple[str, str], store: Store, prefixes: tuple[str, ...], job: Job) -> Swept:
    referred, days, delete = job
    with TemporaryDirectory(prefix="sweep-") as place:
        folder = Path(place)
        listed = together(
            [listed_objects(store, prefix, folder / f"listed-{at}.parquet") for at, prefix in enumerate(prefixes)]
        )
        free = referred(store, listed, folder)
        old = [row for row in _rows(free) if (store.age_seconds(row[0]) or 0) >= days * SECONDS_PER_DAY]
        unreferenced = free.num_rows
    for key, _ in old if delete else ():
        store.delete(key)
    return Swept(*told, unreferenced, len(old), sum(size for _, size in old), len(old) if delete else 0)


def _rows(rows: Rows) -> Iterator[tuple[str, int]]:
    for batch in batches_of(rows, LISTED.names):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _not_in_ledgers(work: ReadOnlyStore, listed: Rows, folder: Path) -> Rows:
    """Give what no ledger names; there may be tens of thousands of them, so they are read once, into one file."""
    named = folder / "named.parquet"
    write_batches(_of_ledgers(work, folder / "ledger.parquet"), _DIGESTS, named)
    return _others(listed, OnDisk((named,)), _OBJECT, folder / "left.parquet")


def _of_ledgers(work: ReadOnlyStore, path: Path) -> Iterator[pa.RecordBatch]:
    """Give the digests that the ledgers name; `path` takes one ledger after the other."""
    for key, _ in work.sizes(BATCHES):
        if key.endswith(LEDGER):
            fetch(work, key, path)
            for batch in batches_of(OnDisk((path,)), _DIGESTS.names):
                yield pa.record_batch(batch.columns, schema=_DIGESTS)


def _not_in_releases(release: ReadOnlyStore, listed: Rows, folder: Path) -> Rows:
    """Give what no committed release names; a release that cannot be read stops the sweep."""
    versions = [version for version in release.folders(RELEASES) if read_commit(release, version)]
    for place, version in enumerate(versions):
        instances = fetched_tables(release, version, [INSTANCES], folder)[INSTANCES]
        listed = _others(listed, instances, "key", folder / f"left-{place}.parquet")
    return _outside(listed, [f"{RELEASES}{version}/" for version in versions], folder)


def _not_committed(work: ReadOnlyStore, releases: Mapping[str, ReadOnlyStore], listed: Rows, folder: Path) -> Rows:
    """Give what is staged and of no committed release: one whose commit is that which was staged, in every part."""
    versions = [(version, f"{STAGED}{version}/") for version in work.folders(STAGED)]
    staged = [(version, f"{root}{digest}/") for version, root in versions for digest in work.folders(root)]
    return _outside(listed, [root for version, root in staged if _is_kept(work, releases, version, root)], folder)


def _is_kept(work: ReadOnlyStore, releases: Mapping[str, ReadOnlyStore], version: str, root: str) -> bool:
    parts = list(work.folders(root))
    if not set(parts) <= releases.keys():
        return True
    key = release_key(version, COMMIT)
    commits = [(work.read_versioned(f"{root}{part}/{COMMIT}"), releases[part].read_versioned(key)) for part in parts]
    return all(mine and other and mine[0] == other[0] for mine, other in commits)


def _others(listed: Rows, named: Rows, key: str, path: Path) -> OnDisk:
    """Give the listed objects that no row names; `key` is how a row does that, in SQL."""
    sql = f"SELECT key, size FROM listed ANTI JOIN (SELECT {key} AS key FROM named) USING (key) ORDER BY key"  # noqa: S608 -- constants
    return stored(path, LISTED, sql, listed=listed, named=named)


def _outside(listed: Rows, roots: Sequence[str], folder: Path) -> OnDisk:
    """Give the listed objects that lie below none of some prefixes."""
    prefixes = pa.table({"root": pa.array(roots, pa.string())})
    return stored(folder / "outside.parquet", LISTED, _OUTSIDE, listed=listed, roots=prefixes)
