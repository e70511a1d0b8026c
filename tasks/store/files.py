"""Large objects between a store and a local file, piece by piece where the store can do that."""

import hashlib
from pathlib import Path

from tasks.errors import MissingKeyError
from tasks.store.protocol import FileStore, PartedStore, ReadOnlyStore, Store

PIECE_BYTES = 1 << 20


def fetch(store: ReadOnlyStore, key: str, path: Path) -> None:
    """Write the content of an object to a local file.

    Raises
    ------
    MissingKeyError
        If there is no such object; no file is made.
    """
    if isinstance(store, PartedStore):
        store.fetch(key, path)
        return
    if not isinstance(store, FileStore):
        path.write_bytes(store.read(key))
        return
    buffer = memoryview(bytearray(PIECE_BYTES))
    with store.incoming(key) as source:
        if source is None:
            raise MissingKeyError("there is no such object", next_step="run the stage that writes it")
        with path.open("wb") as file:
            while count := source.readinto(buffer):
                file.write(buffer[:count])


def create_from(store: Store, key: str, path: Path) -> bool:
    """Create an object from a local file; False if the same bytes already stood there.

    Raises
    ------
    KeyExistsError
        If other bytes stand under `key`.
    """
    if isinstance(store, PartedStore):
        return store.create_from(key, path)
    if not isinstance(store, FileStore):
        return store.create(key, path.read_bytes())
    digest, buffer = hashlib.sha256(), memoryview(bytearray(PIECE_BYTES))
    with store.outgoing() as sink, path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            sink.write(buffer[:count])
        return sink.create(key, sha256=digest.hexdigest())
