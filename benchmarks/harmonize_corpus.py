"""A batch for `harmonize.py`: two clinical tables of a site and the settled instances of its images, from counters."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from config.keys import KeyRing
from expectations.schemas.pipeline import INSTANCES, PLAN
from expectations.schemas.table import table_of
from tasks.identity import Pseudonymizer
from tasks.layout import BatchLayout, raw_prefix
from tasks.store.parquet import write_table

SITE, BATCH, RUN = "s01", "b1", "0123456789abcdef"
RING = KeyRing(1, {1: b"benchmark".ljust(32, b"-")})
EVENTS_EACH = 9  # rows of a patient in the table of events, beside one in the table of people
ROWS_PER_WRITE = 1 << 17
SITE_FILE = """
country = "US"
[index]
event = "COVID-19 Test"
found_by = "first_positive_test"
[facts]
sends_icu = true
sends_breathing_support = true
[[tables]]
pattern = "people*.csv"
[tables.columns]
id = "patient_id"
sex = { field = "subject.sex", codes = "sex.en" }
age = "subject.age_at_index"
race = { field = "subject.race", codes = "race.en" }
ethnicity = { field = "subject.ethnicity", codes = "ethnicity.en" }
zip = "subject.zip"
[[tables]]
pattern = "events*.csv"
shape = "long"
constant = { "test.name" = "COVID-19", "test.class" = "naat" }
[tables.columns]
id = "patient_id"
from = { field = "event.start", date = "mdy" }
to = { field = "event.end", date = "mdy" }
detail = "event.detail"
[tables.columns.event]
field = "event.kind"
codes = { Spell = "hospital_stay", ICU = "icu_stay", Support = "breathing_support", Swab = "test", Dx = "condition" }
"""
_PEOPLE = """
SELECT 'P' || lpad(n::VARCHAR, 9, '0') AS id, ['F', 'M'][1 + n % 2] AS sex, 20 + n % 75 AS age,
       ['White', 'Black', 'Asian', 'Unknown'][1 + n % 4] AS race,
       ['Hispanic or Latino', 'Not Hispanic or Latino'][1 + n % 2] AS ethnicity,
       lpad((10000 + n * 7919 % 80000)::VARCHAR, 5, '0') AS zip
FROM range(?) AS counter (n)
"""
_EVENTS = """
SELECT 'P' || lpad((n // each)::VARCHAR, 9, '0') AS id,
       ['Swab', 'Spell', 'ICU', 'Support', 'Support', 'Dx', 'Swab', 'Swab', 'Support'][1 + n % each] AS event,
       strftime(day, '%m/%d/%Y') AS "from",
       CASE WHEN n % each IN (1, 2, 3, 4, 8) THEN strftime(day + 1 + n::INTEGER % 5, '%m/%d/%Y') END AS "to",
       CASE n % each WHEN 1 THEN 'Home' WHEN 2 THEN NULL WHEN 5 THEN 'U07.1'
            WHEN 3 THEN 'HFNC' WHEN 4 THEN 'IMV' WHEN 8 THEN 'NC'
            ELSE ['Positive', 'Negative', 'Not detected'][1 + (n // each) % 3] END AS detail
FROM (SELECT *, DATE '2020-03-01' + (n // each % 600 + n % each)::INTEGER AS day
      FROM (SELECT ?::BIGINT AS each), range(?) AS counter (n))
"""
_IMAGES = """
SELECT md5('i' || n) AS source_id, subject_id, '2.25.1' || hash('t', study) || hash(study, 't') AS study_uid,
       '2.25.1' || hash('s', series) || hash(series, 's') AS series_uid,
       '2.25.1' || hash('o', n) || hash(n, 'o') AS sop_uid,
       '1.2.840.10008.5.1.4.1.1.2' AS sop_class_uid, '1.2.840.10008.1.2.1' AS transfer_syntax_uid,
       sha256('i' || n) AS sha256, md5('b' || n) AS md5, left(md5('c' || n), 11) || '=' AS crc64nvme,
       sha256('p' || n) AS pixel_sha256, 526000 + n % 1000 AS size_bytes, 'CT' AS modality,
       DATE '2016-03-01' + (study % 700)::INTEGER AS study_date_shifted, ['F', 'M'][1 + study % 2] AS patient_sex,
       (20 + study % 69)::SMALLINT AS patient_age_years, false AS patient_age_gt89, 'CHEST' AS body_part_raw,
       'CT CHEST W CONTRAST' AS study_description, 'AXIAL ' || (series % 7) AS series_description,
       'SIEMENS' AS manufacturer_raw, 'Model ' || (series % 5) AS manufacturer_model,
       (n % each + 1)::INTEGER AS instance_number, 512 AS rows, 512 AS columns, 1 AS frames, 12 AS bits_stored,
       'MONOCHROME2' AS photometric, [0.7, 0.7] AS pixel_spacing_mm, 'PixelSpacing' AS spacing_source,
       1.25 AS slice_thickness_mm, [-180.0, -180.0, (n % each) * 1.25] AS image_position_mm,
       [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] AS image_orientation, ['B30f'] AS convolution_kernel, false AS lossy,
       'not_checked' AS deid_pixel, ['113100', '113107'] AS deid_method_codes
FROM (SELECT n, n // each AS series, n // each // 2 AS study, n // each // 2 % people AS number, each
      FROM (SELECT ?::BIGINT AS each, ?::BIGINT AS people), range(?) AS counter (n))
JOIN people USING (number) ORDER BY source_id
"""


@dataclass(frozen=True)
class Size:
    """How large a batch is: clinical rows, instances, and instances of a series."""

    clinical_rows: int
    instances: int
    each_series: int = 200

    @property
    def patients(self) -> int:
        """The patients in the tables; those with images are among them."""
        return self.clinical_rows // (EVENTS_EACH + 1)


def write_batch(size: Size, folder: Path) -> None:
    """Write raw tables and what the stages before harmonize leave, for the stores ``raw`` and ``work`` of a folder."""
    layout = BatchLayout(SITE, BATCH)
    raw, work = folder / "raw" / raw_prefix(SITE, BATCH), folder / "work"
    settled, planned = work / layout.run(RUN, "settled/instances.parquet"), work / layout.plan_of_tables(RUN)
    for place in (raw, settled.parent, planned.parent):
        place.mkdir(parents=True)
    with duckdb.connect() as database:
        _write_csv(_rows(database, _PEOPLE, [size.patients]), raw / "people.csv")
        _write_csv(_rows(database, _EVENTS, [EVENTS_EACH, size.patients * EVENTS_EACH]), raw / "events.csv")
        imaged = _imaged(size)
        database.register("people", imaged)
        _write_instances(_rows(database, _IMAGES, [size.each_series, len(imaged), size.instances]), settled)
    listed = [
        {"key": f"{raw_prefix(SITE, BATCH)}{path.name}", "size_bytes": path.stat().st_size, "etag": "listed"}
        for path in sorted(raw.iterdir())
    ]
    planned.write_bytes(write_table(table_of(PLAN, listed)))


def _rows(database: duckdb.DuckDBPyConnection, statement: str, numbers: list[int]) -> pa.RecordBatchReader:
    return database.sql(statement, params=numbers).to_arrow_reader(ROWS_PER_WRITE)


def _imaged(size: Size) -> pa.Table:
    """Give the pseudonyms of those with images: every second study is of somebody new, as far as the patients go."""
    people = Pseudonymizer(RING, SITE)
    count = max(1, min(size.patients, size.instances // size.each_series // 4))
    numbers = list(range(count))
    return pa.table({"number": numbers, "subject_id": [people.subject(f"P{number:09}") for number in numbers]})


def _write_csv(rows: pa.RecordBatchReader, path: Path) -> None:
    with csv.CSVWriter(path, rows.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)


def _write_instances(rows: pa.RecordBatchReader, path: Path) -> None:
    with pq.ParquetWriter(path, INSTANCES.schema, compression="zstd") as writer:
        for batch in rows:
            made = {name: pa.nulls(len(batch), kind) for name, kind in _kinds().items()}
            made |= {name: batch[name].cast(_kinds()[name]) for name in batch.schema.names if name in made}
            writer.write_table(pa.table(list(made.values()), schema=INSTANCES.schema))


def _kinds() -> dict[str, pa.DataType]:
    return {field.name: field.type for field in INSTANCES.schema}
