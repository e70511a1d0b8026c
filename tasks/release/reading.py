"""How a release is found and read by anyone: pointer, commit, files; every byte is checked against its digest."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from tasks.errors import VerificationError
from tasks.layout import CURRENT, release_key
from tasks.release.model import About, Commit, ReleasedFile, Tables
from tasks.release.rows import INSTANCES, OnDisk
from tasks.store import ReadOnlyStore
from tasks.store.content import sha256_of, sha256_of_file
from tasks.store.files import fetch
from tasks.store.parquet import ROWS_AT_ONCE, read_table, write_batches

COMMIT = "_COMMIT.json"
RELEASES = "releases/"
TABLES = "tables/"
LARGE = (INSTANCES, "change_log", "lineage")  # tables of which a release may have millions of rows
LISTED = pa.schema([("key", pa.string()), ("size", pa.int64())])
_SUFFIX = ".parquet"
_NO_NAMES = frozenset({"", ".", ".."})  # parts of a key that name no file
DO_NOT_USE = "do not use this release; tell its publisher"


@dataclass(frozen=True, slots=True)
class Pointer:
    """What ``current.json`` says, and its version token for a swap."""

    release_version: str
    commit_sha256: str
    token: str


def pointer_bytes(commit: Commit) -> bytes:
    """Give the content of ``current.json`` that names a release."""
    content = {
        "release_version": commit.release_version,
        "commit": release_key(commit.release_version, COMMIT),
        "commit_sha256": commit.sha256,
        "root_digest": commit.root_digest,
    }
    return (json.dumps(content, sort_keys=True, indent=1) + "\n").encode("ascii")


def read_pointer(release: ReadOnlyStore) -> Pointer | None:
    """Give the pointer to the current release, or None if nothing was released yet.

    Raises
    ------
    VerificationError
        If it cannot be understood.
    """
    found = release.read_versioned(CURRENT)
    if found is None:
        return None
    try:
        content = json.loads(found[0])
        return Pointer(str(content["release_version"]), str(content["commit_sha256"]), found[1])
    except (ValueError, KeyError, TypeError):
        raise VerificationError(f"{CURRENT} is damaged", next_step=DO_NOT_USE) from None


def current_version(release: ReadOnlyStore) -> str | None:
    """Give the version of the current release, or None if nothing was released yet."""
    pointer = read_pointer(release)
    return pointer.release_version if pointer else None


def read_commit(release: ReadOnlyStore, version: str) -> Commit | None:
    """Give the commit of a release, or None if there is none, which means that there is no such release.

    Raises
    ------
    VerificationError
        If it is damaged, or names a file that does not lie below the release.
    """
    key = release_key(version, COMMIT)
    found = release.read_versioned(key)
    if found is None:
        return None
    try:
        content = json.loads(found[0])
        content["files"] = tuple(ReleasedFile(**file) for file in content["files"])
        about = content["about"]
        content["about"] = About(**about | {"creators": tuple(about["creators"])})
        commit = Commit(**content)
    except (ValueError, KeyError, TypeError):
        commit = None
    if commit is None or commit.release_version != version or commit.to_bytes() != found[0] or not _is_apart(commit):
        raise VerificationError(f"{key} is damaged", next_step=DO_NOT_USE)
    return commit


def _is_apart(commit: Commit) -> bool:
    """Tell whether all files lie below their release: readers lay them out by their keys, which must not lead away."""
    root = release_key(commit.release_version, "")
    return all(file.key.startswith(root) and _NO_NAMES.isdisjoint(file.key.split("/")) for file in commit.files)


def committed(release: ReadOnlyStore, version: str | None) -> Commit:
    """Give the commit of a release that must be there; None for the current one.

    Raises
    ------
    VerificationError
        If there is no such release.
    """
    if version is None:
        pointer = read_pointer(release)
        if pointer is None:
            raise VerificationError(f"nothing was released to {release.address} yet", next_step="build a release first")
        version = pointer.release_version
    commit = read_commit(release, version)
    if commit is None:
        raise VerificationError(f"there is no release {version}", next_step="look at the releases/ of the store")
    return commit


def history(release: ReadOnlyStore, version: str | None) -> Iterator[Commit]:
    """Give the commit of a release and of those before it, back to the first."""
    while version is not None:
        commit = committed(release, version)
        yield commit
        version = commit.previous_version


def every_commit(release: ReadOnlyStore, version: str | None) -> Iterator[Commit]:
    """Give the commits of a release and its history, then of releases that were committed and are in no history.

    Such a release stands if its builder was overtaken, or stopped, before it could become the current one.
    """
    seen = set[str]()
    for commit in history(release, version):
        seen.add(commit.release_version)
        yield commit
    for name in release.folders(RELEASES):
        found = read_commit(release, name) if name not in seen else None
        if found:
            yield found


def table_key(version: str, name: str) -> str:
    """Give the key of a released table."""
    return release_key(version, table_name(name))


def table_name(name: str) -> str:
    """Give the name in a release of the file of a table."""
    return f"{TABLES}{name}{_SUFFIX}"


def table_files(commit: Commit) -> dict[str, ReleasedFile]:
    """Give the files of a release that are tables, by the tables' names."""
    root = release_key(commit.release_version, TABLES)
    return {
        file.key.removeprefix(root).removesuffix(_SUFFIX): file for file in commit.files if file.key.startswith(root)
    }


def read_file(release: ReadOnlyStore, file: ReleasedFile) -> bytes:
    """Give the content of a released file.

    Raises
    ------
    VerificationError
        If it does not have the digest that the commit states.
    """
    content = release.read(file.key)
    if sha256_of(content) != file.sha256:
        raise _other_digest(file)
    return content


def _other_digest(file: ReleasedFile) -> VerificationError:
    return VerificationError(f"{file.key} does not have the digest that its release states", next_step=DO_NOT_USE)


def open_tables(release: ReadOnlyStore, version: str | None = None, names: Iterable[str] | None = None) -> Tables:
    """Give the tables of a release by name.

    Parameters
    ----------
    version
        None for the current release.
    names
        The tables to read; None for all.

    Raises
    ------
    VerificationError
        If there is no such release, it has no such table, or a table is not what the release states.
    """
    files = table_files(committed(release, version))
    wanted = files.keys() if names is None else names
    return {name: read_table(read_file(release, _named(files, name))) for name in wanted}


def _named(files: Mapping[str, ReleasedFile], name: str) -> ReleasedFile:
    if name not in files:
        raise VerificationError(
            f"a release has no table {name}", next_step="read it with the version of the pipeline that made it"
        )
    return files[name]


def fetched_tables(release: ReadOnlyStore, version: str | None, names: Iterable[str], folder: Path) -> Tables:
    """Give tables of a release by name, of which those of millions of rows stay in files of a folder.

    Raises
    ------
    VerificationError
        As from `open_tables`.
    """
    wanted = tuple(names)
    files = table_files(committed(release, version))
    small = open_tables(release, version, [name for name in wanted if name not in LARGE])
    large = {name: OnDisk((fetched(release, _named(files, name), folder),)) for name in wanted if name in LARGE}
    return {name: large[name] if name in large else small[name] for name in wanted}


def fetched(release: ReadOnlyStore, file: ReleasedFile, folder: Path) -> Path:
    """Bring a released file to a folder, under its key, unless it is there already, checked, and give where it lies.

    Raises
    ------
    MissingKeyError
        If it is not in the store.
    VerificationError
        If it does not have the digest that the commit states.
    """
    path = folder / file.key
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    fetch(release, file.key, path)
    if sha256_of_file(path) != file.sha256:
        path.unlink()
        raise _other_digest(file)
    return path


def listed_objects(release: ReadOnlyStore, prefix: str, path: Path) -> OnDisk:
    """Write key and size of every object under a prefix to a file, in no order, and give its rows."""
    write_batches(_listed(release, prefix), LISTED, path)
    return OnDisk((path,))


def _listed(release: ReadOnlyStore, prefix: str) -> Iterator[pa.RecordBatch]:
    listed = release.sizes(prefix)
    while chunk := list(islice(listed, ROWS_AT_ONCE)):
        keys, sizes = zip(*chunk, strict=True)
        yield pa.record_batch([pa.array(keys, pa.string()), pa.array(sizes, pa.int64())], schema=LISTED)
