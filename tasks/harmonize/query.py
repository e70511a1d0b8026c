"""SQL over Arrow tables and Parquet files, for joins and groups; the statements are constants and name their own order.

What does not fit in memory goes to a folder that the caller names and removes. Only records under pseudonyms and
shifted dates come here, and source values inside a single projection, which never leaves memory.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Union

import duckdb
import pyarrow as pa

from tasks.spilling import failures_told, quoted, spilling_database

MEMORY = "384MiB"  # of the engine, beside the tables of the caller; more goes to the folder
THREADS = 4  # more of them want more memory
ROWS_PER_BATCH = 1 << 16
ROWS_PER_PART = 1 << 20
_SPILLING: ContextVar[duckdb.DuckDBPyConnection] = ContextVar("_SPILLING")


@dataclass(frozen=True, slots=True)
class View:
    """Rows that a statement makes of others each time they are asked for, and that are never in memory as a whole."""

    statement: str
    tables: Mapping[str, "Rows"]

    def __len__(self) -> int:
        """Count the rows."""
        count: int = query("SELECT count(*) AS rows FROM counted", counted=self)["rows"][0].as_py()
        return count


Rows = Union[pa.Table, Path, View]  # noqa: UP007 -- View is not defined yet where it names this type; a Path is Parquet


def query(statement: str, **tables: Rows) -> pa.Table:
    """Give the result of a statement over the named tables.

    Parameters
    ----------
    statement
        A constant of a module; values reach it as tables only. It orders its rows, since threads do not.
    tables
        By name. No view names a table that is named here too, or in another view.
    """
    with _relation(View(statement, tables)) as relation:
        return relation.to_arrow_table()


def query_groups(statement: str, key: str, rows: Rows) -> pa.Table:
    """Give the result of a statement over the rows `instances`, which it groups by a key; sorted by that key.

    Some groups at a time: the ordered lists of a group cannot leave memory, however little there is.
    """
    count = query("SELECT count(*) AS rows FROM counted", counted=rows)["rows"][0].as_py()
    parts = 1 + count // ROWS_PER_PART
    chosen = f'SELECT * FROM all_groups WHERE hash("{key}") % {parts} = '  # noqa: S608 -- a constant of a module
    made = [query(statement, instances=View(f"{chosen}{part}", {"all_groups": rows})) for part in range(parts)]
    return pa.concat_tables(made).sort_by(key)


@contextmanager
def streamed(view: View) -> Iterator[pa.RecordBatchReader]:
    """Give the rows of a view, some at a time."""
    with _relation(view) as relation:
        yield relation.to_arrow_reader(ROWS_PER_BATCH)


@contextmanager
def spilling(folder: Path) -> Iterator[None]:
    """Let statements inside the block have little memory, and put what is beyond it into a folder."""
    with spilling_database(folder, memory=MEMORY, threads=THREADS) as engine:
        token = _SPILLING.set(engine)
        try:
            yield
        finally:
            _SPILLING.reset(token)


@contextmanager
def _relation(view: View) -> Iterator[duckdb.DuckDBPyRelation]:
    engine = _SPILLING.get(None) or _engine(os.getpid())
    with failures_told(_files(view)), engine.cursor() as connection:
        _register(connection, view.tables)
        yield connection.sql(view.statement)


def _files(view: View) -> Iterator[Path]:
    for rows in view.tables.values():
        if isinstance(rows, View):
            yield from _files(rows)
        elif isinstance(rows, Path):
            yield rows


def _register(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Rows]) -> None:
    for name, rows in tables.items():
        if isinstance(rows, View):
            _register(connection, rows.tables)
            connection.execute(f"CREATE TEMP VIEW {name} AS {rows.statement}")
        elif isinstance(rows, Path):
            connection.execute(f"CREATE TEMP VIEW {name} AS FROM read_parquet({quoted(rows)})")
        else:
            connection.register(name, rows)


@cache
def _engine(_: int) -> duckdb.DuckDBPyConnection:
    """Give the engine of this process, which holds no data: starting one takes longer than most statements."""
    return duckdb.connect()
