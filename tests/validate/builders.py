"""Small tables that keep every rule, and the settled instances that they come from."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import INSTANCES
from expectations.schemas.table import Table, table_of

Rows = dict[str, list[dict[str, Any]]]

CT = "1.2.840.10008.5.1.4.1.1.2"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
SUBJECTS = ("A" * 20, "B" * 20)
INDEX_DATE = date(2011, 3, 1)


def uid(number: int) -> str:
    return f"2.25.{1000 + number}"


def digest(number: int, length: int = 64) -> str:
    return f"{number:0{length}x}"


SUBJECT = {
    "site_id": "s01",
    "index_event": "COVID-19 Test",
    "age_at_index": 50,
    "age_at_index_gt89": False,
    "sex": "Female",
    "race_ethnicity": ["White"],
    "race": "White",
    "ethnicity": "Not Reported",
    "race_scheme": "OMB-SPD15",
    "country": "US",
    "zip3": "606",
    "covid19_status": "Positive",
    "covid19_status_basis": ["test"],
    "ever_icu": "No",
    "ever_ventilated": "No",
}
STUDY = {
    "day": 1,
    "age_at_study": 50,
    "age_at_study_gt89": False,
    "loinc_basis": "unmapped",
    "days_to_positive_tests": [-1],
    "days_to_negative_tests": [],
}
SERIES = {"transfer_syntaxes": [EXPLICIT], "lossy": False, "photometric": "MONOCHROME2"}
INSTANCE = {
    "media_type": "application/dicom",
    "frames": 1,
    "rows": 8,
    "columns": 8,
    "bits_stored": 12,
    "transfer_syntax_uid": EXPLICIT,
    "deid_pixel": "not_checked",
    "deid_method_codes": ["113100"],
}


def event(number: int, subject: str, kind: str, start: int | None, end: int | None, **more: Any) -> dict[str, Any]:
    return {
        "event_id": digest(number, 32),
        "subject_id": subject,
        "event_type": kind,
        "start_day": start,
        "end_day": end,
        "end_status": "known",
        "source_row": f"b1:{digest(1, 32)}:{digest(number, 32)}",
    } | more


def valid_rows() -> Rows:
    """Two subjects: the first with an ICU stay under ventilation and a CT of two slices, the second with one DX."""
    first, second = SUBJECTS
    return {
        "subject": [
            {"subject_id": first, **SUBJECT, "ever_icu": "Yes", "ever_ventilated": "Yes"},
            {"subject_id": second, **SUBJECT, "sex": "Male"},
        ],
        "clinical_event": [
            event(1, first, "hospital_stay", 0, 20, discharge="home"),
            event(2, first, "icu_stay", 2, 9, parent_event_id=digest(1, 32)),
            event(3, first, "breathing_support", 3, 8, device="imv", who_scale_floor=7),
            event(4, second, "hospital_stay", -2, 4, discharge="home"),
        ],
        "test_result": [
            {"test_id": digest(place, 32), "subject_id": subject, "day": 0, "result": "Positive"}
            | {"test_name": "COVID-19", "test_class": "naat", "loinc_code": "94500-6"}
            for place, subject in enumerate(SUBJECTS, start=1)
        ],
        "condition": [
            {"condition_id": digest(1, 32), "subject_id": first, "code": "J18.9", "code_system": "ICD-10-CM"},
        ],
        "imaging_study": [
            {"study_uid": uid(1), "subject_id": first, "modalities": ["CT"], "n_series": 1, "n_instances": 2} | STUDY,
            {"study_uid": uid(2), "subject_id": second, "modalities": ["DX"], "n_series": 1, "n_instances": 1} | STUDY,
        ],
        "imaging_series": [
            {"series_uid": uid(11), "study_uid": uid(1), "subject_id": first, "modality": "CT", "sop_class_uid": CT}
            | {"n_instances": 2, "n_bytes": 203, "series_sha256": digest(11)}
            | SERIES,
            {"series_uid": uid(12), "study_uid": uid(2), "subject_id": second, "modality": "DX", "sop_class_uid": DX}
            | {"n_instances": 1, "n_bytes": 103, "series_sha256": digest(12)}
            | SERIES,
        ],
        "imaging_instance": [
            instance(1, first, series=11, study=1),
            instance(2, first, series=11, study=1),
            instance(3, second, series=12, study=2),
        ],
    }


def instance(number: int, subject: str, *, series: int, study: int) -> dict[str, Any]:
    return {
        "sop_uid": uid(100 + number),
        "series_uid": uid(series),
        "study_uid": uid(study),
        "subject_id": subject,
        "size": 100 + number,
        "sha256": digest(100 + number),
        "md5": digest(100 + number, 32),
        "pixel_sha256": digest(200 + number),
        "instance_number": number,
    } | INSTANCE


def settled_rows() -> list[dict[str, Any]]:
    """The instances of `valid_rows` as de-identification described them."""
    rows = valid_rows()
    shared = ("sop_uid", "series_uid", "study_uid", "subject_id", "sha256", "md5", "rows", "columns", "frames")
    return [
        {name: row[name] for name in shared}
        | {
            "source_id": digest(300 + place, 32),
            "size_bytes": row["size"],
            "study_date_shifted": INDEX_DATE + timedelta(days=1),
            "patient_sex": "F" if row["subject_id"] == SUBJECTS[0] else "M",
            "patient_age_years": 50,
            "patient_age_gt89": False,
            "sop_class_uid": CT if row["subject_id"] == SUBJECTS[0] else DX,
            "transfer_syntax_uid": EXPLICIT,
            "modality": "CT" if row["subject_id"] == SUBJECTS[0] else "DX",
            "lossy": False,
            "deid_pixel": "not_checked",
            "deid_method_codes": ["113100"],
        }
        for place, row in enumerate(rows["imaging_instance"])
    ]


def built(rows: Rows) -> dict[str, pa.Table]:
    return {name: sorted_table(BATCH[name], found) for name, found in rows.items()}


def sorted_table(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    return table_of(table, rows).sort_by([(name, "ascending") for name in table.key])


def settled(rows: list[Mapping[str, Any]] | None = None) -> pa.Table:
    return table_of(INSTANCES, [dict(row) for row in (settled_rows() if rows is None else rows)])
