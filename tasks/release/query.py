"""SQL over the tables of a release, for joins and groups; the statements are constants and name their own order.

The engine has little memory, and what is more goes to a folder of its own, which is gone when the process ends.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow as pa

from tasks.release.rows import OnDisk, Rows, pieces
from tasks.spilling import failures_told, quoted, spilling_database
from tasks.store.parquet import ROWS_AT_ONCE, write_batches

MEMORY: Final = "512MiB"
THREADS: Final = 2
_COUNTS: Final = "SELECT subject_id, count(*) AS n FROM rows GROUP BY subject_id ORDER BY subject_id"


@cache
def _engine() -> tuple[duckdb.DuckDBPyConnection, "TemporaryDirectory[str]"]:
    """Give the engine of this process, which holds no table: starting one takes longer than most statements."""
    folder = TemporaryDirectory(prefix="release-engine-", ignore_cleanup_errors=True)
    return spilling_database(Path(folder.name), memory=MEMORY, threads=THREADS), folder


@contextmanager
def _asked(statement: str, tables: Mapping[str, Rows]) -> Iterator[duckdb.DuckDBPyRelation]:
    database, _ = _engine()
    files = [path for rows in tables.values() if isinstance(rows, OnDisk) for path in rows.paths]
    with failures_told(files), database.cursor() as connection:
        for name, rows in tables.items():
            if isinstance(rows, OnDisk):
                _view(connection, name, rows)
            else:
                connection.register(name, rows)
        yield connection.sql(statement)


def _view(connection: duckdb.DuckDBPyConnection, name: str, rows: OnDisk) -> None:
    """Make rows on disk a view of this connection, which takes no parameters; names of columns are our schemas'."""
    paths = ", ".join(quoted(path) for path in rows.paths)
    sql = f"CREATE TEMP VIEW {name} AS SELECT rows.* FROM read_parquet([{paths}]) AS rows"  # noqa: S608
    for number, (column, values) in enumerate(rows.left_out):
        connection.register(f"{name}_left_out_{number}", pa.table({"value": values}))
        sql += f" ANTI JOIN {name}_left_out_{number} ON rows.{column} = {name}_left_out_{number}.value"
    signs = zip((">=", "<"), rows.subjects, strict=True)
    bounds = [f"rows.subject_id {sign} {quoted(subject)}" for sign, subject in signs if subject is not None]
    connection.execute(f"{sql} WHERE {' AND '.join(bounds)}" if bounds else sql)


def query(statement: str, **tables: Rows) -> pa.Table:
    """Give the result of a statement over the named tables.

    Parameters
    ----------
    statement
        Made of constants and our schemas' names only; values reach it as tables. It orders its rows, since threads do
        not.

    Raises
    ------
    CurationError
        As from `tasks.spilling.failures_told`; so do all functions here.
    """
    with _asked(statement, tables) as found:
        return found.to_arrow_table()


def number(statement: str, **tables: Rows) -> int:
    """Give the one number that a statement asks for; none is 0."""
    with _asked(statement, tables) as found:
        ((count,),) = found.fetchall()
    return int(count or 0)


def column(statement: str, **tables: Rows) -> pa.Array:
    """Give the one column that a statement asks for."""
    found = query(statement, **tables)[0].combine_chunks()
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def streamed(schema: pa.Schema, statement: str, **tables: Rows) -> Iterator[pa.RecordBatch]:
    """Give the result of a statement some rows at a time, in the order and types of a schema."""
    with _asked(statement, tables) as found:
        for batch in found.to_arrow_reader(ROWS_AT_ONCE):
            yield from pa.Table.from_batches([batch]).select(schema.names).cast(schema).to_batches()


def stored(path: Path, schema: pa.Schema, statement: str, **tables: Rows) -> OnDisk:
    """Write the result of a statement to a file, some rows at a time, and give its rows."""
    write_batches(streamed(schema, statement, **tables), schema, path)
    return OnDisk((path,))


def by_pieces(statement: str, name: str, rows: Rows, **tables: Rows) -> pa.Table:
    """Give the result of a statement that groups what is one subject's and holds what it groups, piece by piece.

    Parameters
    ----------
    name
        What the statement calls `rows`, which are sorted by subject if they lie on disk.
    """
    parts = pieces(rows, rows_of_subjects(rows))
    return pa.concat_tables([query(statement, **{name: part}, **tables) for part in parts])


def rows_of_subjects(rows: Rows) -> pa.Table:
    """Give subject_id and n, the number of rows, sorted by subject."""
    return query(_COUNTS, rows=rows)
