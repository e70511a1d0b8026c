"""The day that a subject's days are counted from: the site's index event, else the first study."""

import pyarrow as pa

from config.site import Index
from tasks.harmonize.query import query

_ANCHORS = """
WITH tested AS (
    SELECT subject_id, CASE
               WHEN bool_or(result <> 'Negative' AND (rule IS NOT NULL OR (start IS NULL AND result = 'Positive')))
               THEN NULL
               ELSE coalesce(min(start) FILTER (result = 'Positive' AND rule IS NULL), min(start) FILTER (rule IS NULL))
               END AS tested_on
    FROM tests WHERE test_name = 'COVID-19' AND test_class IN ('naat', 'antigen') GROUP BY subject_id),
imaged AS (SELECT subject_id, min(study_date_shifted) AS imaged_on FROM studies GROUP BY subject_id),
declared AS (
    SELECT subject_id, CASE found_by WHEN 'first_positive_test' THEN tested_on WHEN 'column' THEN index_date END AS day,
           event, imaged_on
    FROM people LEFT JOIN tested USING (subject_id) LEFT JOIN imaged USING (subject_id), site_index)
SELECT subject_id,
       CASE WHEN day IS NOT NULL THEN event WHEN imaged_on IS NOT NULL THEN 'First Imaging Study' END AS index_event,
       coalesce(day, imaged_on) AS index_date_shifted
FROM declared ORDER BY subject_id
"""


def anchor_days(people: pa.Table, tests: pa.Table, studies: pa.Table, index: Index) -> pa.Table:
    """Give index event and shifted index date of every subject; both null where nothing can be counted from.

    Parameters
    ----------
    people
        Columns subject_id and index_date (shifted), one row per subject.
    tests
        Merged tests; one that is held, or positive without a day, may be the first positive one, and then none is it.
    studies
        Columns subject_id and study_date_shifted.
    """
    site_index = pa.table({"event": [index.event], "found_by": [index.found_by]})
    return query(_ANCHORS, people=people, tests=tests, studies=studies, site_index=site_index)
