"""What the rows of one thing agree on: one value where all that speak say the same, else null and a conflict."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.harmonize.query import Rows, View, query

_AGREED = """
SELECT key, min(COLUMNS(* EXCLUDE (key))), max(COLUMNS(* EXCLUDE (key))) IS DISTINCT FROM min(COLUMNS(* EXCLUDE (key)))
FROM told GROUP BY key ORDER BY key
"""


def agreed(rows: Rows, key: str, names: Sequence[str]) -> tuple[pa.Table, dict[str, pa.Array]]:
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
    columns = ", ".join(f'"{name}"' for name in names)
    told = View(f'SELECT "{key}" AS key, {columns} FROM rows_of_things', {"rows_of_things": rows})  # noqa: S608 -- constants of our modules
    keys, *found = (column.combine_chunks() for column in query(_AGREED, told=told).columns)
    made = {key: keys}
    conflicts: dict[str, pa.Array] = {}
    for name, one, several in zip(names, found[: len(names)], found[len(names) :], strict=True):
        made[name] = pc.if_else(several, pa.nulls(len(one), one.type), one)
        if pc.any(several).as_py():
            conflicts[name] = keys.filter(several)
    return pa.table(made), conflicts
