"""Who has images and no row, or a row and no images: listed and counted, never dropped."""

import pyarrow as pa

from tasks.harmonize.query import query

IMAGES_ONLY = "I-ORPHAN-IMAGE"
TABLES_ONLY = "I-ORPHAN-TABLE"
_ORPHANS = """
SELECT subject_id, CASE WHEN has_images THEN images_only ELSE tables_only END AS rule_id
FROM people, rules WHERE NOT (has_images AND has_table) ORDER BY subject_id
"""
_FUNNEL = """
SELECT count(*) AS subjects, count(*) FILTER (has_images) AS with_images, count(*) FILTER (has_table) AS with_rows,
       count(*) FILTER (has_images AND has_table) AS with_both
FROM people
"""


def orphans_of(people: pa.Table) -> pa.Table:
    """Give subject_id and rule_id of everyone who is on one side only."""
    rules = pa.table({"images_only": [IMAGES_ONLY], "tables_only": [TABLES_ONLY]})
    return query(_ORPHANS, people=people, rules=rules)


def cohort_funnel(people: pa.Table) -> dict[str, int]:
    """Count the subjects: all, with images, with clinical rows, with both."""
    counts: dict[str, int] = query(_FUNNEL, people=people).to_pylist()[0]
    return counts
