"""Which source value and which mapping made a cell; source values appear as keyed digests, salted by subject."""

import pyarrow as pa

from tasks.harmonize.query import query
from tasks.identity import Pseudonymizer

_FIELDS = (  # kind of record, its attribute, and the canonical cell that it becomes
    ("subject", "sex", "subject", "sex"),
    ("subject", "race_ethnicity", "subject", "race_ethnicity"),
    ("subject", "race", "subject", "race"),
    ("subject", "ethnicity", "subject", "ethnicity"),
    *(
        (kind, attribute, "clinical_event", field)
        for kind in ("hospital_stay", "icu_stay", "breathing_support", "emergency_visit", "death")
        for attribute, field in (
            ("start", "start_day"),
            ("end", "end_day"),
            ("device", "device"),
            ("discharge", "discharge"),
        )
    ),
    ("test", "start", "test_result", "day"),
    ("test", "name", "test_result", "test_name"),
    ("test", "class", "test_result", "test_class"),
    ("test", "result", "test_result", "result"),
    ("condition", "start", "condition", "start_day"),
    ("condition", "end", "condition", "end_day"),
    ("condition", "system", "condition", "code_system"),
    ("condition", "name", "condition", "name"),
)
_EXPLAINED = """
WITH sources AS (
    SELECT 'subject' AS kind, subject_id AS entity_id, file, row, slot FROM people
    UNION ALL SELECT event_type, event_id, file, row, slot FROM events
    UNION ALL SELECT 'test', test_id, file, row, slot FROM tests
    UNION ALL SELECT 'condition', condition_id, file, row, slot FROM conditions)
SELECT entity, entity_id, canonical AS field, first(subject_id ORDER BY file, row, slot) AS subject_id,
       first(raw ORDER BY file, row, slot) AS raw, first(mapping ORDER BY file, row, slot) AS mapping_id,
       first(version ORDER BY file, row, slot) AS mapping_version, NULL::VARCHAR AS rule_id
FROM cells JOIN sources USING (kind, file, row, slot) JOIN fields USING (kind, field)
GROUP BY ALL
UNION ALL
SELECT 'clinical_event', event_id, 'start_day', subject_id, NULL, NULL, NULL, 'C-DEATH' FROM events WHERE NOT is_sent
UNION ALL
SELECT 'subject', subject_id, field, subject_id, NULL, NULL, NULL, rule_id FROM subjects, derived
ORDER BY entity, entity_id, field
"""
_DERIVED = {
    "field": ["covid19_status", "ever_icu", "ever_ventilated"],
    "rule_id": ["T-COVID-POS", "C-FLAG-DERIVED", "C-FLAG-DERIVED"],
}


def lineage_rows(tables: dict[str, pa.Table], people: Pseudonymizer, batch_id: str) -> pa.Table:
    """Give the canonical lineage rows.

    Parameters
    ----------
    tables
        `cells` (source values), the identified `events`, `tests`, `conditions`, the records `people`, and `subjects`.
    batch_id
        Site and batch.
    """
    names = ("kind", "field", "entity", "canonical")
    fields = pa.table(dict(zip(names, zip(*_FIELDS, strict=True), strict=True)))
    rows = query(_EXPLAINED, **tables, fields=fields, derived=pa.table(_DERIVED))
    told = zip(rows["subject_id"].to_pylist(), rows["field"].to_pylist(), rows["raw"].to_pylist(), strict=True)
    digests = [None if raw is None else people.source(f"cell\x1f{who}\x1f{name}\x1f{raw}") for who, name, raw in told]
    columns = ("mapping_id", "mapping_version", "rule_id")
    return pa.table(
        {
            **{name: rows[name] for name in ("entity", "entity_id", "field")},
            "raw_digest": pa.array(digests, pa.string()),
            **{name: rows[name] for name in columns},
            "batch_id": pa.repeat(pa.scalar(batch_id), len(rows)),
        }
    )
