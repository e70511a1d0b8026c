"""What days, years and ages give away together: the index date, the birth date, and ages over 89.

Days are counted from the index event, so one known date, or one age of a known day, is one of all the others.
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tasks.release.model import Tables
from tasks.release.query import query
from tasks.release.timelines import DAYS

YEAR_LEAK = "P-YEAR-LEAK"
BIRTHDAY_LEAK = "P-BDAY-LEAK"
AGE89_LEAK = "P-AGE89-LEAK"
DAYS_A_YEAR: Final = 365.25
_WINDOWS = """
SELECT subject_id FROM studies, limits WHERE study_year IS NOT NULL AND day IS NOT NULL
GROUP BY subject_id, window_days
HAVING min(make_date(study_year, 12, 31) - day) - max(make_date(study_year, 1, 1) - day) + 1 < window_days
ORDER BY subject_id
"""
_AGES = """
WITH ages AS (
    SELECT subject_id, age_at_index AS age, age_at_index_gt89 AS gt89,
           CASE WHEN index_event IS NOT NULL THEN 0 END AS day
    FROM subjects
    UNION ALL
    SELECT subject_id, age_at_study, age_at_study_gt89, day FROM studies)
"""
_BIRTHDAYS = f"""{_AGES}
SELECT subject_id FROM ages, limits WHERE age IS NOT NULL AND day IS NOT NULL
GROUP BY subject_id, window_days
HAVING min(day - age * {DAYS_A_YEAR}) - max(day - (age + 1) * {DAYS_A_YEAR}) < window_days
ORDER BY subject_id
"""  # noqa: S608 -- constants
_OVER_89 = f"""{_AGES},
last AS (SELECT subject_id, max(day) AS last_day FROM days GROUP BY subject_id)
SELECT subject_id FROM ages LEFT JOIN last USING (subject_id) GROUP BY subject_id
HAVING coalesce(max(age - day / {DAYS_A_YEAR}) + max(last_day) / {DAYS_A_YEAR} >= 90, false)
    OR (coalesce(bool_or(gt89), false) AND bool_or(age IS NOT NULL OR NOT coalesce(gt89, true)))
ORDER BY subject_id
"""  # noqa: S608 -- constants


def narrowed_index_dates(tables: Tables, window_days: int) -> pa.Array:
    """Give the subjects whose studies' years and days leave fewer than `window_days` possible index dates, sorted."""
    return _subjects(query(_WINDOWS, studies=tables["imaging_study"], limits=_limits(window_days)))


def narrowed_birth_dates(tables: Tables, window_days: int) -> pa.Array:
    """Give the subjects whose ages and days leave fewer than `window_days` possible birth dates, sorted."""
    found = query(_BIRTHDAYS, subjects=tables["subject"], studies=tables["imaging_study"], limits=_limits(window_days))
    return _subjects(found)


def ages_over_89(tables: Tables) -> pa.Array:
    """Give the subjects of whom an age over 89 can be told apart from others, sorted.

    An exact age and a later day do that, and so does a subject who is over 89 on one day and of a known or lower age on
    another.
    """
    days = [
        pa.table({"subject_id": tables[name]["subject_id"], "day": tables[name][column]})
        for name, columns in DAYS.items()
        for column in columns
    ]
    found = query(_OVER_89, subjects=tables["subject"], studies=tables["imaging_study"], days=pa.concat_tables(days))
    return _subjects(found)


def _limits(window_days: int) -> pa.Table:
    return pa.table({"window_days": [window_days]})


def _subjects(rows: pa.Table) -> pa.Array:
    return rows["subject_id"].combine_chunks()


def without_years(tables: Tables, subjects: pa.Array) -> Tables:
    """Withhold the years of the studies of some subjects."""
    return tables | {"imaging_study": without(tables["imaging_study"], subjects, ("study_year",))}


def without_study_ages(tables: Tables, subjects: pa.Array) -> Tables:
    """Withhold the exact ages at the studies of some subjects."""
    return tables | {"imaging_study": without(tables["imaging_study"], subjects, ("age_at_study",))}


def without_flags(tables: Tables, subjects: pa.Array) -> Tables:
    """Withhold whether some subjects were over 89 at their studies, and the exact ages."""
    ages = ("age_at_study", "age_at_study_gt89")
    return tables | {"imaging_study": without(tables["imaging_study"], subjects, ages)}


def without_ages(tables: Tables, subjects: pa.Array) -> Tables:
    """Withhold every age of some subjects but that it is over 89, which stays one class."""
    made = dict(tables)
    for name, age in (("subject", "age_at_index"), ("imaging_study", "age_at_study")):
        rows = without(tables[name], subjects, (age,))
        flag = f"{age}_gt89"
        lower = pc.and_(_among(rows, subjects), pc.invert(pc.fill_null(rows[flag], fill_value=False)))
        made[name] = _set(rows, flag, pc.if_else(lower, pa.scalar(None, pa.bool_()), rows[flag]))
    return made


def without(rows: pa.Table, subjects: pa.Array, columns: tuple[str, ...]) -> pa.Table:
    """Give rows that say nothing in some columns of some subjects."""
    theirs = _among(rows, subjects)
    for name in columns:
        rows = _set(rows, name, pc.if_else(theirs, pa.scalar(None, rows.schema.field(name).type), rows[name]))
    return rows


def _among(rows: pa.Table, subjects: pa.Array) -> pa.ChunkedArray:
    return pc.is_in(rows["subject_id"], value_set=subjects)


def _set(rows: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.schema.field(name), column)
