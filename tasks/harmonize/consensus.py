"""What the rows of one thing agree on: one value where all that speak say the same, else null and a conflict."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.harmonize.query import query

_VALUES = "SELECT key, min(COLUMNS(* EXCLUDE (key))) FROM told GROUP BY key ORDER BY key"
_COUNTS = "SELECT key, count(DISTINCT COLUMNS(* EXCLUDE (key))) FROM told GROUP BY key ORDER BY key"


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
    values = query(_VALUES, told=told).rename_columns([key, *names])
    counts = query(_COUNTS, told=told).rename_columns([key, *names])
    columns = [values[key]]
    conflicts: dict[str, pa.Array] = {}
    for name in names:
        several = pc.greater(counts[name], 1).combine_chunks()
        one = values[name].combine_chunks()
        columns.append(pc.if_else(several, pa.nulls(len(one), one.type), one))
        if pc.any(several).as_py():
            conflicts[name] = values[key].combine_chunks().filter(several)
    return pa.table(dict(zip([key, *names], columns, strict=True))), conflicts
