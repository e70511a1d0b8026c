"""The tables of one batch as views over their Parquet files, in a database that has little memory and a folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from tasks.spilling import failures_told, quoted, spilling_database

MEMORY = "512MiB"  # of the engine, beside the frames of Great Expectations; what is more goes to the folder
THREADS = 4
ROW = "_row"  # the position of a row in its file, the first is 0

Database = duckdb.DuckDBPyConnection


@contextmanager
def opened(files: Mapping[str, Path], folder: Path) -> Iterator[Database]:
    """Open a database with one view per file, which has the file's columns and `ROW`.

    Parameters
    ----------
    folder
        Takes what does not fit in memory; the caller removes it.

    Raises
    ------
    CurationError
        As from `tasks.spilling.failures_told`, for every statement inside the block.
    """
    told = failures_told(files.values())
    with told, spilling_database(folder, memory=MEMORY, threads=THREADS) as database:
        for name, path in files.items():
            file = f"read_parquet({quoted(path)}, file_row_number = true)"
            rows = f"SELECT * RENAME (file_row_number AS {ROW}) FROM {file}"  # noqa: S608
            database.execute(f"CREATE VIEW {name} AS {rows}")
        yield database


def column_of(database: Database, statement: str, name: str) -> pa.Array:
    """Give one column of a statement's result, in one piece."""
    found = database.sql(statement).to_arrow_table()[name].combine_chunks()
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
