"""A database that has little memory, and puts what is beyond it into a folder; and what it says when it fails."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from tasks.errors import CurationError
from tasks.store.parquet import read_batches


def spilling_database(folder: Path, *, memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    """Open a database without tables.

    Parameters
    ----------
    folder
        Takes what does not fit in memory; the caller removes it.
    memory
        The most that the engine may use, such as ``512MiB``.
    threads
        At most so many work, and no more than there are processors; each has buffers of its own.
    """
    settings: dict[str, str | int] = {
        "memory_limit": memory,
        "temp_directory": str(folder),
        "threads": min(threads, os.cpu_count() or 1),
    }
    return duckdb.connect(config={**settings})


def quoted(text: object) -> str:
    """Give a text as a constant of SQL, where a statement takes no parameters."""
    return "'" + str(text).replace("'", "''") + "'"


@contextmanager
def failures_told(files: Iterable[Path]) -> Iterator[None]:
    """Tell a statement that had no room, and one that met a damaged file, from one that is wrong, which raises its own.

    The engine's own words hold our statement and places of this machine.

    Parameters
    ----------
    files
        The Parquet files that it reads.

    Raises
    ------
    CurationError
        If memory and disk did not suffice.
    VerificationError
        If a file is no sound Parquet.
    """
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise CurationError(
            "there is not enough memory, or room for temporary files, for this many rows",
            next_step="free disk space, or let TMPDIR name a folder that has some, then do it again",
        ) from None
    except (duckdb.Error, pa.ArrowException, OSError):
        for path in files:
            for _ in read_batches(path):
                pass
        raise
