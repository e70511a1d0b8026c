"""Studies on the subject's own time line: day, distance to tests, and the year where it gives nothing away."""

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.imaging_study import WINDOW_DAYS
from tasks.harmonize.query import query

_STUDIES = """
WITH dated AS (
    SELECT studies.*, datediff('day', index_date_shifted, study_date_shifted)::INTEGER AS day,
           year(study_date_shifted - offset_days)::SMALLINT AS year
    FROM studies LEFT JOIN anchors USING (subject_id) LEFT JOIN offsets USING (subject_id)),
windows AS (
    SELECT subject_id, min(make_date(year, 12, 31) - day) - max(make_date(year, 1, 1) - day) + 1 AS days
    FROM dated WHERE day IS NOT NULL GROUP BY subject_id),
tested AS (
    SELECT study_uid, list_sort(list(tests.day - dated.day) FILTER (result = 'Positive')) AS positive,
           list_sort(list(tests.day - dated.day) FILTER (result = 'Negative')) AS negative
    FROM dated JOIN tests USING (subject_id)
    WHERE test_name = 'COVID-19' AND test_class <> 'antibody' AND tests.day IS NOT NULL AND dated.day IS NOT NULL
    GROUP BY study_uid)
SELECT study_uid, dated.subject_id, day,
       CASE WHEN coalesce(windows.days, window_days) >= window_days THEN year END AS study_year,
       CASE WHEN age < 90 THEN age END AS age_at_study, age >= 90 AS age_at_study_gt89, modalities,
       study_description AS study_description_raw, loinc_code, loinc_long_common_name, loinc_system, loinc_contrast,
       loinc_method, loinc_basis, loinc_confidence,
       coalesce(positive, []::INTEGER[]) AS days_to_positive_tests,
       coalesce(negative, []::INTEGER[]) AS days_to_negative_tests, n_series, n_instances, year AS real_year
FROM dated LEFT JOIN windows USING (subject_id) LEFT JOIN tested USING (study_uid), limits ORDER BY study_uid
"""


def days_of_studies(studies: pa.Table, anchors: pa.Table, tests: pa.Table, offsets: pa.Table) -> pa.Table:
    """Give the canonical imaging_study columns, and `real_year` beside them, which never leaves this stage.

    The year of a study is null where all years and days of its subject together leave fewer than `WINDOW_DAYS`
    possible index dates.

    Parameters
    ----------
    tests
        Canonical test_result rows of tests that are not held.
    offsets
        Columns subject_id and offset_days.
    """
    limits = pa.table({"window_days": [WINDOW_DAYS]})
    return query(_STUDIES, studies=studies, anchors=anchors, tests=tests, offsets=offsets, limits=limits)


def withheld_years(studies: pa.Table) -> int:
    """Count the studies whose year is known and withheld."""
    hidden = pc.and_(pc.is_valid(studies["real_year"]), pc.is_null(studies["study_year"]))
    count: int = pc.sum(hidden, min_count=0).as_py()
    return count
