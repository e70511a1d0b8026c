"""Measurements in one unit for each kind; a value in no known unit, or beyond its bounds, is held and never guessed."""

import pyarrow as pa

from config.vocab import fold
from config.vocab.measurements import conversions, measurements
from tasks.harmonize.query import query
from tasks.harmonize.records import Extraction

_IDENTIFIED = """
WITH named AS (
    SELECT records.* EXCLUDE (name, unit, declared_unit), coalesce(records.name, by_code.name) AS name,
           trim(coalesce(records.unit, declared_unit, '')) AS sent,
           coalesce(records.name <> by_code.name, false) AS is_other
    FROM records LEFT JOIN kinds AS by_code USING (loinc)),
converted AS (
    SELECT named.* EXCLUDE (loinc), coalesce(named.loinc, kinds.loinc) AS loinc, kinds.unit,
           round(value * factor + "offset", 6) AS converted, low, high, factor IS NOT NULL AS is_known
    FROM named LEFT JOIN kinds USING (name) LEFT JOIN units USING (name, sent))
SELECT substr(sha256(concat_ws(chr(31), subject_id, coalesce(name, ''), coalesce(loinc, ''),
       coalesce(converted, value)::VARCHAR, CASE WHEN converted IS NULL THEN sent ELSE '' END,
       coalesce(start::VARCHAR, ''))), 1, 32) AS measurement_id,
       subject_id, file, row, slot, start, coalesce(name, 'Not Reported') AS measurement_name, loinc AS loinc_code,
       converted AS value, CASE WHEN converted IS NOT NULL THEN unit END AS unit,
       CASE WHEN is_known THEN nullif(sent, '') END AS unit_raw,
       coalesce(rule, CASE WHEN is_other THEN 'H-LOINC-NAME' WHEN name IS NULL THEN 'H-NAMELESS'
                           WHEN value IS NULL THEN 'H-VALUELESS'
                           WHEN NOT is_known THEN 'H-UNIT'
                           WHEN converted NOT BETWEEN low AND high THEN 'H-IMPLAUSIBLE' END) AS rule
FROM converted ORDER BY measurement_id, file, row, slot
"""
_MERGED = """
SELECT measurement_id, any_value(subject_id) AS subject_id, any_value(measurement_name) AS measurement_name,
       any_value(loinc_code) AS loinc_code, any_value(value) AS value, any_value(unit) AS unit,
       min(unit_raw) AS unit_raw, any_value(start) AS start, max(rule) AS rule, count(*) AS sources
FROM identified GROUP BY measurement_id ORDER BY measurement_id
"""
_DAYS = """
SELECT measurement_id, subject_id, measurement_name, loinc_code, value, unit, unit_raw,
       datediff('day', index_date_shifted, start)::INTEGER AS day, parent_event_id
FROM measurements LEFT JOIN anchors USING (subject_id) LEFT JOIN parents USING (measurement_id)
ORDER BY measurement_id
"""


def identified_measurements(found: Extraction) -> pa.Table:
    """Give every measurement that was sent under the digest of its content, converted to the unit of its kind.

    A LOINC code of the vocabulary tells what was measured where no name is given. A unit in the row goes before that of
    the column.
    """
    records = found.of("measurement")
    kinds = measurements()
    columns = {
        "name": pa.array(kinds, pa.string()),
        "loinc": pa.array([one.loinc_code for one in kinds.values()], pa.string()),
        "unit": pa.array([one.unit for one in kinds.values()], pa.string()),
        "low": pa.array([one.low for one in kinds.values()], pa.float64()),
        "high": pa.array([one.high for one in kinds.values()], pa.float64()),
    }
    return query(_IDENTIFIED, records=records, kinds=pa.table(columns), units=_units(records))


def _units(records: pa.Table) -> pa.Table:
    """Give the conversion of every unit as it was sent, under every name that it fits."""
    texts = {"", *records["unit"].unique().to_pylist(), *records["declared_unit"].unique().to_pylist()} - {None}
    by_word: dict[str, list[str]] = {}
    for text in sorted(text.strip() for text in texts):
        by_word.setdefault(fold(text), []).append(text)
    rows = [
        (name, sent, one.factor, one.offset)
        for (name, word), one in conversions().items()
        for sent in dict.fromkeys(by_word.get(word, ()))
    ]
    names, sent, factors, offsets = zip(*rows, strict=True)
    columns = {"name": pa.array(names, pa.string()), "sent": pa.array(sent, pa.string())}
    return pa.table(columns | {"factor": pa.array(factors), "offset": pa.array(offsets)})


def merged_measurements(identified: pa.Table) -> pa.Table:
    """Give each distinct measurement once, with the number of rows it came in."""
    return query(_MERGED, identified=identified)


def days_of_measurements(rows: pa.Table, parents: pa.Table, anchors: pa.Table) -> pa.Table:
    """Give the canonical measurement columns, in days from the index event."""
    return query(_DAYS, measurements=rows, parents=parents, anchors=anchors)
