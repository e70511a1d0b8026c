"""The public part of lineage: which mapping and which rule made a cell, and nothing that leads to its source.

Keyed digests of source values, rows and files stay in the work store: equal ones would tell that two cells of a
person, or two persons of a file, came from the same. So does which batch a cell came in.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from expectations.schemas.catalog import BATCH, CANONICAL
from expectations.schemas.lineage import EVERY_ROW
from tasks.release.query import column, stored, streamed
from tasks.release.rows import ORDER, ROWS_PER_PIECE, OnDisk, Rows, together
from tasks.store.parquet import write_batches

NAME: Final = "lineage"
PUBLIC: Final = (
    "entity", "entity_id", "field", "mapping_id", "mapping_version", "rule_id", "missing_reason", "inputs",
    "deid_actions",
)  # fmt: skip
FORM: Final = CANONICAL[NAME].schema
_MADE: Final = pa.schema([FORM.field(name) for name in PUBLIC])
# Of one cell of several batches, all mappings are named; a piece is some of the cells.
_TOGETHER = f"""
WITH known (entity, entity_id) AS ({{known}}),
told AS (
    SELECT {", ".join(PUBLIC)} FROM rows, piece
    WHERE (entity_id = '{EVERY_ROW}' OR (entity, entity_id) IN (SELECT (entity, entity_id) FROM known))
      AND hash(entity_id) % pieces = place)
SELECT entity, entity_id, field,
       string_agg(DISTINCT mapping_id, '; ' ORDER BY mapping_id) AS mapping_id,
       string_agg(DISTINCT mapping_version, '; ' ORDER BY mapping_version) AS mapping_version,
       string_agg(DISTINCT rule_id, '; ' ORDER BY rule_id) AS rule_id,
       CASE WHEN count(missing_reason) = count(*) THEN min(missing_reason) END AS missing_reason,
       min(inputs) AS inputs, min(deid_actions) AS deid_actions
FROM told GROUP BY entity, entity_id, field ORDER BY entity, entity_id, field
"""  # noqa: S608 -- constants
_WHOLE = f"""
SELECT {", ".join(name if name in PUBLIC else f"NULL AS {name}" for name in FORM.names)} FROM rows
ORDER BY {", ".join(ORDER[NAME])}
"""  # noqa: S608 -- constants
_ENTITIES = f"SELECT DISTINCT entity FROM rows WHERE entity_id <> '{EVERY_ROW}' ORDER BY entity"  # noqa: S608 -- constants
_NONE = "SELECT NULL::VARCHAR AS entity, NULL::VARCHAR AS entity_id WHERE false"


def public_lineage(
    lineages: Sequence[Rows], tables: Mapping[str, Rows], path: Path, schema: pa.Schema = FORM
) -> OnDisk:
    """Write the public lineage of some released tables to a file, and give its rows; what is withheld is null.

    Parameters
    ----------
    lineages
        Those of every batch. Where several batches tell the same row by different mappings, all of them are named.
    tables
        The tables of a part of a release: only cells of their rows are told of.
    schema
        That of the table, with what the file is to say of itself.
    """
    rows = together(lineages)
    told = [name for name in column(_ENTITIES, rows=rows).to_pylist() if name in tables]
    known = " UNION ALL ".join(
        [_NONE, *(f"SELECT '{name}', {BATCH[name].key[0]} FROM {name}" for name in told)]  # noqa: S608 -- our own names
    )
    places = 1 + rows.num_rows // ROWS_PER_PIECE
    parts = [path.with_name(f"{path.stem}-{place}.parquet") for place in range(places)]
    for place, part in enumerate(parts):
        piece = pa.table({"place": [place], "pieces": [places]})
        named = {name: tables[name] for name in told}
        stored(part, _MADE, _TOGETHER.format(known=known), rows=rows, piece=piece, **named)
    write_batches(streamed(schema, _WHOLE, rows=OnDisk(tuple(parts))), schema, path)
    for part in parts:
        part.unlink()
    return OnDisk((path,))
