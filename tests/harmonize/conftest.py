"""Batches to harmonize: raw tables as text, settled instances as rows, and the canonical tables that come out."""

import io
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from config.deid import load_profile
from config.keys import KeyRing
from config.settings import Settings
from config.site import Site
from expectations.schemas.pipeline import INSTANCES
from expectations.schemas.table import table_of
from tasks.context import BatchContext
from tasks.harmonize.shard import harmonize_batch
from tasks.identity import Pseudonymizer
from tasks.layout import raw_prefix
from tasks.model import BatchPlan, StageReport
from tasks.store.memory import MemoryStore
from tasks.store.parquet import read_table, write_table

RUN = "0123456789abcdef"
RING = KeyRing(1, {1: b"k" * 32})
WIDE = """
[[tables]]
pattern = "*.csv"
[tables.columns]
id = "patient_id"
"""


@dataclass
class Batch:
    """What came out of one batch."""

    context: BatchContext
    plan: BatchPlan
    report: StageReport

    @property
    def people(self) -> Pseudonymizer:
        return self.context.pseudonymizer

    def read(self, name: str) -> pa.Table:
        return read_table(self.context.work.read(self.context.layout.run(RUN, name)))

    def table(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.read(f"harmonized/{name}.parquet").to_pylist()
        return rows

    def of(self, name: str, patient: str) -> list[dict[str, Any]]:
        return [row for row in self.table(name) if row["subject_id"] == self.people.subject(patient)]

    def subject(self, patient: str) -> dict[str, Any]:
        (row,) = self.of("subject", patient)
        return row

    @property
    def holds(self) -> set[tuple[str, str]]:
        return {(row["table"], row["rule_id"]) for row in self.table("holds")}

    @property
    def findings(self) -> dict[tuple[str, str], int]:
        rows = self.read("findings-harmonize.parquet").to_pylist()
        return {(row["rule_id"], row["place"]): row["count"] for row in rows}

    def private(self, name: str) -> list[str]:
        text = self.context.work.read(self.context.layout.private_run(RUN, f"report/{name}.csv")).decode()
        return text.splitlines()[1:]


@dataclass
class Images:
    """Settled instances of one site, with real dates of study that are shifted as de-identification does."""

    people: Pseudonymizer
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, patient: str, day: date | None, *, study: str = "", count: int = 1, **facts: Any) -> "Images":
        subject = self.people.subject(patient)
        shifted = day and day + timedelta(days=self.people.offset_days(subject))
        study = study or f"{patient}/{day}"
        for number in range(count):
            name = f"{study}/{facts.get('series_uid', 1)}/{number}"
            self.rows.append(
                {
                    "source_id": self.people.source(name),
                    "subject_id": subject,
                    "study_uid": self.people.uid(study),
                    "series_uid": self.people.uid(f"{study}/1"),
                    "sop_uid": self.people.uid(name),
                    "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
                    "transfer_syntax_uid": "1.2.840.10008.1.2.1",
                    "sha256": self.people.source(name) * 2,
                    "md5": self.people.source(name),
                    "crc64nvme": self.people.source(name)[:11] + "=",
                    "pixel_sha256": self.people.source(name)[::-1] * 2,
                    "size_bytes": 1000,
                    "modality": "CT",
                    "study_date_shifted": shifted,
                    "frames": 1,
                    "lossy": False,
                    "deid_pixel": "not_checked",
                    "deid_method_codes": ["113100"],
                }
                | facts
            )
        return self


Curate = Callable[..., Batch]


@pytest.fixture
def images() -> Callable[[str], Images]:
    return lambda issuer="s01": Images(Pseudonymizer(RING, issuer))


@pytest.fixture
def curate() -> Curate:
    """Harmonize a batch from a site file's text, files by name, and instance rows."""

    def run(site: str | Site, files: dict[str, str | bytes], rows: Sequence[dict[str, Any]] = ()) -> Batch:
        declared = site if isinstance(site, Site) else Site(**({"code": "s01"} | tomllib.loads(site)))
        raw, work = MemoryStore(), MemoryStore()
        context = BatchContext(declared, "b1", Settings(), load_profile(), RING, raw, work)
        keys = []
        for name, content in files.items():
            key = raw_prefix(declared.code, "b1") + name
            raw.create(key, content if isinstance(content, bytes) else content.encode())
            keys.append(key)
        listed = [raw.head(key) for key in keys]
        tables = {name: [getattr(one, name) for one in listed] for name in ("key", "size_bytes", "etag")}
        work.create(context.layout.plan_of_tables(RUN), write_table(pa.table(tables)))
        work.create(context.layout.run(RUN, "settled/instances.parquet"), write_table(table_of(INSTANCES, list(rows))))
        plan = BatchPlan(declared.code, "b1", RUN, (), 0, len(files), 0)
        return Batch(context, plan, harmonize_batch(plan, context))

    return run


def text_table(text: str) -> str:
    """Turn ``a | b`` lines into CSV, so that tests show tables that people can read."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    padded = [row + [""] * (len(rows[0]) - len(row)) for row in rows]
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in padded) + "\n"


@pytest.fixture
def table() -> Callable[[str], str]:
    return text_table


@pytest.fixture
def workbook() -> Callable[..., bytes]:
    """Make an XLSX workbook of sheets S1, S2, … from their rows."""

    def make(*sheets: list[list[object]]) -> bytes:
        book = openpyxl.Workbook()
        assert book.active is not None
        book.remove(book.active)
        for place, cells in enumerate(sheets, start=1):
            sheet = book.create_sheet(f"S{place}")
            for row in cells:
                sheet.append(row)
        content = io.BytesIO()
        book.save(content)
        return content.getvalue()

    return make
