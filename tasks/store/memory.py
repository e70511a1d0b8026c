"""A store that lives in this process, for tests and small trials; it must behave like the real ones to the letter."""

import threading
import time
from collections.abc import Iterator

from tasks.model import StoredChecksum, StoredObject
from tasks.store.content import byte_order, first_folders, missing, occupied, read_checked, sha256_of, stale
from tasks.store.protocol import ReadOnlyStore


class MemoryStore:
    """Objects in a dictionary; safe to share between threads, gone with the process."""

    def __init__(self, name: str = "memory") -> None:
        self.address = f"memory://{name}"
        self._objects: dict[str, bytes] = {}
        self._written: dict[str, float] = {}
        self._lock = threading.Lock()

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Give every object under `prefix` in byte order of the keys, as they stood at the first step."""
        with self._lock:
            found = {key: data for key, data in self._objects.items() if key.startswith(prefix)}
        for key in sorted(found, key=byte_order):
            yield _stored(key, found[key])

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Give key and size of every object under `prefix`."""
        return ((stored.key, stored.size_bytes) for stored in self.list(prefix))

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Give the names of the folders directly under `prefix`, in byte order."""
        with self._lock:
            names = [key.removeprefix(prefix) for key in self._objects if key.startswith(prefix)]
        yield from first_folders(names)

    def head(self, key: str) -> StoredObject | None:
        """Give size and version token of an object, or None if there is none."""
        data = self._objects.get(key)
        return None if data is None else _stored(key, data)

    def read(self, key: str) -> bytes:
        """Give the whole content of an object.

        Raises
        ------
        MissingKeyError
            If there is none.
        """
        data = self._objects.get(key)
        if data is None:
            raise missing(self.address)
        return data

    def read_versioned(self, key: str) -> tuple[bytes, str] | None:
        """Give content and version token of an object, or None if there is none."""
        data = self._objects.get(key)
        return None if data is None else (data, sha256_of(data))

    def stored_checksum(self, key: str) -> StoredChecksum | None:  # noqa: ARG002 -- as the protocol has it
        """Give None: nothing is kept beside the bytes."""
        return None

    def create(self, key: str, data: bytes) -> bool:
        """Create an object; False if the same bytes already stood there.

        Raises
        ------
        KeyExistsError
            If other bytes stand under `key`.
        """
        with self._lock:
            standing = self._objects.get(key)
            if standing is None:
                self._objects[key] = bytes(data)
                self._written[key] = time.monotonic()
        if standing not in {None, data}:
            raise occupied(key)
        return standing is None

    def swap(self, key: str, data: bytes, *, expected: str | None) -> str:
        """Replace an object if its version token is still `expected` (None: if there is none); give the new token.

        Raises
        ------
        StaleVersionError
            If it changed, and does not hold `data` already.
        """
        with self._lock:
            standing = self._objects.get(key)
            current = None if standing is None else sha256_of(standing)
            if current != expected and standing != data:
                raise stale(key)
            self._objects[key] = bytes(data)
            self._written[key] = time.monotonic()
        return sha256_of(data)

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
        """Remove an object; nothing happens if there is none."""
        with self._lock:
            self._objects.pop(key, None)

    def age_seconds(self, key: str) -> float | None:
        """Give the seconds since an object was written, or None if there is none."""
        return time.monotonic() - self._written[key] if key in self._objects else None


def _stored(key: str, data: bytes) -> StoredObject:
    return StoredObject(key, len(data), sha256_of(data))
