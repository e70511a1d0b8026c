"""Small batches as validate leaves them: tables in batch form, a ledger, and real DICOM objects in the work store."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from config.keys import KeyRing
from config.release import ReleasePolicy, load_release_policy
from config.settings import Settings
from config.signing import SigningKey
from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import ANCHORS, LEDGER
from expectations.schemas.table import table_of
from tasks.layout import BatchLayout, object_key
from tasks.model import StoredChecksum, StoredObject
from tasks.release.merging import merged
from tasks.release.model import Collection, ReleaseContext
from tasks.release.rows import INSTANCES, in_memory
from tasks.release.selection import accepted_batches
from tasks.store import ReadOnlyStore
from tasks.store.checksum import crc64nvme_of
from tasks.store.local import LocalStore
from tasks.store.memory import MemoryStore
from tasks.store.parquet import write_table

CT = "1.2.840.10008.5.1.4.1.1.2"
ANCHOR = date(2012, 5, 7)
RING = KeyRing(1, {1: bytes(range(32))})
ADDRESS = "s3://open-chest/collection"


@dataclass(frozen=True)
class Image:
    """One released-candidate instance; `content` stands for what is in it, `pixels` for pixels that others have too."""

    subject: str
    study: str
    series: str
    sop: str
    content: str = "pixels"
    deid_pixel: str = "not_needed"
    identity_removed: str = "YES"
    pixels: str = ""

    @property
    def data(self) -> bytes:
        dataset = Dataset()
        dataset.SOPClassUID = CT
        dataset.SOPInstanceUID = self.sop
        dataset.PatientID = self.subject
        dataset.PatientIdentityRemoved = self.identity_removed
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
        code.CodeMeaning = "Basic Application Confidentiality Profile"
        dataset.DeidentificationMethodCodeSequence = [code]
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = self.study, self.series
        dataset.ImageComments = self.content
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def row(self) -> dict[str, Any]:
        return {
            "sop_uid": self.sop, "series_uid": self.series, "study_uid": self.study, "subject_id": self.subject,
            "size": len(self.data), "sha256": self.sha256,
            "md5": hashlib.md5(self.data, usedforsecurity=False).hexdigest(), "crc64nvme": crc64nvme_of(self.data),
            "pixel_sha256": hashlib.sha256((self.pixels or self.sop).encode()).hexdigest(),
            "media_type": "application/dicom",
            "frames": 1, "transfer_syntax_uid": ExplicitVRLittleEndian, "deid_pixel": self.deid_pixel,
            "deid_method_codes": ["113100"],
        }  # fmt: skip


@dataclass
class Batch:
    """A batch in the making; `subjects` and `studies` hold what differs from a usual row, by its key.

    `anchors` holds the shifted index dates that are not `ANCHOR`, by subject; None leaves a date out.
    """

    name: str
    images: Sequence[Image]
    run: str = "run1"
    subjects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()
    tests: Sequence[Mapping[str, Any]] = ()
    conditions: Sequence[Mapping[str, Any]] = ()
    studies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    anchors: Mapping[str, date | None] = field(default_factory=dict)
    changed: Mapping[str, Callable[[pa.Table], pa.Table]] = field(default_factory=dict)
    measurements: Sequence[Mapping[str, Any]] = ()
    medications: Sequence[Mapping[str, Any]] = ()
    lineage: Sequence[Mapping[str, Any]] = ()

    @property
    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of every table that has some."""
        return {
            "subject": [
                a_subject(name) | dict(self.subjects.get(name, {}))
                for name in dict.fromkeys([*_unique(self.images, "subject"), *self.subjects])
            ],
            "clinical_event": [dict(row) for row in self.events],
            "test_result": [dict(row) for row in self.tests],
            "condition": [dict(row) for row in self.conditions],
            "measurement": [dict(row) for row in self.measurements],
            "medication": [dict(row) for row in self.medications],
            "lineage": [dict(row) for row in self.lineage],
            "imaging_study": [
                self._study(uid) | dict(self.studies.get(uid, {})) for uid in _unique(self.images, "study")
            ],
            "imaging_series": [self._series(uid) for uid in _unique(self.images, "series")],
            "imaging_instance": [image.row for image in self.images],
        }

    def _study(self, uid: str) -> dict[str, Any]:
        images = [image for image in self.images if image.study == uid]
        return {
            "study_uid": uid, "subject_id": images[0].subject, "day": 3, "modalities": ["CT"],
            "loinc_basis": "unmapped", "days_to_positive_tests": [], "days_to_negative_tests": [],
            "n_series": len(_unique(images, "series")), "n_instances": len(images), "age_at_study": 61,
        }  # fmt: skip

    def _series(self, uid: str) -> dict[str, Any]:
        images = [image for image in self.images if image.series == uid]
        lines = sorted(f"{image.sop} {image.sha256}" for image in images)
        return {
            "series_uid": uid, "study_uid": images[0].study, "subject_id": images[0].subject, "modality": "CT",
            "sop_class_uid": CT, "transfer_syntaxes": [ExplicitVRLittleEndian], "lossy": False,
            "photometric": "MONOCHROME2", "n_instances": len(images), "pixel_spacing_mm": [0.7, 0.7],
            "n_bytes": sum(len(image.data) for image in images),
            "series_sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        }  # fmt: skip

    def index_dates(self) -> list[dict[str, Any]]:
        """The anchors of all subjects."""
        rows = self.rows["subject"]
        return [
            {
                "subject_id": row["subject_id"],
                "index_event": row["index_event"],
                "index_date_shifted": self.anchors.get(row["subject_id"], ANCHOR) if row["index_event"] else None,
            }
            for row in rows
        ]

    def ledger(self) -> list[dict[str, Any]]:
        candidates = [
            {
                "source_id": hashlib.sha256(image.data).hexdigest()[:32], "status": "released-candidate",
                "rule_id": "DE-PASS", "source_bytes": 1, "engine": "pydicom", "subject_id": image.subject,
                "study_uid": image.study, "sop_uid": image.sop, "sha256": image.sha256,
            }
            for image in self.images
        ]  # fmt: skip
        marker = {"source_id": "0" * 32, "status": "not-imaging", "rule_id": "IN-MARKER", "source_bytes": 0}
        return [*candidates, marker]

    def write(self, work: MemoryStore | LocalStore) -> None:
        """Lay the batch into a work store, accepted."""
        layout = BatchLayout(*self.name.split("/"))
        for image in self.images:
            work.create(object_key(image.sha256), image.data)
        folders = {name: "harmonized" if name == "lineage" else "tables" for name in self.rows}
        tables = {f"{folders[name]}/{name}.parquet": table_of(BATCH[name], rows) for name, rows in self.rows.items()}
        tables["harmonized/anchors.parquet"] = table_of(ANCHORS, self.index_dates())
        tables["ledger.parquet"] = table_of(LEDGER, self.ledger())
        for name, table in tables.items():
            change = self.changed.get(name.removeprefix("tables/").removesuffix(".parquet"), lambda same: same)
            work.create(layout.run(self.run, name), write_table(change(table)))
        pointer = work.read_versioned(layout.current)
        content = json.dumps({"run": self.run}).encode()
        work.swap(layout.current, content, expected=pointer[1] if pointer else None)


def a_subject(name: str) -> dict[str, Any]:
    """A subject's usual row."""
    return {
        "subject_id": name, "site_id": "s01", "index_event": "COVID-19 Test", "age_at_index": 61,
        "age_at_index_gt89": False, "sex": "Female", "race_ethnicity": ["Asian", "White"], "race": "Other",
        "ethnicity": "Not Reported", "race_scheme": "OMB-SPD15", "country": "US", "zip3": "606",
        "covid19_status": "Positive", "covid19_status_basis": ["test"], "ever_icu": "No",
        "ever_icu_basis": ["site_sends_all"], "ever_ventilated": "No", "ever_ventilated_basis": ["site_sends_all"],
    }  # fmt: skip


def an_event(event: str, subject: str, **values: Any) -> dict[str, Any]:
    """A hospital stay."""
    return {
        "event_id": event, "subject_id": subject, "event_type": "hospital_stay", "start_day": 0, "end_day": 4,
        "end_status": "known", "discharge": "home", "source_row": f"b1/{event}", **values,
    }  # fmt: skip


def a_test(test: str, subject: str, day: int | None, result: str = "Positive") -> dict[str, Any]:
    """A PCR."""
    return {
        "test_id": test, "subject_id": subject, "test_name": "COVID-19", "test_class": "naat", "result": result,
        "day": day,
    }  # fmt: skip


def a_condition(condition: str, subject: str, day: int | None) -> dict[str, Any]:
    """A diagnosis of one day."""
    return {
        "condition_id": condition, "subject_id": subject, "code": "U07.1", "code_system": "ICD-10", "start_day": day,
        "end_day": day,
    }  # fmt: skip


def merge(*batches: Batch) -> tuple[Collection, list[tuple[str, str, int]]]:
    """Give batches, as they are read from a work store, as one; and what they do not agree on."""
    work = MemoryStore("work")
    for batch in batches:
        batch.write(work)
    with TemporaryDirectory() as name:
        collection, findings = merged(accepted_batches(work, a_policy(), Path(name)), Path(name))
        collection.tables[INSTANCES] = in_memory(collection.tables[INSTANCES])
    return collection, [(finding.rule_id, finding.place, finding.count) for finding in findings if finding.count]


def some_images(
    subject: str, *, study: str, series: int = 1, instances: int = 2, content: str = "pixels"
) -> list[Image]:
    """The images of one study; UIDs are made from its number."""
    return [
        Image(subject, f"2.25.{study}", f"2.25.{study}.{s}", f"2.25.{study}.{s}.{i}", content)
        for s in range(1, series + 1)
        for i in range(1, instances + 1)
    ]


def _unique(images: Sequence[Image], name: str) -> list[str]:
    return list(dict.fromkeys(getattr(image, name) for image in images))


def a_policy(**values: Any) -> ReleasePolicy:
    """The default policy with a public address, all open, for so few people without k-anonymity, and values changed."""
    usual = load_release_policy().model_dump()
    partition = usual["partition"] | {"sequestered_percent": 0} | values.pop("partition", {})
    few = {"disclosure": usual["disclosure"] | {"k": 1}}
    return ReleasePolicy(**(usual | {"address": ADDRESS, "partition": partition} | few | values))


@dataclass
class Installation:
    """A work and a release store, and what builds from one to the other."""

    work: MemoryStore = field(default_factory=lambda: MemoryStore("work"))
    release: Any = field(default_factory=lambda: MemoryStore("release"))
    policy: ReleasePolicy = field(default_factory=a_policy)
    sequestered: Any = None
    signer: SigningKey | None = None

    @property
    def context(self) -> ReleaseContext:
        settings = Settings(processes=1)
        return ReleaseContext(self.work, self.release, self.policy, settings, self.sequestered, RING, self.signer)

    def with_release(self, release: Any) -> "Installation":
        """The same with another release store."""
        return replace(self, release=release)

    def with_policy(self, **values: Any) -> "Installation":
        """The same with some values of the policy changed."""
        return replace(self, policy=a_policy(**values))

    def contents(self) -> dict[str, bytes]:
        """All that lies in the release store."""
        return {stored.key: self.release.read(stored.key) for stored in self.release.list()}


def local_settings(folder: Path) -> LocalStore:
    """Settings in a folder that name local stores and a policy by which all is open; give the work store."""
    for name in ("work", "release"):
        (folder / name).mkdir()
    (folder / "policy.toml").write_text("[partition]\nsequestered_percent = 0\n[disclosure]\nk = 1\n")
    (folder / "curate.toml").write_text(
        f'work = "{folder}/work"\nrelease = "{folder}/release"\nrelease_policy = "policy.toml"\n'
    )
    return LocalStore(folder / "work")


def first_batch() -> Batch:
    """Two subjects, three studies, seven images, two stays."""
    images = [
        *some_images("SUBJECTA", study="1", series=2),
        *some_images("SUBJECTA", study="2", instances=1),
        *some_images("SUBJECTB", study="3"),
    ]
    events = [
        an_event("e1", "SUBJECTA"),
        an_event("e2", "SUBJECTA", event_type="icu_stay", parent_event_id="e1", discharge=None),
    ]
    return Batch("site-a/batch-1", images, events=events)


def second_batch() -> Batch:
    """Another site's subject."""
    return Batch(
        "site-b/batch-1", some_images("SUBJECTC", study="4", instances=3), subjects={"SUBJECTC": {"sex": "Male"}}
    )


# Which writes of a build a test disturbs, by their places: its files are written one like another, so the first stands
# for all; the last writes are those of objects, the commit and the pointer.
SOME_WRITES = (0, -5, -4, -3, -2, -1)


class Stopped(Exception):  # noqa: N818 -- a kill, not an error of ours
    """The process ended here."""


class StoppingStore:
    """A memory store whose n-th write ends the process, before or after it takes place; later ones do not happen."""

    def __init__(self, inner: MemoryStore, *, after: int, lands: bool) -> None:
        self.inner, self.address = inner, inner.address
        self._after, self._lands, self._lock = after, lands, threading.Lock()
        self.writes = 0

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        return self.inner.list(prefix)

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        return self.inner.sizes(prefix)

    def folders(self, prefix: str = "") -> Iterator[str]:
        return self.inner.folders(prefix)

    def head(self, key: str) -> StoredObject | None:
        return self.inner.head(key)

    def read(self, key: str) -> bytes:
        return self.inner.read(key)

    def read_versioned(self, key: str) -> tuple[bytes, str] | None:
        return self.inner.read_versioned(key)

    def stored_checksum(self, key: str) -> StoredChecksum | None:
        return self.inner.stored_checksum(key)

    def create(self, key: str, data: bytes) -> bool:
        return bool(self._write(lambda: self.inner.create(key, data)))

    def swap(self, key: str, data: bytes, *, expected: str | None) -> str:
        return str(self._write(lambda: self.inner.swap(key, data, expected=expected)))

    def copy_from(self, source: ReadOnlyStore, source_key: str, key: str, *, sha256: str) -> bool:
        return bool(self._write(lambda: self.inner.copy_from(source, source_key, key, sha256=sha256)))

    def delete(self, key: str) -> None:
        self._write(lambda: self.inner.delete(key))

    def _write(self, write: Callable[[], Any]) -> Any:
        with self._lock:
            self.writes += 1
            if self.writes < self._after:
                return write()
            if self.writes == self._after and self._lands:
                write()
            raise Stopped
