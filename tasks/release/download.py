"""Bring instances of a release to a folder: many at once, checked, and what is there already is kept.

A file lies under its key, as the manifests for other tools lay it, and carries its name only once it was checked.
"""

import re
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import Enum, auto
from itertools import count, groupby
from pathlib import Path
from typing import Final

from config.errors import ConfigError
from tasks.errors import MissingKeyError, VerificationError
from tasks.release.filters import AROUND, ROAD, Catalogue, Choice, opened
from tasks.release.model import Commit
from tasks.release.reading import DO_NOT_USE, committed, current_version, table_files
from tasks.release.removal import listed_withdrawals
from tasks.release.zips import write_zip
from tasks.store import ReadOnlyStore
from tasks.store.content import sha256_of_file
from tasks.store.files import fetch

IN_FLIGHT = 8
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY: Final = re.compile(rf"data/{_UUID}/{_UUID}\.dcm")  # a manifest must not lead out of the folder
PART = ".part"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class DownloadReport:
    """What was asked for, and how many of these objects were fetched now or stood in the folder already.

    `withdrawn` counts the objects that were chosen too, and that a later release withdrew: nobody may fetch them.
    """

    version: str
    objects: int
    size_bytes: int
    fetched: int
    kept: int
    withdrawn: int

    def as_dict(self) -> dict[str, object]:
        """Give the report as JSON-able values."""
        return asdict(self)


class _Outcome(Enum):
    FETCHED = auto()
    KEPT = auto()
    DAMAGED = auto()


def download(  # noqa: PLR0913 -- each is an option of the command
    release: ReadOnlyStore,
    folder: Path,
    choice: Choice,
    *,
    version: str | None = None,
    zipped: bool = False,
    progress: Progress | None = None,
) -> DownloadReport:
    """Bring the chosen instances of a release, and its tables, to a folder; those withdrawn since are left out.

    Parameters
    ----------
    version
        None for the current release.
    zipped
        Whether each series is also packed into ``zip/<series_uuid>.zip``.
    progress
        Told after each object: how many are done, of how many.

    Raises
    ------
    ConfigError
        If a filter is not understood or cuts a series that is to be packed, or the folder has no room; no object was
        fetched.
    VerificationError
        If there is no such release, or objects are not what it states; the others are there.
    """
    commit = committed(release, version)
    withdrawn = listed_withdrawals(release, current_version(release))
    with opened(_tables(release, folder, commit), choice, withdrawn) as catalogue:
        objects, size = catalogue.count()
        _require_room(folder, size * (1 + zipped) - _bytes_there(folder, catalogue))
        _require_whole_series(catalogue if zipped else None)
        outcomes = _bring_all(release, folder, catalogue, lambda done: progress and progress(done, objects))
        if outcomes[_Outcome.DAMAGED]:
            raise VerificationError(
                f"{outcomes[_Outcome.DAMAGED]} of {objects} objects are missing or not what the release states",
                next_step="run the same command again: what is whole is kept; if it stays so, tell the publisher",
            )
        if zipped:
            _pack(folder, catalogue)
        withdrawn = catalogue.withdrawn()
    fetched, kept = outcomes[_Outcome.FETCHED], outcomes[_Outcome.KEPT]
    return DownloadReport(commit.release_version, objects, size, fetched, kept, withdrawn)


def _tables(release: ReadOnlyStore, folder: Path, commit: Commit) -> dict[str, Path]:
    """Bring the tables that can be asked to the folder, and give their paths."""
    files = {name: file for name, file in table_files(commit).items() if name in (*ROAD, *AROUND)}
    for file in files.values():
        if _bring(release, file.key, folder / file.key, (file.size_bytes, file.sha256)) is _Outcome.DAMAGED:
            raise VerificationError(f"{file.key} is not what its release states", next_step=DO_NOT_USE)
    return {name: folder / file.key for name, file in files.items()}


def _bring_all(
    release: ReadOnlyStore, folder: Path, catalogue: Catalogue, tell: Callable[[int], object]
) -> Counter[_Outcome]:
    outcomes, done = Counter[_Outcome](), count(1)
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        for batch in catalogue.instances():
            rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            for outcome in pool.map(lambda row: _object(release, folder, row), rows):
                outcomes[outcome] += 1
                tell(next(done))
    return outcomes


def _pack(folder: Path, catalogue: Catalogue) -> None:
    """Pack the chosen instances of each series; they stand together in the catalogue."""
    (folder / "zip").mkdir(exist_ok=True)
    keys = (key for batch in catalogue.instances() for key in batch.column("key").to_pylist())
    for series, names in groupby(keys, key=lambda key: str(key).split("/")[1]):
        write_zip(folder / f"zip/{series}.zip", [folder / name for name in names])


def _require_whole_series(catalogue: Catalogue | None) -> None:
    cut = catalogue.cut_series() if catalogue else 0
    if cut:
        raise ConfigError(f"the filters cut {cut} series apart", next_step="choose whole series, or leave out --zip")


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ConfigError(
            f"the folder has room for {free} more bytes, and {needed} are needed",
            next_step="choose another folder, or fewer instances",
        )


def _bytes_there(folder: Path, catalogue: Catalogue) -> int:
    """Give the bytes of the chosen objects that stand in the folder with their size; others give no room."""
    if not (folder / "data").is_dir():
        return 0
    rows = (row for batch in catalogue.instances() for row in batch.select(["key", "size"]).to_pylist())
    return sum(row["size"] for row in rows if _has_size(folder / row["key"], row["size"]))


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _object(release: ReadOnlyStore, folder: Path, row: tuple[str, int, str]) -> _Outcome:
    key, size, sha256 = row
    if not _KEY.fullmatch(key):
        return _Outcome.DAMAGED
    return _bring(release, key, folder / key, (size, sha256))


def _bring(release: ReadOnlyStore, key: str, path: Path, stated: tuple[int, str]) -> _Outcome:
    """Bring one object to a path, unless it stands there as it should be."""
    if _is_sound(path, stated):
        return _Outcome.KEPT
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    try:
        fetch(release, key, part)
    except MissingKeyError:
        part.unlink(missing_ok=True)
        return _Outcome.DAMAGED
    if not _is_sound(part, stated):
        part.unlink()
        return _Outcome.DAMAGED
    part.replace(path)
    return _Outcome.FETCHED


def _is_sound(path: Path, stated: tuple[int, str]) -> bool:
    size, sha256 = stated
    return _has_size(path, size) and sha256_of_file(path) == sha256
