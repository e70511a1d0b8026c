"""The files of a release on local disk until they are published: each is written once and digested there.

Nothing of a file stays in memory, and nothing stands in a store before all of it was written.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tasks.layout import release_key
from tasks.release.model import ReleasedFile
from tasks.release.rows import OnDisk, Rows, batches_of
from tasks.store.content import sha256_of_file
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
        path = self.place(name)
        with path.open("wb") as file:
            file.writelines(pieces)
        return self._keep(name, path)

    def add_table(self, name: str, rows: Rows) -> ReleasedFile:
        """Write a sorted table, holding one group of rows at a time; what was written at its place stays as it is."""
        path = self.place(name)
        if not isinstance(rows, OnDisk) or rows.paths != (path,):
            write_batches(batches_of(rows), rows.schema, path)
        return self._keep(name, path)

    def place(self, name: str) -> Path:
        """Give where a file of the release is to be written, by its name there."""
        path = self.path(release_key(self.version, name))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _keep(self, name: str, path: Path) -> ReleasedFile:
        key = release_key(self.version, name)
        self._files[key] = ReleasedFile(key, path.stat().st_size, sha256_of_file(path))
        return self._files[key]


def digest_of(pieces: Iterable[bytes]) -> str:
    """Give the hexadecimal SHA-256 of a file in pieces."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
