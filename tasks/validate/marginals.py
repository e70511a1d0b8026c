"""How often each value of some columns comes in a batch: what is complete, and what drifted since the site's others.

Counts of coded values only, of a batch as a whole. They stay in the working store, where the site's next batch is
compared with them.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from config.marginals import Marginal, marginals
from config.vocab.terms import NOT_REPORTED
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import MARGINALS
from expectations.suites.checks import COMPLETE, DRIFT, fact
from expectations.suites.demands import values_of
from tasks.distance import jensen_shannon
from tasks.layout import BatchLayout
from tasks.store import ReadOnlyStore
from tasks.store.parquet import read_table
from tasks.validate.database import Database

FILE = "marginals.parquet"
FEWEST = 100  # rows with a value: of fewer, one row more or less changes shares too much to tell anything
THOUSAND = 1000  # a distance is told in thousandths, since a fact is a whole number


def marginals_of(database: Database) -> pa.Table:
    """Count the values of every column of `config.marginals`; what the database cannot count is left out.

    A value that is missing or not reported is null, and so is one outside its closed set: it may be a source value.
    """
    found = [_counted(database, one) for one in marginals()]
    return pa.concat_tables([MARGINALS.schema.empty_table(), *(table for table in found if table is not None)])


def _counted(database: Database, one: Marginal) -> pa.Table | None:
    over, known = f"{one.column}_gt89", values_of(BATCH[one.table].schema.field(one.column))
    value = f"({one.column} // {one.width} * {one.width})::VARCHAR" if one.width else one.column
    if over in BATCH[one.table].schema.names:
        value = f"CASE WHEN {over} THEN '90' ELSE {value} END"
    if known:
        words = ", ".join(f"'{word}'" for word in known)
        value = f"CASE WHEN {value} IN ({words}) THEN {value} END"
    try:
        counted = database.sql(
            f"SELECT nullif({value}::VARCHAR, '{NOT_REPORTED}') AS value, count(*) AS count FROM {one.table} "  # noqa: S608
            "GROUP BY 1 ORDER BY 1 NULLS FIRST"
        ).to_arrow_table()
    except duckdb.Error:
        return None
    named = [pa.array([text] * len(counted), pa.string()) for text in (one.table, one.column)]
    return pa.table([*named, counted["value"], counted["count"]], schema=MARGINALS.schema)


def earlier_marginals(work: ReadOnlyStore, site: str, batch: str) -> pa.Table:
    """Give the counts of the site's other accepted batches, one table under the other."""
    found = [MARGINALS.schema.empty_table()]
    for other in sorted(work.folders(f"batches/{site}/")):
        layout = BatchLayout(site, other)
        pointer = work.read_versioned(layout.current) if other != batch else None
        if pointer is not None:
            content = work.read_versioned(layout.run(str(json.loads(pointer[0])["run"]), FILE))
            found += [read_table(content[0])] if content else []
    return pa.concat_tables(found)


def marginal_facts(now: pa.Table, earlier: pa.Table, site_shares: Mapping[str, float]) -> dict[str, int]:
    """Give the facts of completeness and drift of the columns that were counted.

    Of completeness it is the number of rows without a value, of drift the distance in thousandths; each is 0 where it
    is within its limit, or where there are too few rows to tell.

    Parameters
    ----------
    now, earlier
        As from `marginals_of`, of this batch and of the others.
    site_shares
        The least shares that the site's file names, by place.
    """
    return dict(_facts(now, earlier, site_shares))


def _facts(now: pa.Table, earlier: pa.Table, site_shares: Mapping[str, float]) -> Iterator[tuple[str, int]]:
    counted = set(zip(now["table"].to_pylist(), now["column"].to_pylist(), strict=True))
    tables = set(now["table"].to_pylist())
    for one in marginals():
        (counts, missing), (before, _) = _of(now, one), _of(earlier, one)
        rows = missing + sum(counts.values())
        if (one.table, one.column) not in counted and one.table in tables:
            continue  # it could not be counted, though its table could
        least = site_shares.get(one.place, one.least_share)
        is_short = rows >= FEWEST and rows - missing < least * rows
        yield fact(one.table, COMPLETE, one.column), missing if is_short else 0
        is_enough = min(sum(counts.values()), sum(before.values())) >= FEWEST
        distance = (jensen_shannon(counts, before) or 0) if is_enough else 0
        yield fact(one.table, DRIFT, one.column), round(THOUSAND * distance) if distance > one.most_distance else 0


def _of(table: pa.Table, one: Marginal) -> tuple[dict[str, int], int]:
    """Give the counts by value, and that of the rows without one."""
    ours = table.filter(pc.and_(pc.equal(table["table"], one.table), pc.equal(table["column"], one.column)))
    counts: Counter[str] = Counter()
    missing = 0
    for row in ours.to_pylist():
        if row["value"] is None:
            missing += row["count"]
        else:
            counts[row["value"]] += row["count"]
    return counts, missing
