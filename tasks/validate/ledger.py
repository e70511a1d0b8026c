"""The last word of the ledger on every object, and the findings of all stages in one table."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.pipeline import FINDINGS
from tasks.model import Status

HELD = "VA-HELD"


def final_ledger(settled: pa.Table, held_uids: pa.Array) -> pa.Table:
    """Give rows of the settled ledger with the released candidates held that hang on a held row.

    Parameters
    ----------
    held_uids
        New SOP Instance UIDs of the held rows of imaging_instance.
    """
    candidate = pc.equal(settled["status"], Status.RELEASED_CANDIDATE.value)
    held = pc.and_(candidate, pc.is_in(settled["sop_uid"], value_set=held_uids))
    ledger = settled
    for name, value in (("status", Status.HELD.value), ("rule_id", HELD)):
        place = ledger.schema.get_field_index(name)
        ledger = ledger.set_column(place, ledger.schema.field(name), pc.if_else(held, value, ledger[name]))
    return ledger


def merged_findings(tables: Sequence[pa.Table]) -> pa.Table:
    """Give the findings of several stages, each rule and place of a stage once, sorted."""
    together = pa.concat_tables([table.cast(FINDINGS.schema) for table in tables])
    counted = together.group_by(list(FINDINGS.key)).aggregate([("count", "sum")])
    renamed = counted.rename_columns([*FINDINGS.key, "count"]).select(FINDINGS.schema.names)
    return renamed.cast(FINDINGS.schema).sort_by([(name, "ascending") for name in FINDINGS.key])
