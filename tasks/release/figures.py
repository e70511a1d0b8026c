"""The figures that a dataset card shows, counted from the tables of the release."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from tasks.release.charts import Bar, Span, bar_chart, column_chart, lane_chart
from tasks.release.query import query

MOST_VENDORS = 12
MOST_LANES = 40  # persons whose stays are drawn
MOST_MONTHS = 24  # before and after the index event, each; what lies farther is drawn at the end
DAYS_PER_MONTH = 30
KINDS: Final = {
    "hospital_stay": "Hospital stay",
    "icu_stay": "Intensive care",
    "breathing_support": "Breathing support",
}
_FUNNEL: Final = """
    SELECT * FROM (VALUES
        (1, 'Subjects', (SELECT count(*) FROM subject)),
        (2, 'with a known index event', (SELECT count(*) FROM subject WHERE index_event IS NOT NULL)),
        (3, 'with a study of known day', (SELECT count(DISTINCT subject_id) FROM imaging_study WHERE day IS NOT NULL)),
        (4, 'with a test', (SELECT count(DISTINCT subject_id) FROM test_result)),
        (5, 'COVID-19 positive', (SELECT count(*) FROM subject WHERE covid19_status = 'Positive')),
        (6, 'with a hospital stay',
         (SELECT count(DISTINCT subject_id) FROM clinical_event WHERE event_type = 'hospital_stay')),
        (7, 'in intensive care', (SELECT count(*) FROM subject WHERE ever_icu = 'Yes')),
        (8, 'ventilated', (SELECT count(*) FROM subject WHERE ever_ventilated = 'Yes'))
    ) AS step(place, label, n) ORDER BY place
"""
_AGES: Final = """
    SELECT label, count(subject.band) AS n
    FROM (SELECT * FROM (VALUES (0, '0-9'), (1, '10-19'), (2, '20-29'), (3, '30-39'), (4, '40-49'), (5, '50-59'),
                                (6, '60-69'), (7, '70-79'), (8, '80-89'), (9, 'over 89'), (10, 'unknown'))) AS
         bands(band, label)
         LEFT JOIN (SELECT CASE WHEN age_at_index IS NOT NULL THEN age_at_index // 10
                                WHEN age_at_index_gt89 THEN 9 ELSE 10 END AS band FROM subject) AS subject USING (band)
    GROUP BY band, label ORDER BY band
"""
_SEXES: Final = "SELECT sex AS label, count(*) AS n FROM subject GROUP BY sex ORDER BY n DESC, label"
_RACES: Final = """
    SELECT label, count(*) AS n FROM (SELECT unnest(race_ethnicity) AS label FROM subject)
    GROUP BY label ORDER BY n DESC, label
"""
_SITES: Final = "SELECT site_id AS label, count(*) AS n FROM subject GROUP BY site_id ORDER BY n DESC, label"
_MODALITIES: Final = (
    "SELECT modality AS label, count(*) AS n FROM imaging_series GROUP BY modality ORDER BY n DESC, label"
)
_VENDORS: Final = """
    SELECT coalesce(manufacturer, 'not known') AS label, count(*) AS n FROM imaging_series
    GROUP BY label ORDER BY n DESC, label
"""
_MONTHS: Final = """
    SELECT greatest(least(floor(day / days)::INTEGER, most), -most) AS month, count(*) AS n
    FROM imaging_study, limits WHERE day IS NOT NULL GROUP BY month ORDER BY month
"""
_SPANS: Final = """
    WITH told AS (
        SELECT * FROM clinical_event
        WHERE event_type IN ('hospital_stay', 'icu_stay', 'breathing_support')
          AND start_day IS NOT NULL AND end_day >= start_day),
    chosen AS (SELECT subject_id, row_number() OVER (ORDER BY subject_id) - 1 AS lane
               FROM (SELECT DISTINCT subject_id FROM told))
    SELECT lane, event_type, start_day, end_day FROM told JOIN chosen USING (subject_id), limits WHERE lane < lanes
    ORDER BY lane, event_type, start_day, end_day
"""


def pictures(tables: Mapping[str, pa.Table]) -> dict[str, str]:
    """Give the pictures of a release as SVG, by name, in the order of the card."""
    subjects, series = "subjects", "series"
    bars = {
        "funnel": ("Cohort", _bars(_FUNNEL, tables), subjects),
        "age": ("Age at the index event", _bars(_AGES, tables), subjects),
        "sex": ("Sex", _bars(_SEXES, tables), subjects),
        "race_ethnicity": ("Race and ethnicity, each category named", _bars(_RACES, tables), subjects),
        "site": ("Contributing site", _bars(_SITES, tables), subjects),
        "modality": ("Modality", _bars(_MODALITIES, tables), series),
        "manufacturer": ("Manufacturer", _with_rest(_bars(_VENDORS, tables)), series),
    }
    drawn = {name: bar_chart(title, counted, unit=unit) for name, (title, counted, unit) in bars.items()}
    drawn["months"] = column_chart("Months from the index event to the study", _months(tables), unit="studies")
    spans = _spans(tables)
    lanes = len({span.lane for span in spans})
    whose = f"the first {MOST_LANES} subjects that have some" if lanes == MOST_LANES else f"all {lanes} who have some"
    drawn["stays"] = lane_chart(f"Stays of {whose}", spans, [*KINDS.values()])
    return drawn


def _used(statement: str, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    names = ("subject", "imaging_study", "imaging_series", "test_result", "clinical_event")
    return {name: tables[name] for name in names if name in statement}


def _bars(statement: str, tables: Mapping[str, pa.Table]) -> list[Bar]:
    return [Bar(row["label"], row["n"]) for row in query(statement, **_used(statement, tables)).to_pylist()]


def _with_rest(bars: list[Bar]) -> list[Bar]:
    rest = sum(bar.count for bar in bars[MOST_VENDORS:])
    return bars[:MOST_VENDORS] + ([Bar("others", rest)] if rest else [])


def _months(tables: Mapping[str, pa.Table]) -> list[Bar]:
    """Count studies in months of 30 days from the index event, without a gap between the first and the last."""
    limits = pa.table({"days": [DAYS_PER_MONTH], "most": [MOST_MONTHS]})
    counts = {row["month"]: row["n"] for row in query(_MONTHS, **_used(_MONTHS, tables), limits=limits).to_pylist()}
    ends = {-MOST_MONTHS: f"≤ -{MOST_MONTHS}", MOST_MONTHS: f"≥ {MOST_MONTHS}"}
    months = range(min(counts, default=0), max(counts, default=-1) + 1)
    return [Bar(ends.get(month, str(month)), counts.get(month, 0)) for month in months]


def _spans(tables: Mapping[str, pa.Table]) -> list[Span]:
    limits = pa.table({"lanes": [MOST_LANES]})
    kinds = list(KINDS)
    rows = query(_SPANS, **_used(_SPANS, tables), limits=limits).to_pylist()
    return [Span(row["lane"], row["start_day"], row["end_day"], kinds.index(row["event_type"])) for row in rows]
