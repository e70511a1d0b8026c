"""The LOINC columns of studies, from their instances; what many studies share is decided once."""

import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from config.vocab import words_of_views
from tasks.harmonize.loinc.answers import Answer, Exam, answer
from tasks.harmonize.query import Rows, query, query_groups

CONSISTENT = "L-LOINC-CONSISTENT"
NONE = "L-LOINC-NONE"
_FACTS = """
SELECT study_uid, list_sort(list(DISTINCT body_part) FILTER (body_part IS NOT NULL)) AS body_parts,
       list_sort(list(DISTINCT view_position) FILTER (view_position IS NOT NULL)) AS views,
       bool_and(contrast IS NOT NULL) AS is_contrasted,
       list_sort(list(DISTINCT code) FILTER (code IS NOT NULL)) AS codes
FROM (SELECT *, unnest(coalesce(procedure_codes, [NULL])) AS code FROM instances
      WHERE NOT coalesce(is_localizer, false))
GROUP BY study_uid ORDER BY study_uid
"""
_EXAMS = """
SELECT study_uid, to_json({modalities: modalities, description: study_description, body_parts: body_parts,
                           views: views, is_contrasted: is_contrasted, codes: codes})::VARCHAR AS exam
FROM studies LEFT JOIN facts USING (study_uid) ORDER BY study_uid
"""
_CODED = """
SELECT studies.*, loinc_code, loinc_long_common_name, loinc_system, loinc_contrast, loinc_method, loinc_basis,
       loinc_confidence, is_contradicted
FROM studies JOIN exams USING (study_uid) JOIN answers USING (exam) ORDER BY study_uid
"""
ANSWERS = pa.schema(
    [
        ("exam", pa.string()),
        ("loinc_code", pa.string()),
        ("loinc_long_common_name", pa.string()),
        ("loinc_system", pa.string()),
        ("loinc_contrast", pa.string()),
        ("loinc_method", pa.string()),
        ("loinc_basis", pa.string()),
        ("loinc_confidence", pa.float32()),
        ("is_contradicted", pa.bool_()),
    ]
)


def coded(studies: pa.Table, instances: Rows) -> tuple[pa.Table, dict[str, int]]:
    """Give studies with their LOINC columns, and how many have a description without a code or against it, by rule.

    Parameters
    ----------
    studies
        Columns study_uid, modalities and study_description.
    instances
        Rows of `expectations.schemas.pipeline.INSTANCES`, with the terms body_part, view_position and contrast.
    """
    facts = query_groups(_FACTS, "study_uid", instances)
    exams = query(_EXAMS, studies=studies, facts=facts)
    answers = pa.Table.from_pylist([_row(exam) for exam in sorted(exams["exam"].unique().to_pylist())], schema=ANSWERS)
    table = query(_CODED, studies=studies, exams=exams, answers=answers)
    contradicted = pc.sum(table["is_contradicted"], min_count=0).as_py()
    unread = pc.and_(pc.is_null(table["loinc_code"]), pc.is_valid(table["study_description"]))
    return table.drop_columns(["is_contradicted"]), {
        CONSISTENT: contradicted,
        NONE: pc.sum(unread, min_count=0).as_py(),
    }


def _row(text: str) -> dict[str, object]:
    given = answer(_exam(json.loads(text)))
    return {"exam": text, "is_contradicted": given.is_contradicted, **_columns(given)}


def _exam(facts: Mapping[str, list[str] | str | bool | None]) -> Exam:
    parts, views = _listed(facts["body_parts"]), _listed(facts["views"])
    description = facts["description"]
    return Exam(
        modalities=frozenset(_listed(facts["modalities"])),
        description=description if isinstance(description, str) else None,
        body_part=parts[0] if len(parts) == 1 else None,
        contrast="W" if facts["is_contrasted"] else None,
        views=frozenset(words_of_views()[view] for view in views),
        procedure_codes=frozenset(_listed(facts["codes"])),
    )


def _listed(value: list[str] | str | bool | None) -> list[str]:  # noqa: FBT001 -- a value of JSON
    return value if isinstance(value, list) else []


def _columns(given: Answer) -> Mapping[str, object]:
    code = given.code
    return {
        "loinc_code": code and code.code,
        "loinc_long_common_name": code and code.name,
        "loinc_system": code and code.system,
        "loinc_contrast": (code and code.contrast) or None,
        "loinc_method": code and code.method,
        "loinc_basis": given.basis,
        "loinc_confidence": given.confidence,
    }
