"""The one way in which a release becomes visible: objects, files, checks, ``_COMMIT.json``, and at last the pointer.

Everything before the pointer is created once and never replaced, so any builder may die anywhere and any other may
finish what it began; who reads by the pointer sees the release before or this one, and always whole.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from config.signing import SigningKey
from tasks.errors import GateError, KeyExistsError, StaleVersionError, VerificationError
from tasks.layout import CURRENT, object_key, release_key
from tasks.release.model import Commit, ReleaseContext
from tasks.release.reading import COMMIT, data_objects, history, pointer_bytes, read_commit, read_pointer
from tasks.release.signing import signed
from tasks.release.staging import StagedFiles
from tasks.store import ReadOnlyStore, Store
from tasks.store.content import sha256_of
from tasks.store.files import create_from

log = logging.getLogger(__name__)

DATA = "data/"
COPIES_PER_PROCESS = 8  # a copy waits for the server, not for this machine
COPIES_AT_ONCE = 1024
REREAD = 16  # objects read again before the pointer moves; verify-release can read all
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A release that is ready to be published: its files, which lie in a folder under their keys, and its objects."""

    commit: Commit
    folder: Path
    instances: pa.Table

    @property
    def files(self) -> StagedFiles:
        """The contents of its files by their keys; they are read from the folder, one at a time."""
        return StagedFiles(self.folder, tuple(file.key for file in self.commit.files))

    @property
    def version(self) -> str:
        """The version of the release."""
        return self.commit.release_version


def stands(release: ReadOnlyStore, commit: Commit) -> bool:
    """Tell whether this very release is committed already.

    Raises
    ------
    GateError
        If another release has its version (rule R-IMMUTABLE).
    """
    found = read_commit(release, commit.release_version)
    if found is not None and found != commit:
        raise _taken(commit.release_version)
    return found is not None


def _taken(version: str) -> GateError:
    return GateError(
        f"R-IMMUTABLE: version {version} exists, or was begun, with other content", next_step="choose a new version"
    )


def absent_objects(release: ReadOnlyStore, instances: pa.Table) -> pa.Table:
    """Give the rows of a manifest whose objects are not in the store with the size that they should have."""
    listed = data_objects(release, DATA)
    places = pc.index_in(instances["key"], value_set=listed["key"].combine_chunks())
    there = pc.fill_null(pc.equal(listed["size"].take(places), instances["size"]), fill_value=False)
    return instances.filter(pc.invert(there))


def resized_objects(release: ReadOnlyStore, instances: pa.Table) -> int:
    """Count the objects of a manifest that stand in the store with another size than they should have."""
    listed = data_objects(release, DATA)
    sizes = listed["size"].take(pc.index_in(instances["key"], value_set=listed["key"].combine_chunks()))
    return int(pc.sum(pc.not_equal(sizes, instances["size"])).as_py() or 0)


def publish(
    parts: Sequence[tuple[Store, Prepared]],
    context: ReleaseContext,
    progress: Progress | None,
    confirm: Callable[[], None],
) -> int:
    """Publish the parts of a release, each in its store; give the number of objects that were copied now.

    No part is committed before all lie in their stores, and no pointer moves before all are committed.

    Parameters
    ----------
    confirm
        Called just before anything is committed; raises if the release should not be any more.

    Raises
    ------
    GateError
        If its version has other content, or another release was published since it was prepared.
    VerificationError
        If what stands in the store is not what was written there.
    """
    waiting = [(store, prepared) for store, prepared in parts if not stands(store, prepared.commit)]
    copied = 0
    for store, prepared in waiting:
        _create_files(store, prepared)
        copied += _copy_objects(prepared.instances, store, context, progress)
        _check(store, prepared)
    for store, prepared in waiting:
        _still_follows(store, prepared.commit)
    if waiting:
        confirm()
    _sign(parts, context.signer)
    for store, prepared in waiting:
        _create(store, release_key(prepared.version, COMMIT), prepared.commit.to_bytes(), prepared.version)
    for store, prepared in parts:
        point_to(store, prepared.commit)
        log.info("released %s: %d instances", prepared.version, prepared.instances.num_rows)
    return copied


def _create_files(release: Store, prepared: Prepared) -> None:
    for file in prepared.commit.files:
        try:
            create_from(release, file.key, prepared.folder / file.key)
        except KeyExistsError:
            raise _taken(prepared.version) from None


def _sign(parts: Sequence[tuple[Store, Prepared]], signer: SigningKey | None) -> None:
    """Sign what is not signed yet, be it committed already or not: a signature is never replaced."""
    if signer is None:
        return
    for store, prepared in parts:
        files = signed(prepared.commit, signer)
        if not (stands(store, prepared.commit) and any(store.head(key) for key in files)):
            for key, content in files.items():
                _create(store, key, content, prepared.version)


def _create(release: Store, key: str, content: bytes, version: str) -> None:
    try:
        release.create(key, content)
    except KeyExistsError:
        raise _taken(version) from None


def _copy_objects(instances: pa.Table, store: Store, context: ReleaseContext, progress: Progress | None) -> int:
    """Copy what is absent, on the server's side, many at a time."""
    rows = absent_objects(store, instances).select(["key", "sha256"])

    def copy(key: str, sha256: str) -> bool:
        return store.copy_from(context.work, object_key(sha256), key, sha256=sha256)

    done, copied = count(1), 0
    with ThreadPoolExecutor(COPIES_PER_PROCESS * context.settings.processes) as pool:
        for batch in rows.to_batches(max_chunksize=COPIES_AT_ONCE):
            for written in pool.map(copy, *(column.to_pylist() for column in batch.columns)):
                copied += written
                if progress:
                    progress(next(done), rows.num_rows)
    return copied


def _check(release: ReadOnlyStore, prepared: Prepared) -> None:
    """Read back what was written: sizes of all, contents of some."""
    missing = absent_objects(release, prepared.instances).num_rows
    listed = {stored.key: stored.size_bytes for stored in release.list(release_key(prepared.version, ""))}
    files = sum(listed.get(file.key) != file.size_bytes for file in prepared.commit.files)
    rows = sampled(prepared.instances.select(["key", "sha256"]), 0 if missing else REREAD).to_pylist()
    damaged = sum(sha256_of(release.read(row["key"])) != row["sha256"] for row in rows)
    if missing or files or damaged:
        raise VerificationError(
            f"release {prepared.version} is not what was written: {missing} objects and {files} files are missing or of"
            f" another size, {damaged} of {len(rows)} objects read again are damaged; nothing was published",
            next_step="check the store with `curate doctor`, then build again",
        )


def sampled(rows: pa.Table, size: int | None) -> pa.Table:
    """Give `size` rows spread evenly over a table, the same ones every time; None gives all."""
    if size is None or size >= rows.num_rows:
        return rows
    return rows.take(pa.array([place * rows.num_rows // size for place in range(size)], pa.int64()))


def _still_follows(release: ReadOnlyStore, commit: Commit) -> None:
    pointer = read_pointer(release)
    current = pointer.release_version if pointer else None
    if current not in {commit.previous_version, commit.release_version}:
        raise _overtaken(commit, current)


def _overtaken(commit: Commit, current: str | None) -> GateError:
    return GateError(
        f"{commit.release_version} follows {commit.previous_version or 'no release'}, but {current} was published"
        " meanwhile; nothing was published",
        next_step="build again under a new version",
    )


def point_to(release: Store, commit: Commit) -> None:
    """Make a committed release the current one, unless it is or was already.

    Raises
    ------
    GateError
        If the current release is not the one that it follows.
    """
    pointer = read_pointer(release)
    current = pointer.release_version if pointer else None
    if current != commit.previous_version:
        if all(earlier.release_version != commit.release_version for earlier in history(release, current)):
            raise _overtaken(commit, current)
        return
    try:
        release.swap(CURRENT, pointer_bytes(commit), expected=pointer.token if pointer else None)
    except StaleVersionError:
        point_to(release, commit)
