"""One batch on its whole road in memory, from real files in a folder to what its contributor is told.

A folder has the tables in ``batch/`` as the site sends them (a folder named ``*.xlsx`` holds one CSV per sheet of a
workbook), and ``images.csv``: one row per series, from which small DICOM objects are made.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, DigitalXRayImageStorageForPresentation

from config.deid import load_profile
from config.keys import KeyRing
from config.settings import Settings
from config.site import Site, load_site
from tasks.context import BatchContext
from tasks.deidentify.given import keep_given
from tasks.deidentify.settle import settle_batch
from tasks.deidentify.shard import deidentify_shard
from tasks.errors import GateError
from tasks.harmonize.shard import harmonize_batch
from tasks.intake.plan import plan_batch
from tasks.layout import MARKER, raw_prefix
from tasks.model import BatchPlan
from tasks.store.memory import MemoryStore
from tasks.store.parquet import read_table
from tasks.validate.shard import validate_batch
from tests.deidentify.objects import a_ct, bytes_of

SITES = Path(__file__).parent / "sites"
CODES = tuple(sorted(path.name for path in SITES.iterdir() if path.is_dir()))
BATCH = "b1"
RING = KeyRing(1, {1: b"k" * 32})
ROOT = "1.2.826.0.1.3680043.8.498.777"  # below pydicom's root for examples
SLICE_MM = 2.5
CLASSES = {
    "CT": CTImageStorage,
    "CR": ComputedRadiographyImageStorage,
    "DX": DigitalXRayImageStorageForPresentation,
}
Files = dict[str, bytes]
Row = dict[str, str]


@dataclass(frozen=True)
class Road:
    """A batch that was harmonized, and the names that stand behind its pseudonyms."""

    context: BatchContext
    plan: BatchPlan

    def key(self, name: str) -> str:
        return self.context.layout.run(self.plan.run, name)

    def read(self, name: str) -> pa.Table:
        return read_table(self.context.work.read(self.key(f"{name}.parquet")))

    def rows(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.read(f"harmonized/{name}").to_pylist()
        return found

    def private(self, name: str) -> str:
        return self.context.work.read(self.context.layout.private_run(self.plan.run, f"report/{name}")).decode()

    def lines(self, name: str) -> list[Row]:
        """Rows of a CSV file of the private report."""
        return list(csv.DictReader(io.StringIO(self.private(name))))

    @property
    def findings(self) -> dict[tuple[str, str], int]:
        found = self.read("findings-harmonize").to_pylist()
        return {(row["rule_id"], row["place"]): row["count"] for row in found}


def site_of(code: str) -> Site:
    """Give the hand-written site file of a golden site."""
    return load_site(SITES / code, code)


def tables_of(code: str) -> Files:
    """Give the clinical tables of a golden batch by name, in their own bytes."""
    return files_in(SITES / code / "batch")


def files_in(folder: Path) -> Files:
    """Give the files of a folder by name; a folder in it is a workbook."""
    found: Files = {}
    for path in sorted(folder.iterdir()):
        found[path.name] = workbook_of(path) if path.is_dir() else path.read_bytes()
    return found


def workbook_of(folder: Path) -> bytes:
    """Give a workbook with one sheet per CSV file of a folder: dates and whole numbers are such cells, others text."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.remove(book.active)
    for path in sorted(folder.glob("*.csv")):
        sheet = book.create_sheet(path.stem)
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                sheet.append([_typed(cell) for cell in row])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _typed(cell: str) -> str | int | date:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell):
        return date.fromisoformat(cell)
    return int(cell) if re.fullmatch(r"[1-9]\d{0,8}", cell) else cell


def images_of(code: str) -> list[Row]:
    """Give the series of a golden batch, one row each."""
    return rows_in(SITES / code / "images.csv")


def rows_in(path: Path) -> list[Row]:
    """Give the rows of a CSV file; lines that begin with ``#`` are notes."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def objects_of(series: Iterable[Row]) -> Files:
    """Give the DICOM objects of some series by name."""
    return {
        f"images/{place:02}/{number:02}.dcm": bytes_of(a_ct(**_attributes(one, place, number)))
        for place, one in enumerate(series, start=1)
        for number in range(1, 1 + int(one["instances"]))
    }


def study_uid(row: Mapping[str, str]) -> str:
    """Give the Study Instance UID of a row of ``images.csv``, whose studies are numbered per patient."""
    patient = sum(ord(letter) * 131**place for place, letter in enumerate(row["patient_id"])) % 10**12
    return f"{ROOT}.{patient}.{row['study']}"


def _attributes(row: Row, series: int, number: int) -> dict[str, Any]:
    """Give what differs from the CT of `tests.deidentify.objects`; pixels differ in every instance.

    The columns ``every`` and ``last`` hold attributes as JSON: of every instance of a series, and of its last.
    """
    every, last = (json.loads(row.get(name) or "{}") for name in ("every", "last"))
    own = every | (last if number == int(row["instances"]) else {})
    pixels = np.arange(16, dtype="<u2") + 64 * series + number
    common = {
        "SpecificCharacterSet": ["", "ISO 2022 IR 87"] if row["description"].isascii() is False else "ISO_IR 100",
        "SOPClassUID": CLASSES[row["modality"]],
        "StudyInstanceUID": study_uid(row),
        "SeriesInstanceUID": f"{study_uid(row)}.{series}",
        "SOPInstanceUID": f"{study_uid(row)}.{series}.{number}",
        "FrameOfReferenceUID": f"{study_uid(row)}.{series}.0",
        "PatientID": row["patient_id"],
        "PatientSex": row["sex"],
        "PatientAge": row["age"] or None,
        "PatientBirthDate": "",
        "StudyDate": row["date"].replace("-", ""),
        "Modality": row["modality"],
        "StudyDescription": row["description"] or None,
        "BodyPartExamined": row["body_part"] or None,
        "Manufacturer": row["manufacturer"] or None,
        "InstanceNumber": str(number),
        "SeriesNumber": str(series),
        "PixelData": pixels.tobytes(),
    }
    return common | (_slice(number) if row["modality"] == "CT" else _projection(row)) | own


def _slice(number: int) -> dict[str, Any]:
    return {
        "ImagePositionPatient": [0, 0, SLICE_MM * number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.7, 0.7],
        "SliceThickness": SLICE_MM,
        "KVP": "120",
    }


def _projection(row: Row) -> dict[str, Any]:
    return {
        "ViewPosition": row["view"] or None,
        "ImagerPixelSpacing": [0.15, 0.15],
        "FrameOfReferenceUID": None,
        "PatientOrientation": ["L", "F"],
        "ImageLaterality": "U",
    }


def harmonized(site: Site, files: Mapping[str, bytes]) -> Road:
    """Take a batch from its raw files to the canonical tables and the report of harmonization."""
    raw = MemoryStore("raw")
    for path, content in (dict(files) | {MARKER: b""}).items():
        raw.create(raw_prefix(site.code, BATCH) + path, content)
    settings = Settings.model_validate({"conformance": {"max_series": 0}})
    context = BatchContext(site, BATCH, settings, load_profile(), RING, raw, MemoryStore("work"))
    plan = plan_batch(context, keep_given)
    for shard in plan.shards:
        deidentify_shard(shard, context)
    settle_batch(plan, context)
    harmonize_batch(plan, context)
    return Road(context, plan)


def validated(road: Road) -> Road:
    """Take a batch through validation, also one that a gate stops: its reports are written."""
    with suppress(GateError):
        validate_batch(road.plan, road.context)
    return road


def golden(code: str) -> Road:
    """Take a golden batch as far."""
    return harmonized(site_of(code), tables_of(code) | objects_of(images_of(code)))
