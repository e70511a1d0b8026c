"""SQL over Arrow tables, for joins and groups; the statements are constants and name their own order."""

from functools import cache

import duckdb
import pyarrow as pa


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Give the engine of this process, which holds no table: starting one takes longer than most statements."""
    return duckdb.connect()


def query(statement: str, **tables: pa.Table) -> pa.Table:
    """Give the result of a statement over the named tables.

    Parameters
    ----------
    statement
        Made of constants and our schemas' names only; values reach it as tables. It orders its rows, since threads do
        not.
    """
    with _engine().cursor() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return connection.sql(statement).to_arrow_table()
