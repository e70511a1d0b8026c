"""A database that has little memory, and puts what is beyond it into a folder."""

import os
from pathlib import Path

import duckdb


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
