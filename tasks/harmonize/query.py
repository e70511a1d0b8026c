"""SQL over Arrow tables, for joins and groups; the statements are constants and name their own order."""

import os
from functools import cache

import duckdb
import pyarrow as pa


def query(statement: str, **tables: pa.Table) -> pa.Table:
    """Give the result of a statement over the named tables.

    Parameters
    ----------
    statement
        A constant of a module; values reach it as tables only. It orders its rows, since threads do not.
    """
    with _engine(os.getpid()).cursor() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return connection.sql(statement).to_arrow_table()


@cache
def _engine(_: int) -> duckdb.DuckDBPyConnection:
    """Give the engine of this process, which holds no data: starting one takes longer than most statements."""
    return duckdb.connect()
