"""Small tables that keep every rule, and what they come from; a cluster is two subjects with all that is theirs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from expectations.schemas.catalog import BATCH, CANONICAL
from expectations.schemas.pipeline import ANCHORS, CROSSWALK, FINDINGS, HOLDS, INSTANCES, LEDGER
from expectations.schemas.table import table_of
from tasks.store.parquet import write_table
from tasks.validate.checking import Found

Row = dict[str, Any]
Rows = dict[str, list[Row]]

CT = "1.2.840.10008.5.1.4.1.1.2"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
INDEX_DATE = date(2011, 3, 1)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def pseudonym(number: int) -> str:
    first, second = divmod(number, len(LETTERS))
    return LETTERS[first] * 10 + LETTERS[second] * 10


def uid(number: int) -> str:
    return f"2.25.{1 + number}"


def digest(number: int, length: int = 64) -> str:
    return f"{number:0{length}x}"


SUBJECT: Row = {
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
    "ever_icu_basis": ["site_sends_all"],
    "ever_ventilated": "No",
    "ever_ventilated_basis": ["site_sends_all"],
}
STUDY: Row = {
    "day": 1,
    "age_at_study": 50,
    "age_at_study_gt89": False,
    "loinc_basis": "unmapped",
    "days_to_positive_tests": [-1],
    "days_to_negative_tests": [],
    "n_series": 1,
}
SERIES: Row = {"transfer_syntaxes": [EXPLICIT], "lossy": False, "photometric": "MONOCHROME2"}
INSTANCE: Row = {
    "media_type": "application/dicom",
    "frames": 1,
    "rows": 8,
    "columns": 8,
    "bits_stored": 12,
    "transfer_syntax_uid": EXPLICIT,
    "deid_pixel": "not_checked",
    "deid_method_codes": ["113100"],
}


@dataclass
class Cluster:
    """Two subjects: the first with an ICU stay under ventilation and a CT of two slices, the second with one DX."""

    number: int = 0
    rows: Rows = field(default_factory=dict)
    settled: list[Row] = field(default_factory=list)
    holds: list[Row] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)  # ids of events that were sent, beside those that have a row

    def __post_init__(self) -> None:
        self.rows = {
            "subject": self._subjects(),
            "clinical_event": self._events(),
            "test_result": [self.test(1, self.first), self.test(2, self.second)],
            "condition": [
                {"condition_id": self.id(50), "subject_id": self.first, "code": "J18.9", "code_system": "ICD-10-CM"}
            ],
            "measurement": [
                {
                    "measurement_id": self.id(60),
                    "subject_id": self.first,
                    "measurement_name": "height",
                    "value": 171.0,
                    "unit": "cm",
                }
            ],
            "medication": [
                {
                    "medication_id": self.id(70),
                    "subject_id": self.first,
                    "code": "H02AB02",
                    "code_system": "ATC",
                }
            ],
            "imaging_study": [
                {"study_uid": self.uid(1), "subject_id": self.first, "modalities": ["CT"], "n_instances": 2} | STUDY,
                {"study_uid": self.uid(2), "subject_id": self.second, "modalities": ["DX"], "n_instances": 1} | STUDY,
            ],
            "imaging_series": [
                self._series(11, study=1, subject=self.first, modality="CT", sop_class_uid=CT)
                | {"n_instances": 2, "n_bytes": 203},
                self._series(12, study=2, subject=self.second, modality="DX", sop_class_uid=DX)
                | {"n_instances": 1, "n_bytes": 103},
            ],
            "imaging_instance": [
                self.instance(1, self.first, series=11, study=1),
                self.instance(2, self.first, series=11, study=1),
                self.instance(3, self.second, series=12, study=2),
            ],
        }
        self.settled = [self._settled(row) for row in self.rows["imaging_instance"]]

    @property
    def first(self) -> str:
        return pseudonym(2 * self.number)

    @property
    def second(self) -> str:
        return pseudonym(2 * self.number + 1)

    def uid(self, number: int) -> str:
        return uid(1000 * self.number + number)

    def id(self, number: int, length: int = 32) -> str:
        return digest(1000 * self.number + number, length)

    def event(self, number: int, subject: str, kind: str, days: tuple[int | None, int | None], **more: Any) -> Row:
        start, end = days
        return {
            "event_id": self.id(number),
            "subject_id": subject,
            "event_type": kind,
            "start_day": start,
            "end_day": end,
            "end_status": "known",
            "source_row": self.id(400 + number),
        } | more

    def test(self, number: int, subject: str, **more: Any) -> Row:
        return {
            "test_id": self.id(number),
            "subject_id": subject,
            "day": 0,
            "result": "Positive",
            "test_name": "COVID-19",
            "test_class": "naat",
            "loinc_code": "94500-6",
        } | more

    def instance(self, number: int, subject: str, *, series: int, study: int) -> Row:
        return {
            "sop_uid": self.uid(100 + number),
            "series_uid": self.uid(series),
            "study_uid": self.uid(study),
            "subject_id": subject,
            "size": 100 + number,
            "sha256": self.id(100 + number, 64),
            "md5": self.id(100 + number),
            "crc64nvme": f"{number:011}=",
            "pixel_sha256": self.id(200 + number, 64),
            "instance_number": number,
        } | INSTANCE

    def _subjects(self) -> list[Row]:
        return [
            {"subject_id": self.first, **SUBJECT, "ever_icu": "Yes", "ever_ventilated": "Yes"},
            {"subject_id": self.second, **SUBJECT, "sex": "Male"},
        ]

    def _events(self) -> list[Row]:
        return [
            self.event(1, self.first, "hospital_stay", (0, 20), discharge="home"),
            self.event(2, self.first, "icu_stay", (2, 9), parent_event_id=self.id(1)),
            self.event(3, self.first, "breathing_support", (3, 8), device="imv", who_scale_floor=7),
            self.event(4, self.second, "hospital_stay", (-2, 4), discharge="home"),
        ]

    def _series(self, number: int, *, study: int, subject: str, **more: Any) -> Row:
        keys = {"series_uid": self.uid(number), "study_uid": self.uid(study), "subject_id": subject}
        return keys | {"series_sha256": self.id(number, 64)} | SERIES | more

    def _settled(self, row: Row) -> Row:
        """The instance as de-identification described it."""
        keys, digests = (
            ("sop_uid", "series_uid", "study_uid", "subject_id"),
            ("sha256", "md5", "crc64nvme", "pixel_sha256"),
        )
        shared = (*keys, *digests, "rows", "columns", "frames")
        first = row["subject_id"] == self.first
        return {name: row[name] for name in shared} | {
            "source_id": self.id(300 + row["instance_number"]),
            "size_bytes": row["size"],
            "study_date_shifted": INDEX_DATE + timedelta(days=1),
            "patient_sex": "F" if first else "M",
            "patient_age_years": 50,
            "patient_age_gt89": False,
            "sop_class_uid": CT if first else DX,
            "transfer_syntax_uid": EXPLICIT,
            "modality": "CT" if first else "DX",
            "lossy": False,
            "deid_pixel": "not_checked",
            "deid_method_codes": ["113100"],
        }


Change = Callable[[Cluster], None]


def tables_of(clusters: Sequence[Cluster]) -> dict[str, pa.Table]:
    """The tables of several clusters one after the other, in that order."""
    return {
        name: table_of(BATCH[name], [row for cluster in clusters for row in cluster.rows[name]])
        for name in clusters[0].rows
    }


def evidence_of(clusters: Sequence[Cluster]) -> dict[str, pa.Table]:
    """What the checks look at beside the tables."""
    anchors = [
        {"subject_id": subject, "index_event": "COVID-19 Test", "index_date_shifted": INDEX_DATE}
        for cluster in clusters
        for subject in (cluster.first, cluster.second)
    ]
    settled = [row for cluster in clusters for row in cluster.settled]
    uids = {row[name]: name[:-4] for row in settled for name in ("sop_uid", "series_uid", "study_uid")}
    kinds = {"sop": "instance"}
    made = [{"kind": kinds.get(kind, kind), "id_old": f"1.2.3.{new[5:]}", "id_new": new} for new, kind in uids.items()]
    return {
        "ledger": table_of(LEDGER, ledger_of(clusters)),
        "settled": table_of(INSTANCES, settled),
        "holds": table_of(HOLDS, [row for cluster in clusters for row in cluster.holds]),
        "anchors": table_of(ANCHORS, anchors),
        "lineage": table_of(CANONICAL["lineage"], [row for cluster in clusters for row in lineage_of(cluster)]),
        "crosswalk": table_of(CROSSWALK, made),
    }


def lineage_of(cluster: Cluster) -> list[Row]:
    """One cell of every event, and the statement about a whole column."""
    events = {row["event_id"]: None for row in cluster.rows["clinical_event"]} | dict.fromkeys(cluster.sent)
    of_column = {"entity": "clinical_event", "entity_id": "*", "field": "end_status", "batch_id": "s01/b1"}
    return [of_column, *(of_column | {"entity_id": event, "field": "start_day"} for event in events)]


def ledger_of(clusters: Sequence[Cluster]) -> list[Row]:
    """One row per instance, and one of a duplicate and one of a text file beside them."""
    rows = [
        {name: row[name] for name in ("source_id", "subject_id", "study_uid", "sop_uid", "sha256")}
        | {"status": "released-candidate", "rule_id": "DE-PASS", "source_bytes": 500, "engine": "pydicom"}
        for cluster in clusters
        for row in cluster.settled
    ]
    again = rows[0] | {"source_id": digest(9001, 32), "status": "duplicate", "rule_id": "DE-DUPLICATE"}
    other = {"source_id": digest(9002, 32), "status": "not-imaging", "rule_id": "IN-NOT-DICOM", "source_bytes": 5}
    return [*rows, again, other]


def found_of(
    clusters: Sequence[Cluster],
    folder: Path,
    *,
    findings: Sequence[Row] = (),
    instead: Mapping[str, pa.Table] | None = None,
) -> Found:
    """Clusters in files; `instead` stands for the tables and evidence that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    evidence = evidence_of(clusters)
    tables = tables_of(clusters)
    for name, table in (tables | evidence | dict(instead or {})).items():
        (folder / name).write_bytes(write_table(with_nulls(table)))
    return Found(
        {name: folder / name for name in tables},
        {name: folder / name for name in evidence},
        table_of(FINDINGS, list(findings)),
    )


def with_nulls(table: pa.Table) -> pa.Table:
    """The same table where every column may hold nulls, as a file of some other writer."""
    return pa.table(table.columns, pa.schema([field.with_nullable(nullable=True) for field in table.schema]))


def one(rows: Rows, name: str, place: int = 0) -> Row:
    return rows[name][place]
