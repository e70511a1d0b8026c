"""What a store can do, in three sizes, so that a stage is given no more than it needs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from tasks.model import StoredChecksum, StoredObject


class ReadOnlyStore(Protocol):
    """A store that can be looked at."""

    @property
    def address(self) -> str:
        """The address this store was opened by, without secrets."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Give every object under `prefix`, in ascending order of the UTF-8 bytes of its key, on every store.

        Raises
        ------
        StoreError
            If the store is missing, refuses us, or cannot be reached.
        """
        ...

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Give key and size in bytes of every object under `prefix`, in any order, as they are met.

        No content is read and nothing is kept, so millions can be listed.
        """
        ...

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Give the names of the folders directly under `prefix` (empty or ending in ``/``), in byte order.

        Cheap where `list` is not: a store is not walked to its leaves. Some stores keep folders that became empty.
        """
        ...

    def head(self, key: str) -> StoredObject | None:
        """Give size and version token of an object, or None if there is none."""
        ...

    def read(self, key: str) -> bytes:
        """Give the whole content of an object.

        Raises
        ------
        MissingKeyError
            If there is none.
        StoreError
            If it cannot be had undamaged, also in any method below: if the store is missing or refuses us.
        """
        ...

    def read_versioned(self, key: str) -> tuple[bytes, str] | None:
        """Give content and version token of an object, read at once, or None if there is none."""
        ...

    def stored_checksum(self, key: str) -> StoredChecksum | None:
        """Give the checksum that the store itself keeps of a whole object, without reading it.

        None if it keeps none that can be compared with a digest of ours, as folders do, or if there is no object.
        """
        ...


class CreateOnlyStore(Protocol):
    """A store in which new objects can be made; what stands is never replaced."""

    def create(self, key: str, data: bytes) -> bool:
        """Create an object; tells whether it was written now (False: the same bytes already stood there).

        A lost answer of our own write counts as written by whoever reads it back.

        Raises
        ------
        KeyExistsError
            If other bytes stand under `key`.
        """
        ...


class Store(ReadOnlyStore, CreateOnlyStore, Protocol):
    """A store of ours: also compare-and-swap of a pointer, copy between stores, age, and removal."""

    def swap(self, key: str, data: bytes, *, expected: str | None) -> str:
        """Replace an object if its version token is still `expected` (None: if there is none); give the new token.

        An object that already holds `data` counts as swapped by us: a lost answer of our own write looks just so.
        Writers that must tell their writes apart put something of their own into the content.

        Raises
        ------
        StaleVersionError
            If it changed, and does not hold `data` already.
        """
        ...

    def copy_from(self, source: ReadOnlyStore, source_key: str, key: str, *, sha256: str) -> bool:
        """Create `key` from an object of another store, on the server's side where both are on one server.

        Parameters
        ----------
        sha256
            Hexadecimal digest of the content; what arrives is checked against it.

        Returns
        -------
        bool
            False if the same content already stood there.

        Raises
        ------
        KeyExistsError
            If other bytes stand under `key`.
        VerificationError
            If the content does not have the digest; nothing is left under `key`.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        ...

    def age_seconds(self, key: str) -> float | None:
        """Give the seconds since an object was written, by the clock of its store, or None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Leftover:
    """What an upload that was stopped has left, which no listing shows; `token` is how its store finds it again."""

    token: tuple[str, ...]
    size_bytes: int
    age_seconds: float


@runtime_checkable
class LeavingStore(Protocol):
    """A store in which an upload that is stopped leaves something behind."""

    def leftovers(self) -> Iterator[Leftover]:
        """Give what uploads have left that were stopped, or are under way."""
        ...

    def discard(self, left: Leftover) -> None:
        """Remove it; nothing happens if it is gone."""
        ...


class Incoming(Protocol):
    """An object that is read piece by piece."""

    @property
    def size_bytes(self) -> int:
        """The size of all of it."""
        ...

    @property
    def etag(self) -> str:
        """The version token; of what was read so far, thus only at the end that of the object."""
        ...

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a part of the buffer and give its size; 0 at the end."""
        ...


class Outgoing(Protocol):
    """An object that is written piece by piece, and is nowhere until it is created."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Write all of these bytes after those before."""
        ...

    def create(self, key: str, *, sha256: str) -> bool:
        """Create an object of all that was written, as `CreateOnlyStore.create` does.

        Parameters
        ----------
        sha256
            The digest of all that was written.
        """
        ...


@runtime_checkable
class PartedStore(Protocol):
    """A store that moves a large object part by part between itself and a local file."""

    def fetch(self, key: str, path: Path) -> None:
        """Write the content of an object to a local file.

        Raises
        ------
        MissingKeyError
            If there is no such object; no file is made.
        StaleVersionError
            If it is replaced meanwhile.
        """
        ...

    def create_from(self, key: str, path: Path) -> bool:
        """Create an object from a local file, as `CreateOnlyStore.create` does."""
        ...


@runtime_checkable
class FileStore(Protocol):
    """A store whose objects are files, so that a large one need not be in memory at once."""

    def incoming(self, key: str) -> AbstractContextManager[Incoming | None]:
        """Open an object, or give None if there is none."""
        ...

    def outgoing(self) -> AbstractContextManager[Outgoing]:
        """Begin an object; what was not created is gone in the end."""
        ...
