"""The only door to bytes: S3, a local folder or memory behind one protocol; `tasks.store.opening` opens an address."""

import os

from tasks.store.protocol import CreateOnlyStore, FileStore, Incoming, LeavingStore, ReadOnlyStore, Store

os.environ.setdefault("BOTO_DISABLE_CRT", "true")  # awscrt is here for its checksum; requests stay boto3's own

__all__ = ["CreateOnlyStore", "FileStore", "Incoming", "LeavingStore", "ReadOnlyStore", "Store"]
