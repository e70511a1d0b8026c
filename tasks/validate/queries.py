"""The rules that span columns, rows or tables, written out: each query gives the rows (`_row`) that break one.

Where no row is to blame it gives how many things break it (`found`). Relations are the harmonized tables by name,
`settled` (the de-identified instances that the ledger counts), `holds`, `anchors` and `lineage` of harmonize,
`crosswalk` (private: what each UID became), `site` (one row: whether patients are ventilated outside the ICU), and of
our tables `unsound_loinc`, `known_loinc` and `body_part_areas`. An unknown day breaks nothing.
"""
# ruff: noqa: S608 -- every name and number put into a query is written in this module

from collections.abc import Mapping

from config.vocab.diagnoses import COVID19_DIAGNOSES, LONG_COVID_DIAGNOSES
from expectations.suites.checks import fact

YEAR_DAYS = 365.25
AGE_TOLERANCE_YEARS = 2  # one year of tolerance, and one because both ages are completed years
STAY_TOLERANCE_DAYS = 1
LONGEST_STAY_DAYS = 365  # above it sites have mixed units or never closed the stay
OVER_89_YEARS = 90
ACUTE_TESTS = ("naat", "antigen")  # an antibody proves nothing acute (T-ANTIBODY)
SOP_CLASSES = {
    "CR": ("1.2.840.10008.5.1.4.1.1.1",),
    "DX": ("1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1"),
    "CT": ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"),
}


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _age_split(age: str, over: str, table: str) -> str:
    """Rows whose age is shown though over 89 or unknown, or not shown though known and not over 89."""
    return f"SELECT _row FROM {table} WHERE (coalesce({over}, true)) <> ({age} IS NULL)"


def _wrong_flag(column: str, event: str) -> str:
    """Subjects whose derived flag is not what clinical_event says."""
    return f"""
        SELECT s._row FROM subject s
        WHERE (s.{column} = 'Yes') <> EXISTS (
            SELECT 1 FROM clinical_event e WHERE e.subject_id = s.subject_id AND ({event})
              AND e.event_id NOT IN (SELECT key FROM holds WHERE "table" = 'clinical_event'))
    """


def _outside_stay(event: str, stay: str) -> str:
    """Events of which a day is known and that lie inside no such stay of their subject."""
    return f"""
        SELECT e._row FROM clinical_event e
        WHERE ({event}) AND coalesce(e.start_day, e.end_day) IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM clinical_event h
            WHERE h.subject_id = e.subject_id AND h.event_type = '{stay}'
              AND coalesce(coalesce(e.start_day, e.end_day) >= h.start_day - {STAY_TOLERANCE_DAYS}, true)
              AND coalesce(coalesce(e.end_day, e.start_day) <= h.end_day + {STAY_TOLERANCE_DAYS}, true))
    """


def _wrong_deltas(column: str, result: str) -> str:
    """Studies whose list is not the sorted distances to the tests of a result."""
    return f"""
        SELECT s._row FROM imaging_study s
        WHERE s.{column} <> coalesce((
            SELECT list(t.day - s.day ORDER BY t.day) FROM test_result t
            WHERE t.subject_id = s.subject_id AND t.test_name = 'COVID-19' AND t.result = '{result}'
              AND t.test_class <> 'antibody' AND t.day - s.day IS NOT NULL
              AND t.test_id NOT IN (SELECT key FROM holds WHERE "table" = 'test_result')), [])
    """


_PROOF = f"""
    tested AS (
        SELECT subject_id, test_class, bool_or(result = 'Positive') AS positive,
               bool_or(result = 'Negative') AS negative
        FROM test_result
        WHERE test_name = 'COVID-19' AND test_class <> 'antibody'
          AND test_id NOT IN (SELECT key FROM holds WHERE "table" = 'test_result')
        GROUP BY subject_id, test_class, coalesce(day::VARCHAR, test_id)),
    proof AS (
        SELECT subject_id FROM tested WHERE positive AND NOT negative
        UNION SELECT subject_id FROM condition WHERE code IN ({_listed(COVID19_DIAGNOSES)})
        UNION SELECT subject_id FROM test_result
        WHERE test_name = 'COVID-19' AND test_class = 'clinical_diagnosis' AND result = 'Positive'),
    antibodies AS (
        SELECT DISTINCT subject_id FROM test_result
        WHERE test_name = 'COVID-19' AND test_class = 'antibody' AND result = 'Positive'
          AND subject_id NOT IN (SELECT subject_id FROM proof))
"""
_VENTILATION = "e.event_type = 'breathing_support' AND e.device IN ('imv', 'ecmo')"
SUBJECT = {
    ("D-AGE-89", ""): _age_split("age_at_index", "age_at_index_gt89", "subject"),
    ("D-SEX-DICOM", ""): """
        SELECT s._row FROM subject s
        JOIN (SELECT subject_id, list_distinct(list(patient_sex)) AS seen FROM settled
              WHERE patient_sex IN ('F', 'M') GROUP BY subject_id) i USING (subject_id)
        WHERE len(i.seen) > 1 OR (s.sex IN ('Female', 'Male') AND NOT list_contains(i.seen, s.sex[1]))
    """,
    ("D-ZIP", "country"): "SELECT _row FROM subject WHERE zip3 IS NOT NULL AND country IS DISTINCT FROM 'US'",
    ("C-FLAG-DERIVED", "ever_icu"): _wrong_flag("ever_icu", "e.event_type = 'icu_stay'"),
    ("C-FLAG-DERIVED", "ever_ventilated"): _wrong_flag("ever_ventilated", _VENTILATION),
    ("C-INDEX", ""): """
        SELECT s._row FROM subject s
        WHERE s.index_event IS NULL AND s.subject_id IN (
            SELECT subject_id FROM clinical_event WHERE coalesce(start_day, end_day) IS NOT NULL
            UNION ALL SELECT subject_id FROM condition WHERE coalesce(start_day, end_day) IS NOT NULL
            UNION ALL SELECT subject_id FROM measurement WHERE day IS NOT NULL
            UNION ALL SELECT subject_id FROM medication WHERE coalesce(start_day, end_day) IS NOT NULL
            UNION ALL SELECT subject_id FROM test_result WHERE day IS NOT NULL
            UNION ALL SELECT subject_id FROM imaging_study WHERE day IS NOT NULL)
    """,
    ("T-COVID-POS", ""): f"""
        WITH {_PROOF},
        disproof AS (
            SELECT DISTINCT subject_id FROM tested
            WHERE negative AND NOT positive AND test_class IN ({_listed(ACUTE_TESTS)}))
        SELECT s._row FROM subject s
        LEFT JOIN proof p ON p.subject_id = s.subject_id LEFT JOIN disproof d ON d.subject_id = s.subject_id
        WHERE (s.covid19_status = 'Positive' AND p.subject_id IS NULL
               AND s.subject_id NOT IN (SELECT subject_id FROM antibodies))
           OR (s.covid19_status = 'Negative' AND (p.subject_id IS NOT NULL OR d.subject_id IS NULL))
    """,
    ("T-ANTIBODY", ""): f"""
        WITH {_PROOF}
        SELECT s._row FROM subject s JOIN antibodies USING (subject_id) WHERE s.covid19_status = 'Positive'
    """,
    ("T-LONG-COVID", ""): f"""
        WITH diagnosed AS (
            SELECT subject_id, min(start_day) AS day FROM condition WHERE code IN ({_listed(LONG_COVID_DIAGNOSES)})
            GROUP BY subject_id),
        first_positive AS (
            SELECT subject_id, min(day) AS day FROM test_result WHERE test_name = 'COVID-19' AND result = 'Positive'
            GROUP BY subject_id)
        SELECT s._row FROM subject s JOIN diagnosed d USING (subject_id) LEFT JOIN first_positive p USING (subject_id)
        WHERE s.covid19_status <> 'Positive' OR d.day <= p.day
    """,
    ("T-INDEX-TEST", ""): """
        SELECT s._row FROM subject s
        WHERE s.index_event = 'COVID-19 Test' AND (SELECT count(*) FROM test_result) > 0 AND NOT EXISTS (
            SELECT 1 FROM test_result t WHERE t.subject_id = s.subject_id AND t.day = 0)
    """,
}

CLINICAL_EVENT = {
    ("C-ICU-IN-HOSP", ""): _outside_stay("e.event_type = 'icu_stay'", "hospital_stay"),
    ("C-VENT-IN-STAY", ""): f"""
        {_outside_stay(_VENTILATION, "hospital_stay")}
        UNION {_outside_stay(f"{_VENTILATION} AND NOT (SELECT ventilation_outside_icu FROM site)", "icu_stay")}
    """,
    ("C-LOS", ""): f"""
        SELECT _row FROM clinical_event
        WHERE event_type IN ('hospital_stay', 'icu_stay') AND end_day - start_day > {LONGEST_STAY_DAYS}
    """,
    ("C-OVERLAP", ""): """
        SELECT DISTINCT a._row FROM clinical_event a
        JOIN clinical_event b USING (subject_id, event_type)
        WHERE a.event_type IN ('hospital_stay', 'icu_stay') AND a._row <> b._row
          AND coalesce(a.start_day < b.end_day, a.start_day IS NOT NULL)
          AND coalesce(b.start_day < a.end_day, b.start_day IS NOT NULL)
    """,
    ("C-REPEAT", ""): """
        SELECT count(*) AS found FROM clinical_event e
        FULL JOIN (SELECT DISTINCT entity_id FROM lineage WHERE entity = 'clinical_event' AND entity_id <> '*') sent
            ON sent.entity_id = e.event_id
        WHERE e.event_id IS NULL OR (sent.entity_id IS NULL AND e.event_type <> 'death')
    """,
    ("C-DEATH", ""): """
        WITH death AS (
            SELECT subject_id, count(*) AS deaths, min(start_day) AS day FROM clinical_event
            WHERE event_type = 'death' GROUP BY subject_id)
        SELECT e._row FROM clinical_event e LEFT JOIN death d USING (subject_id)
        WHERE (e.event_type = 'death' AND d.deaths > 1)
           OR (e.event_type <> 'death' AND e.start_day > d.day)
           OR (e.discharge = 'expired' AND (d.deaths IS NULL OR e.end_day <> d.day))
    """,
}

TEST_RESULT = {
    ("T-NEG-POS", ""): """
        SELECT DISTINCT a._row FROM test_result a
        JOIN test_result b USING (subject_id, day, test_class)
        WHERE a.result IN ('Positive', 'Negative') AND b.result IN ('Positive', 'Negative') AND a.result <> b.result
    """,
}

IMAGING_STUDY = {
    ("D-AGE-89", ""): _age_split("age_at_study", "age_at_study_gt89", "imaging_study"),
    ("D-AGE-AGREE", ""): f"""
        SELECT i._row FROM imaging_study i JOIN subject s USING (subject_id)
        WHERE abs(i.age_at_study - s.age_at_index - i.day / {YEAR_DAYS}) >= {AGE_TOLERANCE_YEARS}
    """,
    ("D-AGE-DICOM", ""): f"""
        SELECT DISTINCT i._row FROM imaging_study i
        JOIN subject s USING (subject_id) JOIN settled d USING (study_uid)
        WHERE abs(CASE WHEN d.patient_age_gt89 THEN {OVER_89_YEARS} ELSE d.patient_age_years END
                  - s.age_at_index - i.day / {YEAR_DAYS}) >= {AGE_TOLERANCE_YEARS}
    """,
    ("I-STUDY-DAY", ""): """
        SELECT DISTINCT i._row FROM imaging_study i
        JOIN settled d USING (study_uid) LEFT JOIN anchors a ON a.subject_id = i.subject_id
        WHERE i.day IS NOT NULL AND (d.study_date_shifted - a.index_date_shifted) IS DISTINCT FROM i.day
    """,
    ("I-TEST-DELTA", "days_to_positive_tests"): _wrong_deltas("days_to_positive_tests", "Positive"),
    ("I-TEST-DELTA", "days_to_negative_tests"): _wrong_deltas("days_to_negative_tests", "Negative"),
    ("I-COUNT", ""): """
        SELECT s._row FROM imaging_study s
        WHERE s.n_series <> (SELECT count(*) FROM imaging_series c WHERE c.study_uid = s.study_uid)
           OR s.n_instances <> (SELECT count(*) FROM imaging_instance c WHERE c.study_uid = s.study_uid)
    """,
    ("L-LOINC-CHECK", ""): "SELECT _row FROM imaging_study WHERE loinc_code IN (SELECT code FROM unsound_loinc)",
    ("L-LOINC-ATTR", ""): """
        SELECT s._row FROM imaging_study s JOIN known_loinc k ON k.code = s.loinc_code
        WHERE (s.loinc_long_common_name, s.loinc_system, s.loinc_method, s.loinc_contrast)
              IS DISTINCT FROM (k.name, k.system, k.method, k.contrast)
    """,
    ("L-LOINC-UNIQUE", ""): """
        SELECT _row FROM imaging_study
        WHERE loinc_basis = 'exact_table' AND (study_description_raw, modalities::VARCHAR) IN (
            SELECT (study_description_raw, modalities::VARCHAR) FROM imaging_study
            WHERE loinc_basis = 'exact_table'
            GROUP BY study_description_raw, modalities HAVING count(DISTINCT loinc_code) > 1)
    """,
}

IMAGING_SERIES = {
    ("I-BODYPART", ""): """
        SELECT s._row FROM imaging_series s
        JOIN body_part_areas a ON a.term = s.body_part JOIN imaging_study t USING (study_uid)
        WHERE t.loinc_system NOT IN ('XXX', 'Whole body') AND NOT contains(t.loinc_system, a.area)
    """,
    ("I-COUNT", ""): """
        SELECT s._row FROM imaging_series s LEFT JOIN (
            SELECT series_uid, count(*) AS instances, sum(size) AS bytes FROM imaging_instance GROUP BY series_uid
        ) i USING (series_uid)
        WHERE s.n_instances <> coalesce(i.instances, 0) OR s.n_bytes <> coalesce(i.bytes, 0)
    """,
    ("I-UID-REFS", ""): """
        WITH made AS (SELECT hash(id_old) AS old, hash(id_new) AS new FROM crosswalk WHERE kind <> 'patient'),
        used AS (SELECT study_uid AS uid FROM imaging_study UNION ALL SELECT series_uid FROM imaging_series)
        SELECT (SELECT count(*) - count(DISTINCT new) FROM made)
             + (SELECT count(*) FROM made WHERE new IN (SELECT old FROM made))
             + (SELECT count(*) FROM used WHERE hash(uid) NOT IN (SELECT new FROM made)) AS found
    """,
    ("I-MODALITY", ""): "SELECT _row FROM imaging_series WHERE "
    + " OR ".join(
        f"(modality = '{modality}') <> (sop_class_uid IN ({_listed(classes)}))"
        for modality, classes in SOP_CLASSES.items()
    ),
}

QUERIES: Mapping[str, str] = {
    fact(table, rule_id, place): query
    for table, queries in {
        "subject": SUBJECT,
        "clinical_event": CLINICAL_EVENT,
        "test_result": TEST_RESULT,
        "imaging_study": IMAGING_STUDY,
        "imaging_series": IMAGING_SERIES,
    }.items()
    for (rule_id, place), query in queries.items()
}
