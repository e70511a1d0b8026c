"""The stay that something dated, but no interval of care itself, lies in."""

import pyarrow as pa

from tasks.harmonize.query import query

_PARENTS = """
WITH stays AS (
    SELECT event_id, subject_id, event_type, start, "end", is_ongoing FROM events
    WHERE event_type IN ('hospital_stay', 'icu_stay')),
dated AS (
    SELECT things.id, first(event_id ORDER BY event_type = 'icu_stay' DESC, stays.start DESC, event_id) AS event_id
    FROM things JOIN stays ON stays.subject_id = things.subject_id
        AND things.start BETWEEN stays.start AND coalesce(stays."end", CASE WHEN is_ongoing THEN DATE '9999-01-01' END)
    GROUP BY things.id),
undated AS (
    SELECT things.id, min(sent.event_id) AS event_id
    FROM things JOIN sent ON sent.subject_id = things.subject_id AND sent.file = things.file AND sent.row = things.row
    WHERE things.start IS NULL AND sent.event_type = 'hospital_stay'
    GROUP BY things.id HAVING count(DISTINCT sent.event_id) = 1)
SELECT id, event_id AS parent_event_id FROM (FROM dated UNION ALL FROM undated) ORDER BY id
"""
_STAYS = """
SELECT *, coalesce(discharge = 'still_admitted', false) AS is_ongoing FROM merged ORDER BY event_id
"""


def parents_of(identified: pa.Table, key: str, events: tuple[pa.Table, pa.Table]) -> pa.Table:
    """Give key and parent_event_id of every thing that lies in a stay.

    A stay whose end is not known contains nothing, unless the patient is still there: days after it cannot be told from
    days in it. An undated thing lies in the hospital stay of its own source row, if that row tells of just one.

    Parameters
    ----------
    identified
        Things as sent: their key, subject_id, file, row and start.
    key
        Name of the key column.
    events
        Events as sent, and each distinct one.
    """
    sent, merged = events
    columns = ("subject_id", "file", "row", "start")
    things = pa.table({"id": identified[key], **{name: identified[name] for name in columns}})
    found = query(_PARENTS, things=things, sent=sent, events=query(_STAYS, merged=merged))
    return found.rename_columns([key, "parent_event_id"])
