"""Rules that span rows or tables, as one query each: the positions of the rows that break them.

The answers become flag columns, on which the suites assert; nothing is decided here. A query that cannot run, because
a column is missing or of another type, gives no flag, and an expectation without its flag fails.
"""

from collections.abc import Iterator, Mapping

import duckdb
import numpy as np
import pyarrow as pa
from expectations.suites.flags import flag

from expectations.schemas.catalog import BATCH
from expectations.schemas.table import Table
from tasks.validate.frames import Flags
from tasks.validate.loinc import areas_of_body_parts, known_codes, unsound_codes
from tasks.validate.queries import QUERIES

POSITION = "_row"


def flags_of(tables: Mapping[str, pa.Table], evidence: Mapping[str, pa.Table]) -> dict[str, Flags]:
    """Give the flag columns of every table.

    Parameters
    ----------
    tables
        The harmonized tables by name.
    evidence
        ``settled``: rows of ``settled/instances.parquet`` that the settled ledger calls released candidates;
        ``holds`` and ``anchors`` of harmonize.
    """
    with duckdb.connect() as connection:
        for name, table in tables.items():
            positions = pa.array(np.arange(table.num_rows), pa.int64())
            connection.register(name, table.append_column(POSITION, positions))
        for name, table in evidence.items():
            connection.register(name, table)
        connection.register("unsound_loinc", unsound_codes(tables))
        connection.register("known_loinc", known_codes())
        connection.register("body_part_areas", areas_of_body_parts())
        return {name: _flags(connection, BATCH[name], table.num_rows) for name, table in tables.items()}


def _flags(connection: duckdb.DuckDBPyConnection, table: Table, rows: int) -> Flags:
    flags = {}
    for name, query in queries_of(table):
        try:
            positions = connection.execute(query).fetchnumpy()[POSITION]
        except duckdb.Error:
            continue
        broken = np.zeros(rows, dtype=np.bool_)
        broken[np.asarray(positions, dtype=np.int64)] = True
        flags[name] = broken
    return flags


def queries_of(table: Table) -> Iterator[tuple[str, str]]:
    """Give every query of a table with the name of its flag: of its references, its lists, and its rules."""
    for reference in table.references:
        yield flag("S-KEY-UNIQUE", reference.column), _unresolved(table.name, reference.column, reference.table)
    for field in table.schema:
        if pa.types.is_list(field.type) and field.metadata.get(b"values"):
            values = field.metadata[b"values"].decode().split("|")
            yield flag("S-ENUM", field.name), _outside(table.name, field.name, values)
    yield from QUERIES.get(table.name, {}).items()


def _unresolved(child: str, column: str, parent: str) -> str:
    key = BATCH[parent].key[0]
    return f"""SELECT c._row FROM {child} c LEFT JOIN {parent} p ON p.{key} = c.{column}
               WHERE c.{column} IS NOT NULL AND p.{key} IS NULL
            """  # noqa: S608 -- names of our own schemas


def _outside(table: str, column: str, values: list[str]) -> str:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"""SELECT _row FROM {table}
               WHERE NOT list_has_all([{listed}], {column}) OR len(list_distinct({column})) <> len({column})
            """  # noqa: S608 -- names and values of our own schemas
