"""What the rows of one thing agree on: one value where all that speak say the same, else null and a conflict."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.harmonize.query import query

_AGREED = """
SELECT key, min(COLUMNS(* EXCLUDE (key))), count(DISTINCT COLUMNS(* EXCLUDE (key))) FROM told GROUP BY key ORDER BY key
"""


def agreed(rows: pa.Table, key: str, names: Sequence[str]) -> tuple[pa.Table, dict[str, pa.Array]]:
    """Give one row per key, and for each column the keys whose rows do not agree.

    Parameters
    ----------
    rows
        A table with the columns `key` and `names`; a null says nothing.

    Returns
    -------
    tuple[pa.Table, dict[str, pa.Array]]
        `key` and `names`, sorted by key; and the keys in conflict, by column, where there are any.
    """
    told = rows.select([key, *names]).rename_columns(["key", *names])
    keys, *found = (column.combine_chunks() for column in query(_AGREED, told=told).columns)
    columns = [keys]
    conflicts: dict[str, pa.Array] = {}
    for name, one, count in zip(names, found[: len(names)], found[len(names) :], strict=True):
        several = pc.greater(count, 1)
        columns.append(pc.if_else(several, pa.nulls(len(one), one.type), one))
        if pc.any(several).as_py():
            conflicts[name] = keys.filter(several)
    return pa.table(dict(zip([key, *names], columns, strict=True))), conflicts
