"""Index events of sites that send days in place of dates: day 0 of their tables, and its date in the images."""

import pyarrow as pa

from config.site import Index
from tasks.harmonize.dates import DAY_ZERO
from tasks.harmonize.query import query
from tasks.identity import Pseudonymizer

_CLINICAL = """
SELECT subject_id, CASE WHEN has_table THEN coalesce(index_event, event) END AS index_event,
       CASE WHEN has_table THEN zero + offset_days END AS index_date_shifted
FROM people JOIN offsets USING (subject_id), site_index ORDER BY subject_id
"""
_IMAGES = """
WITH told AS (
    SELECT studies.subject_id, study_date_shifted - (stated.start - index_date_shifted)::INTEGER AS day
    FROM stated JOIN studies USING (study_uid) JOIN clinical ON clinical.subject_id = studies.subject_id
    WHERE study_date_shifted IS NOT NULL AND stated.start IS NOT NULL),
agreed AS (
    SELECT subject_id, CASE WHEN min(day) = max(day) THEN min(day) END AS day, min(day) < max(day) AS is_contradicted
    FROM told GROUP BY subject_id),
imaged AS (SELECT subject_id, min(study_date_shifted) AS imaged_on FROM studies GROUP BY subject_id)
SELECT subject_id, coalesce(index_event, CASE WHEN imaged_on IS NOT NULL THEN first_study END) AS index_event,
       CASE WHEN agreed.subject_id IS NOT NULL THEN day
            WHEN coalesce(index_event, first_study) = first_study THEN imaged_on END AS index_date_shifted,
       coalesce(is_contradicted, false) AS is_contradicted
FROM clinical LEFT JOIN agreed USING (subject_id) LEFT JOIN imaged USING (subject_id), words ORDER BY subject_id
"""
_FIRST_STUDY = "First Imaging Study"


def day_zero(people: pa.Table, offsets: pa.Table, index: Index) -> pa.Table:
    """Give index event and day 0 of everybody in a table, in the calendar of `tasks.harmonize.dates.DAY_ZERO`, shifted.

    Parameters
    ----------
    people
        Columns subject_id, has_table and index_event; the site's own event where that is null.
    offsets
        Columns subject_id and offset_days.
    """
    site_index = pa.table({"event": [index.event], "zero": pa.array([DAY_ZERO], pa.date32())})
    return _conformed(query(_CLINICAL, people=people, offsets=offsets, site_index=site_index))


def stated_days(records: pa.Table, people: Pseudonymizer) -> pa.Table:
    """Give study_uid and start of every study that the tables tell of, under its pseudonymous UID."""
    uids = [None if uid is None else people.uid(uid) for uid in records["uid"].to_pylist()]
    return pa.table({"study_uid": pa.array(uids, pa.string()), "start": records["start"]})


def image_anchors(clinical: pa.Table, stated: pa.Table, studies: pa.Table) -> tuple[pa.Table, int]:
    """Give index event and shifted index date of everybody in the images' calendar, and how many contradict themselves.

    The date follows from the days that are stated for a subject's studies; where these do not agree, or none are
    stated and the event is not the first study, it is not known.
    """
    words = pa.table({"first_study": [_FIRST_STUDY]})
    found = query(_IMAGES, clinical=clinical, stated=stated, studies=studies, words=words)
    contradicted = sum(found["is_contradicted"].to_pylist())
    return _conformed(found.drop_columns(["is_contradicted"])), contradicted


def _conformed(anchors: pa.Table) -> pa.Table:
    place = anchors.schema.get_field_index("index_date_shifted")
    return anchors.set_column(place, "index_date_shifted", anchors["index_date_shifted"].cast(pa.date32()))
