"""Hospital stays, ICU stays, breathing support, emergency visits and deaths as intervals; each distinct one is kept."""

import pyarrow as pa

from tasks.harmonize.columns import APART
from tasks.harmonize.query import query
from tasks.harmonize.records import Extraction

_IDENTIFIED = """
WITH sent AS (
    SELECT * FROM (
        SELECT 'hospital_stay' AS event_type, subject_id, file, row, slot, start, "end",
               NULL::VARCHAR AS device, coalesce(discharge, 'not_reported') AS discharge, rule FROM hospital_stay
        UNION ALL
        SELECT 'icu_stay', subject_id, file, row, slot, start, "end", NULL, NULL, rule FROM icu_stay
        UNION ALL
        SELECT 'breathing_support', subject_id, file, row, slot, start, "end", coalesce(device, 'not_reported'), NULL,
               rule FROM breathing_support
        UNION ALL
        SELECT 'emergency_visit', subject_id, file, row, slot, start, "end", NULL, NULL, rule FROM emergency_visit
        UNION ALL
        SELECT 'death', subject_id, file, row, slot, start, start, NULL, NULL, rule FROM death)),
deaths AS (
    SELECT 'death', subject_id, file, row, slot, "end", "end", NULL, NULL, NULL FROM sent
    WHERE discharge = 'expired' AND "end" IS NOT NULL
      AND subject_id NOT IN (SELECT subject_id FROM sent WHERE event_type = 'death')),
everything AS (
    SELECT *, concat_ws(chr(31), subject_id, event_type, coalesce(start::VARCHAR, ''), coalesce("end"::VARCHAR, ''),
           coalesce(device, ''), coalesce(discharge, '')) AS said
    FROM (SELECT *, true AS is_sent FROM sent UNION ALL SELECT *, false FROM deaths)),
homes AS (
    SELECT child.event_type, child.file, child.row, child.slot,
           coalesce(min(stay.said) FILTER (stay.slot % $apart = child.slot % $apart),
                    CASE WHEN min(child.slot) % $apart = 1 AND count(DISTINCT stay.said) = 1
                         THEN min(stay.said) END) AS home
    FROM everything AS child JOIN everything AS stay
         ON stay.subject_id = child.subject_id AND stay.file = child.file AND stay.row = child.row
    WHERE stay.event_type = 'hospital_stay' AND child.event_type IN ('icu_stay', 'breathing_support')
      AND child.start IS NULL AND child."end" IS NULL
    GROUP BY ALL)
SELECT substr(sha256(concat_ws(chr(31), said, home)), 1, 32) AS event_id,
       substr(sha256(home), 1, 32) AS home_id, everything.* EXCLUDE (said)
FROM everything LEFT JOIN homes USING (event_type, file, row, slot) ORDER BY event_id, file, row, slot
"""
_MERGED = """
SELECT event_id, any_value(subject_id) AS subject_id, any_value(event_type) AS event_type,
       any_value(start) AS start, any_value("end") AS "end", any_value(device) AS device,
       any_value(discharge) AS discharge, any_value(home_id) AS home_id,
       min(struct_pack(file := file, row := row)) AS origin, max(rule) AS rule,
       count(*) FILTER (is_sent) AS sources
FROM identified GROUP BY event_id ORDER BY event_id
"""
_PARENTS = """
WITH bounded AS (
    SELECT *, coalesce("end", CASE WHEN discharge IS DISTINCT FROM 'still_admitted'
        THEN lead(start) OVER (PARTITION BY subject_id, event_type ORDER BY start, event_id) - 1 END,
        DATE '9999-01-01') AS last
    FROM merged),
pairs AS (
    SELECT child.event_id, parent.event_id AS parent_event_id, parent.event_type, parent.start,
           coalesce(child.start, child."end") >= parent.start
           AND coalesce(child."end", child.start) <= parent.last AS is_within
    FROM merged AS child JOIN bounded AS parent ON parent.subject_id = child.subject_id
    WHERE ((parent.event_type = 'hospital_stay' AND child.event_type IN ('icu_stay', 'breathing_support'))
           OR (parent.event_type = 'icu_stay' AND child.event_type = 'breathing_support'))
      AND coalesce(child.start, child."end") >= parent.start - 1
      AND coalesce(child.start, child."end") <= parent.last + 1
      AND coalesce(child."end", child.start) <= parent.last + 1),
chosen AS (
    SELECT event_id, first(parent_event_id ORDER BY coalesce(is_within, false) DESC, event_type = 'icu_stay' DESC,
           start DESC, parent_event_id) AS parent_event_id
    FROM pairs GROUP BY event_id)
SELECT merged.* EXCLUDE (home_id), coalesce(parent_event_id, home_id) AS parent_event_id
FROM merged LEFT JOIN chosen USING (event_id) ORDER BY event_id
"""
_CANONICAL = """
SELECT event_id, subject_id, event_type, datediff('day', index_date_shifted, start)::INTEGER AS start_day,
       datediff('day', index_date_shifted, "end")::INTEGER AS end_day,
       CASE WHEN "end" IS NOT NULL THEN 'known' WHEN discharge = 'still_admitted' THEN 'ongoing' ELSE 'unknown' END
       AS end_status,
       parent_event_id, device, NULL::VARCHAR AS device_raw, discharge,
       CASE WHEN event_type = 'death' THEN 10
            WHEN device = 'room_air' THEN 4
            WHEN device IN ('nasal_cannula', 'face_mask') THEN 5
            WHEN device IN ('hfnc', 'cpap', 'nippv') THEN 6
            WHEN device = 'imv' THEN 7
            WHEN device = 'ecmo' THEN 9 END::TINYINT AS who_scale_floor,
       origin.file AS file, origin.row AS row
FROM events LEFT JOIN anchors USING (subject_id) ORDER BY event_id
"""
KINDS = ("hospital_stay", "icu_stay", "breathing_support", "emergency_visit", "death")


def identified_events(found: Extraction) -> pa.Table:
    """Give every event that was sent under the digest of its content, and the deaths that a discharge tells of.

    Dates are shifted. Equal content has equal ids, whatever row or file it came in; of what has no dates the hospital
    stay of its own row and slot, or the only one of its row, is part of the content: the highest support of each of two
    stays is told twice.
    """
    return query(_IDENTIFIED.replace("$apart", str(APART)), **{kind: found.of(kind) for kind in KINDS})


def merged_events(identified: pa.Table) -> pa.Table:
    """Give each distinct event once, with the number of rows it came in and the stay it lies in.

    A stay contains what begins and ends within it, else what does so with a day of tolerance on both sides; an event
    without dates lies in the hospital stay of its own row (`identified_events`). A stay of which no end is known goes
    on until the next one of its kind begins.
    """
    return query(_PARENTS, merged=query(_MERGED, identified=identified))


def days_of_events(events: pa.Table, anchors: pa.Table) -> pa.Table:
    """Give the events in days from the index event, with the least WHO score that device or death allow.

    `file` and `row` of the first source row stand beside the canonical columns.
    """
    return query(_CANONICAL, events=events, anchors=anchors)
