"""One time line per subject: where several batches tell of one person, all their days are counted from one anchor.

A batch counts days from its own index date. All dates of a subject are shifted by one offset, so the distance of two
index dates is exact, and with it the days of one batch become those of another.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH
from tasks.release.model import AcceptedBatch, Tables
from tasks.release.query import query

DAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "clinical_event": ("start_day", "end_day"),
    "test_result": ("day",),
    "condition": ("start_day", "end_day"),
    "measurement": ("day",),
    "medication": ("start_day", "end_day"),
    "imaging_study": ("day",),
}
_TIMELINES = """
WITH several AS (SELECT subject_id FROM told GROUP BY subject_id HAVING count(DISTINCT batch) > 1),
own AS (
    SELECT batch, subject_id, told.index_event AS event, index_date_shifted AS day
    FROM told JOIN several USING (subject_id) LEFT JOIN anchors USING (batch, subject_id)),
chosen AS (
    SELECT subject_id, first(struct_pack(event := event, day := day)
                             ORDER BY event = 'First Imaging Study', day, event) AS anchor
    FROM own WHERE event IS NOT NULL AND day IS NOT NULL GROUP BY subject_id)
SELECT batch, subject_id, anchor.event AS anchor_event,
       CASE WHEN anchor IS NULL THEN 0 ELSE datediff('day', anchor.day, own.day) END::INTEGER AS shift,
       event IS NOT NULL AND day IS NULL AS is_lost
FROM own LEFT JOIN chosen USING (subject_id) ORDER BY batch, subject_id
"""


def told_subjects(batches: Sequence[AcceptedBatch]) -> pa.Table:
    """Give the subject rows of all batches, and the `batch` of each beside them."""
    return pa.concat_tables([_named(batch.tables["subject"], batch.name) for batch in batches])


def timelines(told: pa.Table, batches: Sequence[AcceptedBatch]) -> pa.Table:
    """Give one row per batch and subject, for the subjects that came in several batches.

    The anchor of such a subject is a clinical or declared event of any batch before a first imaging study, and of
    equals the earliest; a later test that is positive does not move it.

    Parameters
    ----------
    told
        The subject rows with their batch.

    Returns
    -------
    pa.Table
        batch, subject_id, `anchor_event` (null where no batch knows an index event), `shift` (what to add to a day of
        this batch; null where the batch has no anchor, and so no days) and `is_lost`: the batch counts days from a
        date that its run does not state.
    """
    anchors = pa.concat_tables([_named(batch.anchors, batch.name) for batch in batches])
    return query(_TIMELINES, told=told, anchors=anchors)


def _named(rows: pa.Table, batch: str) -> pa.Table:
    return rows.append_column("batch", pa.repeat(pa.scalar(batch), rows.num_rows))


def rebased(batch: AcceptedBatch, lines: pa.Table) -> Tables:
    """Give the tables of a batch with every day counted from the chosen anchors.

    Parameters
    ----------
    lines
        As from `timelines`.
    """
    mine = lines.filter(pc.and_(pc.equal(lines["batch"], batch.name), pc.not_equal(lines["shift"], 0)))
    if not mine.num_rows:
        return dict(batch.tables)
    return batch.tables | {name: _moved(batch.tables[name], columns, mine) for name, columns in DAYS.items()}


def _moved(rows: pa.Table, columns: Sequence[str], lines: pa.Table) -> pa.Table:
    places = pc.index_in(rows["subject_id"], value_set=lines["subject_id"].combine_chunks())
    shift = pc.fill_null(lines["shift"].combine_chunks().take(places), 0)
    for column in columns:
        at = rows.schema.get_field_index(column)
        rows = rows.set_column(at, rows.schema.field(at), pc.add(rows[column], shift))
    return rows


def with_known_days(name: str, rows: pa.Table) -> pa.Table:
    """Give rows in which a day that one batch knows stands in the same row of another, which had no anchor.

    Ids of clinical rows are digests of content and shifted dates, so they do not change with the anchor.
    """
    (key,) = BATCH[name].key
    filled = ", ".join(f"coalesce({day}, max({day}) OVER (PARTITION BY {key})) AS {day}" for day in DAYS[name])
    return query(f"SELECT * REPLACE ({filled}) FROM rows ORDER BY {key}", rows=rows)  # noqa: S608 -- the names are our schemas'
