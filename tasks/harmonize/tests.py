"""Tests and diagnoses, and what they say together about COVID-19."""

import pyarrow as pa

from config.vocab import covid_assays
from config.vocab.diagnoses import COVID19_DIAGNOSES
from tasks.harmonize.query import query
from tasks.harmonize.records import Extraction

_TESTS = """
SELECT substr(sha256(concat_ws(chr(31), subject_id, test_name, test_class, coalesce(loinc_code, ''), result,
       coalesce(value::VARCHAR, ''), coalesce(unit, ''), coalesce(start::VARCHAR, ''))), 1, 32) AS test_id, *
FROM (SELECT subject_id, file, row, slot, start, loinc AS loinc_code, value,
             CASE WHEN value IS NOT NULL THEN declared_unit END AS unit,
             coalesce(name, CASE WHEN assay IS NOT NULL THEN 'COVID-19' END, 'Not Reported') AS test_name,
             coalesce("class", assay, 'not_reported') AS test_class,
             coalesce(result, 'Not Reported') AS result,
             coalesce(rule, CASE WHEN name IS NULL AND assay IS NULL THEN 'H-NAMELESS'
                                 WHEN assay NOT IN ('not_reported', "class") THEN 'H-LOINC-NAME' END) AS rule
      FROM tests LEFT JOIN assays USING (loinc))
ORDER BY test_id, file, row, slot
"""
_MERGED_TESTS = """
SELECT test_id, any_value(subject_id) AS subject_id, any_value(test_name) AS test_name,
       any_value(test_class) AS test_class, any_value(loinc_code) AS loinc_code, any_value(result) AS result,
       any_value(value) AS value, any_value(unit) AS unit, any_value(start) AS start, max(rule) AS rule,
       count(*) AS sources
FROM identified GROUP BY test_id ORDER BY test_id
"""
_CONDITIONS = """
SELECT substr(sha256(concat_ws(chr(31), subject_id, coalesce(code, ''), coalesce(code_system, ''), coalesce(name, ''),
       coalesce(start::VARCHAR, ''), coalesce("end"::VARCHAR, ''))), 1, 32) AS condition_id, *
FROM (SELECT subject_id, file, row, slot, start, "end", code, name,
             CASE WHEN code IS NOT NULL THEN coalesce(system, CASE WHEN regexp_full_match(code, '[0-9]+')
                  THEN 'SNOMED CT' ELSE 'ICD-10' END) END AS code_system,
             coalesce(rule, CASE WHEN code IS NULL AND name IS NULL THEN 'H-NAMELESS' END) AS rule FROM conditions)
ORDER BY condition_id, file, row, slot
"""
_MERGED_CONDITIONS = """
SELECT condition_id, any_value(subject_id) AS subject_id, any_value(code) AS code,
       any_value(code_system) AS code_system, any_value(name) AS name, any_value(start) AS start,
       any_value("end") AS "end", max(rule) AS rule, count(*) AS sources
FROM identified GROUP BY condition_id ORDER BY condition_id
"""
_TEST_DAYS = """
SELECT test_id, subject_id, test_name, test_class, loinc_code, result, NULL::VARCHAR AS result_raw, value, unit,
       datediff('day', index_date_shifted, start)::INTEGER AS day
FROM tests LEFT JOIN anchors USING (subject_id) ORDER BY test_id
"""
_CONDITION_DAYS = """
SELECT condition_id, subject_id, code, code_system, name,
       datediff('day', index_date_shifted, start)::INTEGER AS start_day,
       datediff('day', index_date_shifted, "end")::INTEGER AS end_day
FROM conditions LEFT JOIN anchors USING (subject_id) ORDER BY condition_id
"""
_SAME_DAY = """
SELECT subject_id, test_class, bool_or(result = 'Positive') AS positive, bool_or(result = 'Negative') AS negative,
       bool_or(result = 'Indeterminate') AS unclear
FROM tests WHERE test_name = 'COVID-19' AND test_class <> 'antibody' AND rule IS NULL
GROUP BY subject_id, test_class, coalesce(start::VARCHAR, test_id) ORDER BY ALL
"""
_STATUS = """
WITH tested AS (
    SELECT subject_id, bool_or(positive AND NOT negative) AS positive, bool_or(positive AND negative) AS contradicted,
           bool_or(negative AND test_class IN ('naat', 'antigen')) AS negative, bool_or(unclear) AS unclear
    FROM same_day GROUP BY subject_id),
diagnosed AS (
    SELECT DISTINCT subject_id FROM conditions WHERE rule IS NULL AND code IN (SELECT code FROM diagnoses)),
undecided AS (
    SELECT DISTINCT subject_id FROM tests
    WHERE test_name = 'COVID-19' AND test_class <> 'antibody' AND rule IS NOT NULL AND result <> 'Negative'),
found AS (
    SELECT subject_id, coalesce(positive, false) AS positive, coalesce(contradicted, false) AS contradicted,
           coalesce(negative, false) AS negative, coalesce(unclear, false) AS unclear,
           diagnosed.subject_id IS NOT NULL AS is_diagnosed, undecided.subject_id IS NOT NULL AS is_open
    FROM tested FULL JOIN diagnosed USING (subject_id) LEFT JOIN undecided USING (subject_id))
SELECT subject_id,
       CASE WHEN positive OR is_diagnosed THEN 'Positive' WHEN contradicted THEN 'Indeterminate'
            WHEN is_open THEN 'Not Reported'
            WHEN negative THEN 'Negative' WHEN unclear THEN 'Indeterminate' ELSE 'Not Reported' END AS covid19_status,
       CASE WHEN is_diagnosed AND positive THEN ['diagnosis', 'test'] WHEN is_diagnosed THEN ['diagnosis']
            WHEN positive OR contradicted OR (NOT is_open AND (negative OR unclear)) THEN ['test'] END
       AS covid19_status_basis
FROM found ORDER BY subject_id
"""
_CONFLICTS = "SELECT count(*) AS conflicts FROM same_day WHERE positive AND negative"


def identified_tests(found: Extraction) -> pa.Table:
    """Give every test that was sent under the digest of its content; a known LOINC code tells name and class."""
    assays = covid_assays()
    known = pa.table({"loinc": pa.array(assays.keys(), pa.string()), "assay": pa.array(assays.values(), pa.string())})
    return query(_TESTS, tests=found.of("test"), assays=known)


def merged_tests(identified: pa.Table) -> pa.Table:
    """Give each distinct test once, with the number of rows it came in."""
    return query(_MERGED_TESTS, identified=identified)


def identified_conditions(found: Extraction) -> pa.Table:
    """Give every diagnosis that was sent under the digest of its content."""
    return query(_CONDITIONS, conditions=found.of("condition"))


def merged_conditions(identified: pa.Table) -> pa.Table:
    """Give each distinct diagnosis once, with the number of rows it came in."""
    return query(_MERGED_CONDITIONS, identified=identified)


def days_of_tests(tests: pa.Table, anchors: pa.Table) -> pa.Table:
    """Give the canonical test_result columns, in days from the index event."""
    return query(_TEST_DAYS, tests=tests, anchors=anchors)


def days_of_conditions(conditions: pa.Table, anchors: pa.Table) -> pa.Table:
    """Give the canonical condition columns, in days from the index event."""
    return query(_CONDITION_DAYS, conditions=conditions, anchors=anchors)


def covid_status(tests: pa.Table, conditions: pa.Table) -> tuple[pa.Table, int]:
    """Give covid19_status and its basis per subject that has one, and how many test days contradict themselves.

    Positive needs a positive test or a diagnosis; Negative needs a negative naat or antigen test and no positive one.
    An antibody decides nothing. A day with both results of one class is no proof, and leaves the status open; so does a
    test that is held and may be positive, where nothing else proves that one was.
    """
    same_day = query(_SAME_DAY, tests=tests)
    conflicts = query(_CONFLICTS, same_day=same_day)["conflicts"][0].as_py()
    diagnoses = pa.table({"code": pa.array(COVID19_DIAGNOSES)})
    return query(_STATUS, same_day=same_day, tests=tests, conditions=conditions, diagnoses=diagnoses), conflicts
