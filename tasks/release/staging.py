"""The files of a release on local disk until they are published: each is written once and digested there.

Nothing of a file stays in memory, and nothing stands in a store before all of it was written.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from tasks.layout import release_key
from tasks.release.model import ReleasedFile
from tasks.store.parquet import write_batches


@dataclass(frozen=True, slots=True)
class Staging:
    """A folder in which the files of one release lie under their keys, and what is known of them."""

    folder: Path
    version: str
    _files: dict[str, ReleasedFile] = field(default_factory=dict)

    @property
    def files(self) -> tuple[ReleasedFile, ...]:
        """All files so far, in the order of their keys."""
        return tuple(self._files[key] for key in sorted(self._files))

    def path(self, key: str) -> Path:
        """Give where the file with this key lies."""
        return self.folder / key

    def add(self, name: str, pieces: Iterable[bytes]) -> ReleasedFile:
        """Write a file piece by piece, under its name in the release."""
        path = self._place(name)
        with path.open("wb") as file:
            file.writelines(pieces)
        return self._keep(name, path)

    def add_table(self, name: str, table: pa.Table) -> ReleasedFile:
        """Write a sorted table, holding one group of rows at a time."""
        path = self._place(name)
        write_batches(table.to_batches(), table.schema, path)
        return self._keep(name, path)

    def _place(self, name: str) -> Path:
        path = self.path(release_key(self.version, name))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _keep(self, name: str, path: Path) -> ReleasedFile:
        key = release_key(self.version, name)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._files[key] = ReleasedFile(key, path.stat().st_size, digest)
        return self._files[key]


@dataclass(frozen=True, slots=True)
class StagedFiles(Mapping[str, bytes]):
    """The contents of staged files by their keys, each read from disk when it is asked for."""

    folder: Path
    keys_in_order: tuple[str, ...]

    def __getitem__(self, key: str) -> bytes:
        """Give the content of a file."""
        if key not in self.keys_in_order:
            raise KeyError(key)
        return (self.folder / key).read_bytes()

    def __iter__(self) -> Iterator[str]:
        """Give the keys in their order."""
        return iter(self.keys_in_order)

    def __len__(self) -> int:
        """Count the files."""
        return len(self.keys_in_order)


def digest_of(pieces: Iterable[bytes]) -> str:
    """Give the hexadecimal SHA-256 of a file in pieces."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
