"""Flags that are derived from events, and what a site asserts beside them, which is compared and never taken."""

import pyarrow as pa

from config.site import Facts
from tasks.harmonize.query import query

DERIVED_FLAGS = ("covid19_status", "ever_icu", "ever_ventilated")
_FLAGS = """
WITH seen AS (
    SELECT subject_id, coalesce(bool_or(event_type = 'icu_stay' AND rule IS NULL), false) AS icu,
           coalesce(bool_or(device IN ('imv', 'ecmo') AND rule IS NULL), false) AS ventilated,
           coalesce(bool_or(event_type = 'icu_stay' AND rule IS NOT NULL), false) AS is_icu_open,
           coalesce(bool_or(event_type = 'breathing_support' AND rule IS NOT NULL), false) AS is_support_open
    FROM events GROUP BY subject_id),
derived AS (
    SELECT subject_id, people.ever_icu AS said_icu, people.ever_ventilated AS said_ventilated,
           people.covid19_status AS said_covid, sends_icu, sends_breathing_support,
           CASE WHEN icu THEN 'Yes' WHEN sends_icu AND has_table AND NOT coalesce(is_icu_open, false) THEN 'No'
                ELSE 'Not Reported' END AS ever_icu,
           CASE WHEN icu THEN ['event']
                WHEN sends_icu AND has_table AND NOT coalesce(is_icu_open, false) THEN ['site_sends_all'] END
           AS ever_icu_basis,
           CASE WHEN ventilated THEN 'Yes'
                WHEN sends_breathing_support AND has_table AND NOT coalesce(is_support_open, false) THEN 'No'
                ELSE 'Not Reported' END AS ever_ventilated,
           CASE WHEN ventilated THEN ['event']
                WHEN sends_breathing_support AND has_table AND NOT coalesce(is_support_open, false)
                THEN ['site_sends_all'] END
           AS ever_ventilated_basis,
           coalesce(status.covid19_status, 'Not Reported') AS covid19_status, covid19_status_basis
    FROM people LEFT JOIN seen USING (subject_id) LEFT JOIN status USING (subject_id), facts)
SELECT subject_id, ever_icu, ever_icu_basis, ever_ventilated, ever_ventilated_basis, covid19_status,
       covid19_status_basis,
       coalesce((said_icu = 'No' AND ever_icu = 'Yes') OR (said_icu = 'Yes' AND ever_icu = 'No')
                OR (said_ventilated = 'No' AND ever_ventilated = 'Yes')
                OR (said_ventilated = 'Yes' AND ever_ventilated = 'No'), false) AS is_flag_denied,
       coalesce(said_covid IN ('Positive', 'Negative') AND covid19_status IN ('Positive', 'Negative')
                AND said_covid <> covid19_status, false) AS is_status_denied
FROM derived ORDER BY subject_id
"""


def derived_flags(people: pa.Table, events: pa.Table, status: pa.Table, facts: Facts) -> pa.Table:
    """Give ever_icu, ever_ventilated and covid19_status with their bases, and whether the site says otherwise.

    No is said only of subjects in the tables of a site that declares to send every ICU stay or ventilation, and none of
    theirs is held; elsewhere a flag Yes is no fact, and denies nothing. An event that is held proves nothing.

    Parameters
    ----------
    people
        Columns subject_id, has_table, and the asserted ever_icu, ever_ventilated and covid19_status.
    status
        covid19_status and basis of those who have one.
    """
    declared = pa.table({"sends_icu": [facts.sends_icu], "sends_breathing_support": [facts.sends_breathing_support]})
    return query(_FLAGS, people=people, events=events, status=status, facts=declared)
