"""One row per subject out of the rows of several batches; who they contradict each other about is held.

What is reported comes before what is not, whichever batch it is in:

- Sex, race and ethnicity (one fact) and country do not change. Two different reported values hold the subject
  (`CONFLICTING`). The country of a row that tells nothing else of the person is the site's, and yields.
- The birth date does not change either: ages that no birth date within two years allows hold the subject.
- The age is that of the batch whose anchor was chosen, else the nearest one from less than a year away, else null. Of
  two ages on one day the higher is taken, so that an age over 89 stays one.
- A postal area changes when people move, which contradicts nothing, and nobody can say which of two was right at the
  index event: it becomes 000 in the US, as any area that is not known, and is counted (`MOVED`).
- COVID-19 status and the flags keep the strongest word of any batch, since each was derived from rows that all stay:
  Positive, Indeterminate, Negative, Not Reported; and Yes, No, Not Reported. The basis is that of the batches which
  say so.
"""

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import BATCH
from tasks.release.query import query

CONFLICTING = "D-SEX-STABLE"
MOVED = "P-ZIP-CHANGED"
_ROWS = """
rows AS (
    SELECT *, coalesce(age_at_index, CASE WHEN age_at_index_gt89 THEN 90 END) AS least_age,
           race_ethnicity <> ['Not Reported'] AS has_race,
           sex <> 'Not Reported' OR race_ethnicity <> ['Not Reported'] OR race <> 'Not Reported'
           OR age_at_index IS NOT NULL OR coalesce(age_at_index_gt89, false) OR zip3 IS NOT NULL AS is_told
    FROM told JOIN lines USING (batch, subject_id))
"""
_CONFLICTING = f"""
WITH {_ROWS}
SELECT subject_id FROM rows GROUP BY subject_id
HAVING count(DISTINCT sex) FILTER (sex <> 'Not Reported') > 1
    OR count(DISTINCT race_ethnicity) FILTER (has_race) > 1
    OR count(DISTINCT race) FILTER (NOT has_race AND race <> 'Not Reported') > 1
    OR count(DISTINCT country) FILTER (is_told) > 1
    OR max(least_age - shift / 365.25) - min(age_at_index - shift / 365.25) >= 2
ORDER BY subject_id
"""  # noqa: S608 -- constants
_BASES = ",\n".join(
    f"""of_{flag} AS (
    SELECT subject_id, list_sort(list_distinct(flatten(list({flag}_basis)))) AS {flag}_basis
    FROM rows SEMI JOIN grouped USING (subject_id, {flag}) WHERE {flag}_basis IS NOT NULL
    GROUP BY subject_id)"""  # noqa: S608 -- constants
    for flag in ("covid19_status", "ever_icu", "ever_ventilated")
)
_MERGED = f"""
WITH {_ROWS},
grouped AS (
    SELECT subject_id, min(site_id) AS site_id, any_value(anchor_event) AS index_event,
           first(struct_pack(years := age_at_index, gt89 := age_at_index_gt89)
                 ORDER BY abs(shift), least_age DESC) FILTER (least_age IS NOT NULL AND abs(shift) < 365) AS age,
           coalesce(min(sex) FILTER (sex <> 'Not Reported'), 'Not Reported') AS sex,
           first(struct_pack(list := race_ethnicity, race := race, ethnicity := ethnicity, scheme := race_scheme)
                 ORDER BY has_race DESC, race = 'Not Reported', ethnicity = 'Not Reported', race, ethnicity,
                          race_scheme) AS race,
           coalesce(min(country) FILTER (is_told), min(country)) AS country,
           count(DISTINCT zip3) FILTER (zip3 <> '000') > 1 AS has_moved,
           coalesce(min(zip3) FILTER (zip3 <> '000'), min(zip3)) AS zip3,
           CASE WHEN bool_or(covid19_status = 'Positive') THEN 'Positive'
                WHEN bool_or(covid19_status = 'Indeterminate') THEN 'Indeterminate'
                WHEN bool_or(covid19_status = 'Negative') THEN 'Negative' ELSE 'Not Reported' END AS covid19_status,
           CASE WHEN bool_or(ever_icu = 'Yes') THEN 'Yes' WHEN bool_or(ever_icu = 'No') THEN 'No'
                ELSE 'Not Reported' END AS ever_icu,
           CASE WHEN bool_or(ever_ventilated = 'Yes') THEN 'Yes' WHEN bool_or(ever_ventilated = 'No') THEN 'No'
                ELSE 'Not Reported' END AS ever_ventilated
    FROM rows GROUP BY subject_id),
{_BASES}
SELECT subject_id, site_id, index_event, age.years AS age_at_index, age.gt89 AS age_at_index_gt89, sex,
       race.list AS race_ethnicity, race.race AS race, race.ethnicity AS ethnicity, race.scheme AS race_scheme, country,
       CASE WHEN NOT coalesce(has_moved, false) THEN zip3 WHEN country = 'US' THEN '000' END AS zip3,
       covid19_status, covid19_status_basis, ever_icu, ever_icu_basis, ever_ventilated, ever_ventilated_basis,
       coalesce(has_moved, false) AS has_moved
FROM grouped LEFT JOIN of_covid19_status USING (subject_id) LEFT JOIN of_ever_icu USING (subject_id)
     LEFT JOIN of_ever_ventilated USING (subject_id)
ORDER BY subject_id
"""  # noqa: S608 -- constants


def conflicting(told: pa.Table, lines: pa.Table) -> pa.Array:
    """Give the subjects whose batches contradict each other about who they are, sorted.

    Parameters
    ----------
    told
        Subject rows with their `batch`.
    lines
        As from `tasks.release.timelines.timelines`.
    """
    return query(_CONFLICTING, told=told, lines=lines)["subject_id"].combine_chunks()


def one_row_each(told: pa.Table, lines: pa.Table) -> tuple[pa.Table, int]:
    """Give one row per subject of several batches, and how many of them moved.

    Parameters
    ----------
    told, lines
        As in `conflicting`, without the subjects that it names.
    """
    rows = query(_MERGED, told=told, lines=lines)
    moved = int(pc.sum(rows["has_moved"], min_count=0).as_py())
    return rows.select(BATCH["subject"].schema.names).cast(BATCH["subject"].schema), moved
