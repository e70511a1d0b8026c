"""The one way in which a release becomes visible: objects, files, checks, ``_COMMIT.json``, and at last the pointer.

Everything before the pointer is created once and never replaced, so any builder may die anywhere and any other may
finish what it began; who reads by the pointer sees the release before or this one, and always whole.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pyarrow as pa

from config.signing import SigningKey
from tasks.errors import GateError, KeyExistsError, StaleVersionError, VerificationError
from tasks.layout import CURRENT, object_key, release_key
from tasks.release.model import Commit, ReleaseContext
from tasks.release.query import number, stored
from tasks.release.reading import (
    COMMIT,
    current_version,
    history,
    listed_objects,
    pointer_bytes,
    read_commit,
    read_pointer,
)
from tasks.release.rows import OnDisk, Rows, batches_of, sampled
from tasks.release.signing import signed
from tasks.store import ReadOnlyStore, Store
from tasks.store.content import sha256_of
from tasks.store.files import create_from

log = logging.getLogger(__name__)

DATA = "data/"
COPIES_PER_PROCESS = 8  # a copy waits for the server, not for this machine
COPIES_AT_ONCE = 1024
REREAD = 16  # objects read again before the pointer moves; verify-release can read all
Progress = Callable[[int, int], None]
_ABSENT_FORM = pa.schema([("key", pa.string()), ("sha256", pa.string()), ("size", pa.int64())])
_ABSENT = """
SELECT key, sha256, size FROM instances ANTI JOIN listed USING (key, size) ORDER BY key
"""
_RESIZED = "SELECT count(*) FROM instances JOIN listed USING (key) WHERE instances.size <> listed.size"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A release that is ready to be published: its files, which lie in a folder under their keys, and its objects."""

    commit: Commit
    folder: Path
    instances: Rows

    @property
    def files(self) -> dict[str, Path]:
        """Where its files lie, by their keys."""
        return {file.key: self.folder / file.key for file in self.commit.files}

    @property
    def version(self) -> str:
        """The version of the release."""
        return self.commit.release_version

    @property
    def scratch(self) -> Path:
        """A folder for what is in no release."""
        path = self.folder / "scratch"
        path.mkdir(exist_ok=True)
        return path


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


@dataclass(frozen=True, slots=True)
class Standing:
    """What a store holds of the objects of a release.

    `absent` has key, sha256 and size of those that are not there with the size that they should have; `resized` counts
    those of another size.
    """

    absent: OnDisk
    resized: int


@dataclass(frozen=True, slots=True)
class Bound:
    """A prepared release, the store that it is bound for, and what that store held of it."""

    store: Store
    prepared: Prepared
    standing: Standing

    @property
    def is_there(self) -> bool:
        """Whether this very release is committed already (`stands`)."""
        return stands(self.store, self.prepared.commit)


def standing_of(release: ReadOnlyStore, prepared: Prepared) -> Standing:
    """List what lies in a store and compare it with the manifest of a release."""
    listed = listed_objects(release, DATA, prepared.scratch / "listed.parquet")
    rows = {"instances": prepared.instances, "listed": listed}
    absent = stored(prepared.scratch / "absent.parquet", _ABSENT_FORM, _ABSENT, **rows)
    return Standing(absent, number(_RESIZED, **rows))


def publish(
    parts: Sequence[Bound], context: ReleaseContext, progress: Progress | None, confirm: Callable[[], None]
) -> int:
    """Publish the parts of a release, each in its store; give the number of objects that were copied now.

    No part is committed before all lie in their stores, and no pointer moves before all are committed.

    Parameters
    ----------
    confirm
        Raises if the release should not be any more. Called before anything is written, before what was written is
        compared with a store that another may have taken from, and just before anything is committed.

    Raises
    ------
    GateError
        If its version has other content, or another release was published since it was prepared.
    VerificationError
        If what stands in the store is not what was written there.
    """
    waiting = [part for part in parts if not part.is_there]
    copied = 0
    _may_go_on(waiting, confirm)
    for part in waiting:
        _create_files(part.store, part.prepared)
        copied += _copy_objects(part.standing.absent, part.store, context, progress)
    _may_go_on(waiting, confirm)
    for part in waiting:
        _check(part.store, part.prepared)
    _may_go_on(waiting, confirm)
    _sign(parts, context.signer)
    for part in waiting:
        version = part.prepared.version
        _create(part.store, release_key(version, COMMIT), part.prepared.commit.to_bytes(), version)
    for part in parts:
        point_to(part.store, part.prepared.commit)
        log.info("released %s: %d instances", part.prepared.version, part.prepared.commit.counts["n_instances"])
    return copied


def _may_go_on(waiting: Sequence[Bound], confirm: Callable[[], None]) -> None:
    if waiting:
        confirm()
    for part in waiting:
        _still_follows(part.store, part.prepared.commit)


def _create_files(release: Store, prepared: Prepared) -> None:
    for file in prepared.commit.files:
        try:
            create_from(release, file.key, prepared.folder / file.key)
        except KeyExistsError:
            raise _taken(prepared.version) from None


def _sign(parts: Sequence[Bound], signer: SigningKey | None) -> None:
    """Sign what is not signed yet, be it committed already or not: a signature is never replaced."""
    if signer is None:
        return
    for part in parts:
        files = signed(part.prepared.commit, signer)
        if not (part.is_there and any(part.store.head(key) for key in files)):
            for key, content in files.items():
                _create(part.store, key, content, part.prepared.version)


def _create(release: Store, key: str, content: bytes, version: str) -> None:
    try:
        release.create(key, content)
    except KeyExistsError:
        raise _taken(version) from None


def _copy_objects(absent: OnDisk, store: Store, context: ReleaseContext, progress: Progress | None) -> int:
    """Copy what is absent, on the server's side, many at a time."""

    def copy(key: str, sha256: str) -> bool:
        return store.copy_from(context.work, object_key(sha256), key, sha256=sha256)

    done, total, copied = count(1), absent.num_rows, 0
    with ThreadPoolExecutor(COPIES_PER_PROCESS * context.settings.processes) as pool:
        for batch in batches_of(absent, ["key", "sha256"], COPIES_AT_ONCE):
            for written in pool.map(copy, *(column.to_pylist() for column in batch.columns)):
                copied += written
                if progress:
                    progress(next(done), total)
    return copied


def _check(release: ReadOnlyStore, prepared: Prepared) -> None:
    """Read back what was written: sizes of all; contents of some, and the checksums that the store keeps of them."""
    missing = standing_of(release, prepared).absent.num_rows
    listed = {one.key: one.size_bytes for one in release.list(release_key(prepared.version, ""))}
    files = sum(listed.get(file.key) != file.size_bytes for file in prepared.commit.files)
    rows = sampled(prepared.instances, 0 if missing else REREAD, ["key", "sha256", "crc64nvme"]).to_pylist()
    damaged = sum(not _is_sound(release, row) for row in rows)
    if missing or files or damaged:
        raise VerificationError(
            f"release {prepared.version} is not what was written: {missing} objects and {files} files are missing or of"
            f" another size, {damaged} of {len(rows)} objects read again are damaged; nothing was published",
            next_step="check the store with `curate doctor`, then build again",
        )


def _is_sound(release: ReadOnlyStore, row: Mapping[str, str]) -> bool:
    checksum = release.stored_checksum(row["key"])
    is_kept = checksum is None or row[checksum.algorithm] in {checksum.value, None}
    return is_kept and sha256_of(release.read(row["key"])) == row["sha256"]


def _still_follows(release: ReadOnlyStore, commit: Commit) -> None:
    current = current_version(release)
    if current not in {commit.previous_version, commit.release_version}:
        raise _overtaken(commit, current, "nothing was published")


def _overtaken(commit: Commit, current: str | None, outcome: str) -> GateError:
    return GateError(
        f"{commit.release_version} follows {commit.previous_version or 'no release'}, but {current} was published"
        f" meanwhile; {outcome}",
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
            raise _overtaken(commit, current, "its files lie in the store, and it did not become the current release")
        return
    try:
        release.swap(CURRENT, pointer_bytes(commit), expected=pointer.token if pointer else None)
    except StaleVersionError:
        point_to(release, commit)
