"""Where every cell of the canonical tables comes from: one row per cell that a source cell made, else per column.

Source files, rows and values appear as keyed digests (`tasks.harmonize.traces`), attributes of headers with what
de-identification did to them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from config.deid import Profile
from config.deid.profile import tag_number
from config.lineage import Origin, origins
from config.site import Site
from config.version import VERSION
from expectations.schemas.catalog import BATCH
from expectations.schemas.lineage import EVERY_ROW
from expectations.schemas.table import table_of
from tasks.harmonize.query import Rows, View
from tasks.harmonize.traces import ROW, Traces, told_blocks
from tasks.identity import Pseudonymizer

LINEAGE = BATCH["lineage"]
WRITTEN_ANEW = "new"  # beside the codes of Table E.1-1, as in the conformance statement
_FILE_META = 0x0002
_EVENT = "clinical_event"
KIND_OF = {"test_result": "test"}  # where the kind of record has another name than the canonical table
_TOLD = """
SELECT firsts.entity, entity_id, field, points.row AS row_number, traces.file AS file, source_column, raw_digest,
       mapping_id, mapping_version, rule_id, missing_reason
FROM points JOIN traces USING (trace)
     JOIN firsts ON firsts.kind = traces.kind AND firsts.file = traces.file AND firsts.slot = traces.slot
                    AND firsts.row = points.row
     JOIN fields ON fields.kind = traces.kind AND fields.attribute = traces.attribute AND fields.entity = firsts.entity
"""
_TOLD_OF_SUBJECTS = """
SELECT 'subject' AS entity, subject_id AS entity_id, field, unnest(min(struct_pack(
           is_held := rule_id IS NOT NULL, is_missing := missing_reason IS NOT NULL, rank := rank,
           file := traces.file, row_number := points.row, source_column := source_column, raw_digest := raw_digest,
           mapping_id := mapping_id, mapping_version := mapping_version, rule_id := rule_id,
           missing_reason := missing_reason)))
FROM points JOIN traces USING (trace)
     JOIN people ON people.file = traces.file AND people.row = points.row AND people.slot = traces.slot
     JOIN fields ON fields.kind = traces.kind AND fields.attribute = traces.attribute AND fields.entity = 'subject'
WHERE traces.kind = 'subject' GROUP BY subject_id, field
"""
_DEATHS = """
SELECT 'clinical_event' AS entity, event_id AS entity_id, 'start_day' AS field, row AS row_number, file,
       NULL::INTEGER AS source_column, NULL::BLOB AS raw_digest, 'derived:death' AS mapping_id,
       version AS mapping_version, 'C-DEATH' AS rule_id, NULL::VARCHAR AS missing_reason
FROM marked_clinical_event, words WHERE is_first AND NOT is_sent
"""
_LINEAGE = """
WITH cells AS (
    SELECT * FROM told
    UNION ALL BY NAME SELECT * EXCLUDE (is_held, is_missing, rank) FROM told_of_subjects
    UNION ALL BY NAME SELECT * FROM derived_deaths)
SELECT entity, entity_id, field, source_file,
       row_number,
       substr(sha256(outer_block || unhex(sha256(inner_block || encode(
           concat_ws(chr(31), word, batch_id, cells.file, row_number))))), 1, 32) AS source_row,
       source_column, lower(hex(raw_digest)) AS raw_digest, mapping_id, mapping_version, rule_id,
       missing_reason, NULL::VARCHAR[] AS inputs, NULL::VARCHAR[] AS deid_actions, batch_id
FROM cells JOIN files ON files.file = cells.file, blocks
UNION ALL BY NAME SELECT * FROM columns
ORDER BY entity, entity_id, field
"""


@dataclass(frozen=True, slots=True)
class Sources:
    """What lineage tells of besides tables: site and batch, traces, source files by ordinal, profile, site."""

    batch_id: str
    traces: Traces
    files: tuple[str, ...]
    profile: Profile
    site: Site


def lineage_rows(identified: Mapping[str, pa.Table], people: pa.Table, who: Pseudonymizer, sources: Sources) -> View:
    """Give the canonical lineage rows, sorted.

    Parameters
    ----------
    identified
        By canonical table: its records under their keys, those of one key in the order of their sources; the events
        with `event_type` and `is_sent`.
    people
        The records of subjects.
    """
    told: dict[str, Rows] = {f"marked_{name}": _marked(name, table) for name, table in identified.items()}
    files = {
        "file": pa.array(range(len(sources.files)), pa.int32()),
        "source_file": pa.array(sources.files, pa.string()),
    }
    return View(
        _LINEAGE,
        told
        | sources.traces.tables()
        | {
            "fields": _fields(sources.site),
            "firsts": View(" UNION ALL ".join(map(_first, identified)), {}),
            "people": people.select(["subject_id", "file", "row", "slot"]),
            "words": pa.table({"version": [VERSION]}),
            "told": View(_TOLD, {}),
            "told_of_subjects": View(_TOLD_OF_SUBJECTS, {}),
            "derived_deaths": View(_DEATHS, {}),
            "files": pa.table(files),
            "blocks": told_blocks(who, word=ROW, batch_id=sources.batch_id),
            "columns": column_statements(sources.profile, sources.batch_id),
        },
    )


def column_statements(profile: Profile, batch_id: str) -> pa.Table:
    """Give the rows that say for whole columns how their cells are made where no source cell made them."""
    rows: Iterable[dict[str, object]] = (
        {
            "entity": one.table,
            "entity_id": EVERY_ROW,
            "field": one.column,
            "mapping_id": one.derivation,
            "mapping_version": VERSION,
            "rule_id": one.rule_id or None,
            "inputs": list(one.inputs) or None,
            "deid_actions": [action_of(tag, profile) for tag in tags_of(one)] or None,
            "batch_id": batch_id,
        }
        for one in origins().values()
    )
    return table_of(LINEAGE, list(rows))


def tags_of(origin: Origin) -> list[str]:
    """Give the attributes among the inputs of a column."""
    return [one for one in origin.inputs if one.startswith("(")]


def action_of(tag: str, profile: Profile) -> str:
    """Give what de-identification does to an attribute, as a code of PS3.15 Table E.1-1 or as `WRITTEN_ANEW`."""
    number = tag_number(tag)
    if number >> 16 == _FILE_META:
        return WRITTEN_ANEW
    attribute = profile.attributes.get(number)
    return attribute.code if attribute else "K"


def _fields(site: Site) -> pa.Table:
    """Give which field of a clinical table fills which column, the first one of several at `rank` 0."""
    found = [
        (*cell.split("."), origin.table, origin.column, rank)
        for origin in origins().values()
        for rank, cell in enumerate(chain(origin.cells, origin.us_cells if site.country == "US" else ()))
    ]
    names = ("kind", "attribute", "entity", "field", "rank")
    return pa.table(dict(zip(names, zip(*found, strict=True), strict=True)))


def _marked(name: str, identified: pa.Table) -> pa.Table:
    """Give the sources of every key, with a mark at the first one: of one key all sources say the same."""
    key = identified[BATCH[name].key[0]].combine_chunks()
    is_first = pa.concat_arrays([pa.array([True][: len(key)], pa.bool_()), pc.not_equal(key[1:], key[:-1])])
    columns = [BATCH[name].key[0], "file", "row", "slot", *(["event_type", "is_sent"] if name == _EVENT else [])]
    return identified.select(columns).append_column("is_first", is_first)


def _first(name: str) -> str:
    """Give the statement of the first source of every key of a table, from what `_marked` gives."""
    kind = "event_type" if name == _EVENT else f"'{KIND_OF.get(name, name)}'"
    return (
        f"SELECT '{name}' AS entity, {BATCH[name].key[0]} AS entity_id, {kind} AS kind, file, row, "  # noqa: S608 -- names of our tables
        f"slot::INTEGER AS slot FROM marked_{name} WHERE is_first"
    )
