"""What a suite of facts looks at: for each check how many rows break it, and which; nothing is decided here.

A query that cannot run, because a column is missing or of another type, gives no fact, and a check without its fact
fails.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import duckdb
import pandas as pd
import pyarrow as pa

from expectations.schemas.catalog import BATCH
from expectations.schemas.table import Table
from expectations.suites.cross_table import APART
from expectations.suites.demands import Demand, Kind, demands_of
from expectations.suites.derive import COUNTED, check_of
from tasks.spilling import quoted
from tasks.validate.database import ROW, Database, column_of
from tasks.validate.loinc import areas_of_body_parts, known_codes, unsound_codes
from tasks.validate.queries import QUERIES

FOUND = "found"


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts by the name of their fact (`expectations.suites.checks`), and the rows (`ROW`) that are to blame."""

    counts: Mapping[str, int]
    rows: Mapping[str, pa.Array] = field(default_factory=dict)

    @property
    def frame(self) -> pd.DataFrame:
        """The facts as the one row that their suite looks at."""
        return pd.DataFrame({name: [count] for name, count in self.counts.items()}, index=pd.RangeIndex(1))


def cross_table_facts(database: Database) -> Facts:
    """Count what the suite of cross-table rules asks for, over the views of `tasks.validate.database`."""
    with_vocabularies(database)
    return facts_of(database, queries())


def with_vocabularies(database: Database) -> None:
    """Give a database the tables of ours that queries look at."""
    database.register("unsound_loinc", unsound_codes(_loinc_codes(database)))
    database.register("known_loinc", known_codes())
    database.register("body_part_areas", areas_of_body_parts())


def facts_of(database: Database, asked: Iterable[tuple[str, str]]) -> Facts:
    """Count by queries, each with the name of its fact."""
    counts: dict[str, int] = {}
    rows: dict[str, pa.Array] = {}
    for name, query in asked:
        try:
            found = database.sql(query)
            if FOUND in found.columns:
                counts[name] = int(column_of(database, query, FOUND)[0].as_py())
                continue
            rows[name] = column_of(database, query, ROW)
        except duckdb.Error:
            continue
        counts[name] = len(rows[name])
    return Facts(counts, rows)


def _loinc_codes(database: Database) -> list[str | None]:
    try:
        found = column_of(database, "SELECT DISTINCT loinc_code::VARCHAR AS code FROM imaging_study", "code")
    except duckdb.Error:
        return []
    codes: list[str | None] = found.to_pylist()
    return codes


def queries() -> Iterator[tuple[str, str]]:
    """Give every query of the suite with the name of its fact: of schemas, and of rules."""
    for name, table in BATCH.items():
        if name not in APART:
            for demand in demands_of(table):
                if demand.kind in COUNTED:
                    yield check_of(table, demand).name, _of_demand(table, demand)
    yield from QUERIES.items()


def _of_demand(table: Table, demand: Demand) -> str:
    column = demand.columns[0]
    if demand.kind is Kind.REFERENCE:
        key = BATCH[demand.parent].key[0]
        return f"""SELECT c.{ROW} FROM {table.name} c LEFT JOIN {demand.parent} p ON p.{key} = c.{column}
                   WHERE c.{column} IS NOT NULL AND p.{key} IS NULL
                """  # noqa: S608 -- names of our own schemas
    return f"""SELECT {ROW} FROM {table.name}
               WHERE NOT list_has_all([{listed(demand.values)}], {column})
                  OR len(list_distinct({column})) <> len({column})
            """  # noqa: S608 -- names and values of our own schemas


def listed(values: tuple[str, ...]) -> str:
    """Give the values as SQL texts."""
    return ", ".join(map(quoted, values))
