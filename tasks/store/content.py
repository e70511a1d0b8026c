"""What every store says and checks about content, in the same words; no message names a source key."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tasks.errors import KeyExistsError, MissingKeyError, StaleVersionError, StoreError, VerificationError
from tasks.store.protocol import ReadOnlyStore


def sha256_of(data: bytes) -> str:
    """Give the hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Give the hexadecimal SHA-256 of a file, of which little is in memory at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def byte_order(key: str) -> bytes:
    """Give what keys are sorted by: their UTF-8 bytes, as AWS lists them."""
    return key.encode()


def first_folders(names: Iterable[str]) -> list[str]:
    """Give the first folder of each name that has one, each once, in byte order; names are relative to a prefix."""
    return sorted({name.split("/", 1)[0] for name in names if "/" in name}, key=byte_order)


def read_checked(source: ReadOnlyStore, source_key: str, key: str, *, sha256: str) -> bytes:
    """Read an object of another store that is to become `key`, and check it.

    Raises
    ------
    VerificationError
        If the content does not have the digest.
    """
    data = source.read(source_key)
    if sha256_of(data) != sha256:
        raise unlike_digest(key)
    return data


def missing(address: str) -> MissingKeyError:
    """Give the error of reading what is not there; the key may be a contributor's, so it is not named."""
    return MissingKeyError(
        f"an object that was to be read is not in {address}",
        next_step="check that nobody removes objects while a run works on them, then run again",
    )


def occupied(key: str) -> KeyExistsError:
    """Give the error of creating a key under which other bytes stand."""
    return KeyExistsError(
        f"other bytes already stand under {key}",
        next_step="find out what wrote them; what stands is never replaced",
    )


def split(address: str) -> StoreError:
    """Give the error of a key that would be an object and the folder of others at once, where that cannot be."""
    return StoreError(
        f"a key in {address} would be an object and a folder at once, which this store cannot hold",
        next_step="rename the object, or use a store where keys are only names, such as AWS S3",
    )


def stale(key: str) -> StaleVersionError:
    """Give the error of swapping an object that changed meanwhile."""
    return StaleVersionError(f"{key} was changed by somebody else meanwhile", next_step="run again")


def unlike_digest(key: str) -> VerificationError:
    """Give the error of content that does not have the digest it was announced with."""
    return VerificationError(
        f"what was to become {key} does not have the digest it should have",
        next_step="nothing was written; check the store it comes from with `curate doctor`",
    )
