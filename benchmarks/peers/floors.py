"""The physical limit: copy, and copy with SHA-256, through one reused buffer. ``floors.py copy|copy-sha256``."""

import hashlib
import sys
from pathlib import Path

from worker import Pairs, Work, one_by_one, serve

BUFFER = memoryview(bytearray(256 * 1024))


def copy(source: Path, target: Path) -> None:
    """Copy a file."""
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        while count := reader.readinto(BUFFER):
            writer.write(BUFFER[:count])


def copy_and_hash(source: Path, target: Path) -> str:
    """Copy a file and give the SHA-256 of its bytes."""
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        while count := reader.readinto(BUFFER):
            digest.update(BUFFER[:count])
            writer.write(BUFFER[:count])
    return digest.hexdigest()


def prepare(_out: Path, pairs: Pairs) -> Work:
    """Give the floor that the command line names."""
    return one_by_one(copy if sys.argv[1] == "copy" else copy_and_hash, pairs)


if __name__ == "__main__":
    serve(prepare)
