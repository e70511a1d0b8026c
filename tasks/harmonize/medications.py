"""Drugs that were given, by name or code, with their dose, route and days."""

import pyarrow as pa

from tasks.harmonize.query import query
from tasks.harmonize.records import Extraction

_IDENTIFIED = """
SELECT substr(sha256(concat_ws(chr(31), subject_id, coalesce(name, ''), coalesce(code, ''), coalesce(code_system, ''),
       coalesce(route, ''), coalesce(dose::VARCHAR, ''), coalesce(dose_unit, ''), coalesce(start::VARCHAR, ''),
       coalesce("end"::VARCHAR, ''))), 1, 32) AS medication_id, *
FROM (SELECT subject_id, file, row, slot, start, "end", name, code, route, dose,
             CASE WHEN code IS NOT NULL THEN coalesce(system, CASE WHEN code NOT SIMILAR TO '[0-9]+' THEN 'ATC' END) END
             AS code_system,
             CASE WHEN dose IS NOT NULL THEN coalesce(unit, declared_unit) END AS dose_unit,
             coalesce(rule, CASE
                 WHEN name IS NULL AND code IS NULL THEN 'H-NAMELESS'
                 WHEN code SIMILAR TO '[0-9]+' AND coalesce(system, 'ATC') = 'ATC' THEN 'H-CODE-SYSTEM'
                 WHEN code NOT SIMILAR TO '[0-9]+' AND system = 'RxNorm' THEN 'H-CODE-SYSTEM'
                 WHEN dose IS NOT NULL AND coalesce(unit, declared_unit) IS NULL THEN 'H-UNIT' END) AS rule
      FROM records)
ORDER BY medication_id, file, row, slot
"""
_MERGED = """
SELECT medication_id, any_value(subject_id) AS subject_id, any_value(name) AS name, any_value(code) AS code,
       any_value(code_system) AS code_system, any_value(route) AS route, any_value(dose) AS dose,
       any_value(dose_unit) AS dose_unit, any_value(start) AS start, any_value("end") AS "end", max(rule) AS rule,
       count(*) AS sources
FROM identified GROUP BY medication_id ORDER BY medication_id
"""
_DAYS = """
SELECT medication_id, subject_id, name, code, code_system, route, dose, dose_unit,
       datediff('day', index_date_shifted, start)::INTEGER AS start_day,
       datediff('day', index_date_shifted, "end")::INTEGER AS end_day, parent_event_id
FROM medications LEFT JOIN anchors USING (subject_id) LEFT JOIN parents USING (medication_id) ORDER BY medication_id
"""


def identified_medications(found: Extraction) -> pa.Table:
    """Give every medication that was sent under the digest of its content; a code in letters is one of ATC."""
    return query(_IDENTIFIED, records=found.of("medication"))


def merged_medications(identified: pa.Table) -> pa.Table:
    """Give each distinct medication once, with the number of rows it came in."""
    return query(_MERGED, identified=identified)


def days_of_medications(rows: pa.Table, parents: pa.Table, anchors: pa.Table) -> pa.Table:
    """Give the canonical medication columns, in days from the index event."""
    return query(_DAYS, medications=rows, parents=parents, anchors=anchors)
