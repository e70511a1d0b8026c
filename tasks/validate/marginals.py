"""How often each value of some columns comes in a batch: what is complete, and what drifted since the site's others.

Counts of coded values only, of a batch as a whole. They stay in the working store, where the site's next batch is
compared with them.
"""

import json
from collections.abc import Iterator, Mapping

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.marginals import Marginal, marginals
from config.vocab.terms import NOT_REPORTED
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import MARGINALS
from expectations.suites.checks import COMPLETE, DRIFT, fact
from expectations.suites.demands import values_of
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
        counts, before = _of(now, one), _of(earlier, one)
        rows, missing = sum(counts.values()), counts.pop(None, 0)
        before.pop(None, None)
        if (one.table, one.column) not in counted and one.table in tables:
            continue  # it could not be counted, though its table could
        least = site_shares.get(one.place, one.least_share)
        is_short = rows >= FEWEST and rows - missing < least * rows
        yield fact(one.table, COMPLETE, one.column), missing if is_short else 0
        distance = jensen_shannon(counts, before) if min(sum(counts.values()), sum(before.values())) >= FEWEST else 0
        yield fact(one.table, DRIFT, one.column), round(THOUSAND * distance) if distance > one.most_distance else 0


def _of(table: pa.Table, one: Marginal) -> dict[str | None, int]:
    ours = table.filter(pc.and_(pc.equal(table["table"], one.table), pc.equal(table["column"], one.column)))
    counts: dict[str | None, int] = {}
    for row in ours.to_pylist():
        counts[row["value"]] = counts.get(row["value"], 0) + row["count"]
    return counts


def jensen_shannon(ours: Mapping[str | None, int], theirs: Mapping[str | None, int]) -> float:
    """Give the Jensen-Shannon distance of two distributions, from 0 for equal to 1 for disjoint ones (base 2)."""
    values = sorted(map(str, {*ours, *theirs}))
    p, q = (np.array([counts.get(value, 0) for value in values], np.float64) for counts in (ours, theirs))
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = sum(float(np.sum(one[one > 0] * np.log2(one[one > 0] / middle[one > 0]))) for one in (p, q)) / 2
    return float(np.sqrt(max(divergence, 0.0)))
