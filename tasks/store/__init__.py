"""The only door to bytes: S3, a local folder or memory behind one protocol; `tasks.store.opening` opens an address."""

from tasks.store.protocol import CreateOnlyStore, FileStore, Incoming, LeavingStore, ReadOnlyStore, Store

__all__ = ["CreateOnlyStore", "FileStore", "Incoming", "LeavingStore", "ReadOnlyStore", "Store"]
