"""What is derived from several rows of a subject, and so made anew once the rows of all batches are together."""

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.imaging_study import WINDOW_DAYS
from tasks.release.query import query

YEAR_WITHHELD = "P-YEAR-WITHHELD"
# A stay contains what begins and ends within it, with a day of tolerance on both sides, as within a batch; an event
# without days lies where its batch saw it.
_PARENTS = """
WITH pairs AS (
    SELECT DISTINCT event_id, parent_event_id FROM sent WHERE parent_event_id IS NOT NULL
    UNION
    SELECT child.event_id, parent.event_id
    FROM events AS child JOIN events AS parent USING (subject_id)
    WHERE ((parent.event_type = 'hospital_stay' AND child.event_type IN ('icu_stay', 'breathing_support'))
           OR (parent.event_type = 'icu_stay' AND child.event_type = 'breathing_support'))
      AND coalesce(child.start_day, child.end_day) >= parent.start_day - 1
      AND (parent.end_day IS NULL
           OR greatest(coalesce(child.start_day, child.end_day), coalesce(child.end_day, child.start_day))
              <= parent.end_day + 1)),
chosen AS (
    SELECT pairs.event_id, first(pairs.parent_event_id ORDER BY coalesce(parent.event_type = 'icu_stay', false) DESC,
                                 parent.start_day DESC NULLS LAST, pairs.parent_event_id) AS parent
    FROM pairs LEFT JOIN events AS parent ON parent.event_id = pairs.parent_event_id GROUP BY pairs.event_id)
SELECT events.* REPLACE (chosen.parent AS parent_event_id) FROM events LEFT JOIN chosen USING (event_id)
ORDER BY event_id
"""
_STUDIES = """
WITH windows AS (
    SELECT subject_id, bool_and(study_year IS NOT NULL) FILTER (day IS NOT NULL) AS is_shown,
           min(make_date(study_year, 12, 31) - day) - max(make_date(study_year, 1, 1) - day) + 1 AS days
    FROM studies GROUP BY subject_id),
tested AS (
    SELECT study_uid, list_sort(list(delta) FILTER (result = 'Positive')) AS positive,
           list_sort(list(delta) FILTER (result = 'Negative')) AS negative
    FROM (SELECT study_uid, result, tests.day - study.day AS delta
          FROM (SELECT DISTINCT study_uid, subject_id, day FROM studies) AS study JOIN tests USING (subject_id)
          WHERE tests.day IS NOT NULL AND study.day IS NOT NULL)
    GROUP BY study_uid)
SELECT studies.* REPLACE (
           CASE WHEN coalesce(is_shown, true) AND coalesce(windows.days, window_days) >= window_days
                THEN max(study_year) OVER (PARTITION BY study_uid) END AS study_year,
           coalesce(positive, []::INTEGER[]) AS days_to_positive_tests,
           coalesce(negative, []::INTEGER[]) AS days_to_negative_tests)
FROM studies LEFT JOIN windows USING (subject_id) LEFT JOIN tested USING (study_uid), limits
ORDER BY study_uid
"""


def with_parents(events: pa.Table, sent: pa.Table) -> pa.Table:
    """Give each event the innermost stay that it lies in, among the stays of all batches.

    Parameters
    ----------
    events
        Each distinct event once.
    sent
        The events as the batches have them, with the parents that each batch saw.
    """
    return query(_PARENTS, events=events, sent=sent)


def with_derived(studies: pa.Table, tests: pa.Table) -> pa.Table:
    """Give studies the distances to the tests of all batches, and a year only where it gives nothing away.

    The years of a subject are null where all its years and days together leave fewer than `WINDOW_DAYS` possible index
    dates, or where a batch withheld one.

    Parameters
    ----------
    tests
        Each distinct test once.
    """
    return query(_STUDIES, studies=studies, tests=tests, limits=pa.table({"window_days": [WINDOW_DAYS]}))


def withheld_years(before: pa.Table, after: pa.Table) -> int:
    """Count the studies whose year a batch shows and the release does not."""
    shown = (pc.unique(rows.filter(pc.is_valid(rows["study_year"]))["study_uid"]) for rows in (before, after))
    return len(next(shown)) - len(next(shown))
