"""A store in a folder of a local or mounted file system; no key and no link may lead out of it."""

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path

from tasks.errors import StoreError
from tasks.model import StoredChecksum, StoredObject
from tasks.store.content import first_folders, missing, occupied, read_checked, sha256_of, split, stale
from tasks.store.folder import PARTIAL, entries, path_of, resolved, unfit, walk
from tasks.store.protocol import Leftover, ReadOnlyStore

NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})  # of os.link where there are none
LOCK = "lock"
NEXT_STEPS = {
    errno.EACCES: "give this user the right to it, or name another folder",
    errno.EROFS: "name a folder that can be written",
    errno.ENOSPC: "free some space, then run again",
    errno.EDQUOT: "free some space, then run again",
}


@dataclass(frozen=True, slots=True)
class LocalStore:
    """The objects are the regular files under `root`, which must exist; keys are their paths relative to it.

    Version tokens are SHA-256 digests, so `list` and `head` read what they describe. Symbolic links are refused.
    """

    root: Path

    @property
    def address(self) -> str:
        """The folder as a ``file://`` address."""
        return self.root.absolute().as_uri()

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Give every file under `prefix` in byte order of the whole keys.

        Raises
        ------
        StoreError
            If the folder is missing or unreadable, or holds symbolic links, special files or names that are not UTF-8.
        """
        with self._explained():
            for key in walk(self.root, prefix):
                found = self.head(key)
                if found is not None:  # not removed since
                    yield found

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Give key and size of every file under `prefix`."""
        with self._explained():
            for key in walk(self.root, prefix):
                try:
                    size = path_of(self.root, key).stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue  # removed since
                yield key, size

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Give the names of the folders directly under `prefix` (empty or ending in ``/``), in byte order."""
        with self._explained():
            yield from first_folders(key.removeprefix(prefix) for key, _ in entries(self.root, prefix))

    def head(self, key: str) -> StoredObject | None:
        """Give size and version token of a file, or None if there is none; memory does not grow with its size."""
        with self._explained(), self._opened(key) as file:
            if file is None:
                return None
            token = hashlib.file_digest(file, "sha256").hexdigest()
            return StoredObject(key, file.tell(), token)

    def read(self, key: str) -> bytes:
        """Give the whole content of a file.

        Raises
        ------
        MissingKeyError
            If there is none.
        """
        with self._explained(), self._opened(key) as file:
            if file is None:
                raise missing(self.address)
            return file.read()

    def read_versioned(self, key: str) -> tuple[bytes, str] | None:
        """Give content and version token of a file, or None if there is none."""
        with self._explained(), self._opened(key) as file:
            if file is None:
                return None
            data = file.read()
            return data, sha256_of(data)

    def stored_checksum(self, key: str) -> StoredChecksum | None:  # noqa: ARG002 -- as the protocol has it
        """Give None: nothing is kept beside the bytes."""
        return None

    def create(self, key: str, data: bytes) -> bool:
        """Create a file, whole or not at all; False if the same bytes already stood there.

        Raises
        ------
        KeyExistsError
            If other bytes stand under `key`.
        """
        with self.outgoing() as partial:
            partial.write(data)
            return partial.create(key, sha256=sha256_of(data))

    def swap(self, key: str, data: bytes, *, expected: str | None) -> str:
        """Replace a file if its version token is still `expected` (None: if there is none); give the new token.

        Raises
        ------
        StaleVersionError
            If it changed, and does not hold `data` already.
        """
        token = sha256_of(data)
        with self._explained(), self._partial() as partial, self.locked():
            partial.write(data)
            partial.close()
            found = self.head(key)
            current = found.etag if found else None
            if current not in {expected, token}:
                raise stale(key)
            if found:
                partial.path.replace(path_of(self.root, key))
            elif not self.placed(partial.path, key):
                raise stale(key)
        return token

    def copy_from(self, source: ReadOnlyStore, source_key: str, key: str, *, sha256: str) -> bool:
        """Create `key` from an object of another store, checked against its digest; False if it already stood there.

        Raises
        ------
        KeyExistsError
            If other bytes stand under `key`.
        VerificationError
            If the content does not have the digest; nothing is written.
        """
        return self.create(key, read_checked(source, source_key, key, sha256=sha256))

    def delete(self, key: str) -> None:
        """Remove a file and the folders that it leaves empty; nothing happens if there is none."""
        path = path_of(self.root, key)
        with self._explained(), self.locked():
            if not path.is_file():
                return
            path.unlink()
            for folder in path.parents[: key.count("/")]:
                if any(folder.iterdir()):
                    break
                folder.rmdir()

    def age_seconds(self, key: str) -> float | None:
        """Give the seconds since a file was written, by this machine's clock, or None if there is none."""
        with self._explained(), self._opened(key) as file:
            return None if file is None else max(time.time() - os.fstat(file.fileno()).st_mtime, 0)

    def leftovers(self) -> Iterator[Leftover]:
        """Give the half-written files that lie outside the listing."""
        with self._explained():
            for path in sorted((resolved(self.root) / PARTIAL).glob("*")):
                with suppress(FileNotFoundError):  # its writer came to its end
                    found = path.lstat()
                    if path.name != LOCK:
                        yield Leftover((path.name,), found.st_size, max(time.time() - found.st_mtime, 0))

    def discard(self, left: Leftover) -> None:
        """Remove a half-written file; nothing happens if there is none."""
        with self._explained():
            (resolved(self.root) / PARTIAL / left.token[0]).unlink(missing_ok=True)

    @contextmanager
    def incoming(self, key: str) -> Iterator["Incoming | None"]:
        """Open a file, or give None if there is none."""
        with self._explained(), self._opened(key) as file:
            yield Incoming(file) if file else None

    @contextmanager
    def outgoing(self) -> Iterator["Outgoing"]:
        """Begin a file; what was not created is gone in the end."""
        with self._explained(), self._partial() as partial:
            yield partial

    @contextmanager
    def _opened(self, key: str) -> Iterator[BufferedReader | None]:
        """Open a regular file; None if there is none. A link or a pipe put in its place is not followed."""
        descriptor = _descriptor(path_of(self.root, key))
        kind = stat.S_IFDIR if descriptor is None else stat.S_IFMT(os.fstat(descriptor).st_mode)
        if descriptor is not None and kind != stat.S_IFREG:
            os.close(descriptor)
        if descriptor is None or kind == stat.S_IFDIR:
            yield None
        elif kind == stat.S_IFREG:
            with os.fdopen(descriptor, "rb") as file:
                yield file
        else:
            raise unfit(self.root, "a special file")

    @contextmanager
    def _partial(self) -> Iterator["Outgoing"]:
        """Give a file outside the listing; it is gone afterwards if it was not moved."""
        path = resolved(self.root) / PARTIAL / secrets.token_hex(16)
        path.parent.mkdir(exist_ok=True)
        try:
            with path.open("xb", buffering=0) as file:
                yield Outgoing(self, path, file)
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers of this store out, in this process and in others."""
        lock = resolved(self.root) / PARTIAL / LOCK
        lock.parent.mkdir(exist_ok=True)
        with lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def placed(self, partial: Path, key: str) -> bool:
        """Put a finished file at its key unless something is there."""
        path = path_of(self.root, key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(partial, path)
        except FileExistsError:
            return False
        except NotADirectoryError:
            raise split(self.address) from None
        except OSError as problem:
            if problem.errno not in NO_LINKS:
                raise
            if path.exists():
                return False
            partial.replace(path)  # the lock stands in for the link
        return True

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            if problem.errno == errno.ELOOP:
                raise unfit(self.root, "a symbolic link") from None
            number = problem.errno or 0
            raise StoreError(
                f"the folder {self.root} cannot be used: {os.strerror(number)}",
                next_step=NEXT_STEPS.get(number, "check the folder and its file system, then run again"),
            ) from None


class Incoming:
    """A file that is read piece by piece."""

    def __init__(self, file: BufferedReader) -> None:
        self._file, self._digest = file, hashlib.sha256()
        self.size_bytes = os.fstat(file.fileno()).st_size

    @property
    def etag(self) -> str:
        """The SHA-256 of what was read so far."""
        return self._digest.hexdigest()

    def readinto(self, buffer: memoryview) -> int:
        """Fill a part of the buffer and give its size; 0 at the end."""
        count = self._file.raw.readinto(buffer) or 0
        self._digest.update(buffer[:count])
        return count


class Outgoing:
    """A file that is written piece by piece, outside the listing until it is created."""

    def __init__(self, store: LocalStore, path: Path, file: FileIO) -> None:
        self._store, self.path, self._file = store, path, file

    def write(self, data: bytes | memoryview) -> None:
        """Write all of these bytes after those before."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def close(self) -> None:
        """Bring all of it to the disk."""
        os.fsync(self._file.fileno())
        self._file.close()

    def create(self, key: str, *, sha256: str) -> bool:
        """Put the file at its key, whole or not at all; False if the same bytes already stood there.

        Raises
        ------
        KeyExistsError
            If other bytes stand under `key`.
        """
        self.close()
        with self._store.locked():
            if self._store.placed(self.path, key):
                return True
            found = self._store.head(key)
            if found is None:
                raise split(self._store.address)
            if found.etag != sha256:
                raise occupied(key)
            return False


def _descriptor(path: Path) -> int | None:
    """Open what lies at a path, without following a link or waiting for a pipe; None if nothing lies there."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
