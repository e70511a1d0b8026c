"""The public part of lineage: which mapping and which rule made a cell, and nothing that leads to its source.

Keyed digests of source values, rows and files stay in the work store: equal ones would tell that two cells of a
person, or two persons of a file, came from the same. So does which batch a cell came in.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH, CANONICAL
from expectations.schemas.lineage import EVERY_ROW
from tasks.release.query import query

NAME: Final = "lineage"
PUBLIC: Final = (
    "entity", "entity_id", "field", "mapping_id", "mapping_version", "rule_id", "missing_reason", "inputs",
    "deid_actions",
)  # fmt: skip
_NONE: Final = CANONICAL[NAME].schema.empty_table().select(PUBLIC)
_TOGETHER = """
SELECT entity, entity_id, field,
       string_agg(DISTINCT mapping_id, '; ' ORDER BY mapping_id) AS mapping_id,
       string_agg(DISTINCT mapping_version, '; ' ORDER BY mapping_version) AS mapping_version,
       string_agg(DISTINCT rule_id, '; ' ORDER BY rule_id) AS rule_id,
       CASE WHEN count(missing_reason) = count(*) THEN min(missing_reason) END AS missing_reason,
       min(inputs) AS inputs, min(deid_actions) AS deid_actions
FROM rows GROUP BY entity, entity_id, field ORDER BY entity, entity_id, field
"""


def public_lineage(lineages: Sequence[pa.Table], tables: Mapping[str, pa.Table]) -> pa.Table:
    """Give the public lineage of some released tables, as the canonical table; what is withheld is null.

    Parameters
    ----------
    lineages
        The public columns of every batch's lineage. Where several batches tell the same row by different mappings,
        all of them are named.
    tables
        The tables of a part of a release: only cells of their rows are told of.
    """
    told = pa.concat_tables([_NONE, *(rows.select(PUBLIC) for rows in lineages)])
    whole = pc.equal(told["entity_id"], EVERY_ROW)
    parts = [told.filter(whole)]
    cells = told.filter(pc.invert(whole))
    for entity in sorted(set(pc.unique(cells["entity"]).to_pylist()) & tables.keys()):
        mine = cells.filter(pc.equal(cells["entity"], entity))
        keys = tables[entity][BATCH[entity].key[0]].combine_chunks()
        parts.append(mine.filter(pc.is_in(mine["entity_id"], value_set=keys)))
    made = query(_TOGETHER, rows=pa.concat_tables(parts))
    schema = CANONICAL[NAME].schema
    columns = [made[field.name] if field.name in PUBLIC else pa.nulls(made.num_rows, field.type) for field in schema]
    return pa.Table.from_arrays(columns, names=schema.names).cast(schema)
