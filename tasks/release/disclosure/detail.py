"""What else may tell a person: sensitive values that a whole class shares, courses of disease that nobody else has."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.release import Disclosure
from expectations.schemas.catalog import CANONICAL
from expectations.schemas.table import Sensitivity
from tasks.release.disclosure.classes import coded, sizes
from tasks.release.disclosure.levers import quasi_identifiers
from tasks.release.model import Tables
from tasks.release.query import query

SENSITIVE: Final = tuple(
    field.name
    for field in CANONICAL["subject"].schema
    if field.metadata[b"sensitivity"].decode() == Sensitivity.SENSITIVE.value
)
_COURSES = """
WITH steps AS (
    SELECT subject_id, concat_ws(' ', event_type, start_day, end_day) AS step FROM events
    WHERE coalesce(start_day, end_day) IS NOT NULL
    UNION ALL SELECT subject_id, concat_ws(' ', 'test', day) FROM tests WHERE day IS NOT NULL
    UNION ALL SELECT subject_id, concat_ws(' ', 'study', day) FROM studies WHERE day IS NOT NULL),
courses AS (SELECT subject_id, string_agg(step, '|' ORDER BY step) AS course FROM steps GROUP BY subject_id)
SELECT count(*) FILTER (WHERE subjects = 1)::BIGINT AS alone FROM (
    SELECT course, count(*) AS subjects FROM courses GROUP BY course)
"""


def small_classes(subjects: pa.Table, k: int) -> int:
    """Count the subjects of a release who share their quasi-identifiers with fewer than k - 1 others."""
    counts = sizes(coded([subjects], quasi_identifiers(subjects))[0])
    return int((counts < k).sum())


def alike_classes(subjects: pa.Table, policy: Disclosure) -> dict[str, int]:
    """Count, by sensitive column, the subjects of classes of at least k with too few values of it (l-diversity).

    A. Machanavajjhala et al., l-diversity: privacy beyond k-anonymity, 2007: the distinct form.
    """
    classes = coded([subjects], quasi_identifiers(subjects))[0]
    counts = np.bincount(classes)
    found = {}
    for column in SENSITIVE:
        pairs = np.unique(np.stack([classes, coded([subjects], [column])[0]]), axis=1)
        few = np.bincount(pairs[0], minlength=len(counts)) < policy.distinct
        found[column] = int(counts[few & (counts >= max(policy.k, policy.distinct))].sum())
    return {column: count for column, count in found.items() if count}


def unique_courses(tables: Tables) -> int:
    """Count the subjects whose days of stays, tests and studies are those of nobody else."""
    found = query(
        _COURSES, events=tables["clinical_event"], tests=tables["test_result"], studies=tables["imaging_study"]
    )
    return int(found["alone"][0].as_py())


def rare_values(values: pa.Table, rare: int) -> int:
    """Count the values of a column that fewer than `rare` subjects have.

    Parameters
    ----------
    values
        subject_id and text, without nulls.
    """
    counts = values.group_by(["text"]).aggregate([("subject_id", "count_distinct")])
    return int(pc.sum(pc.less(counts["subject_id_count_distinct"], rare), min_count=0).as_py())
