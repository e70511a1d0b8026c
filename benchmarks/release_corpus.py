"""An accepted batch for `release.py`: tables, ledger and anchors from counters, and the digests of made-up objects.

The object of instance n has the bytes of ``object n`` with nine digits, so that it need not lie anywhere to be read.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import ANCHORS, LEDGER
from tasks.layout import BatchLayout

SITE, NAME, RUN = "s01", "b1", "0123456789abcdef"
ROWS_PER_WRITE = 1 << 17
_TABLES = {
    "subject": """
        SELECT subject_id, 's0' || (1 + n % 4) AS site_id, 'COVID-19 Test' AS index_event,
               (20 + n % 70)::SMALLINT AS age_at_index, false AS age_at_index_gt89,
               ['Female', 'Male'][1 + n % 2] AS sex, [['White', 'Asian', 'Black or African American'][1 + n % 3]]
                   AS race_ethnicity,
               ['White', 'Asian', 'Black or African American'][1 + n % 3] AS race, 'Not Reported' AS ethnicity,
               'OMB-SPD15' AS race_scheme, 'US' AS country, '606' AS zip3, 'Positive' AS covid19_status,
               ['test'] AS covid19_status_basis, ['Yes', 'No', 'No'][1 + n % 3] AS ever_icu, 'No' AS ever_ventilated
        FROM people ORDER BY subject_id""",
    "clinical_event": """
        SELECT 'e' || n || kind AS event_id, subject_id, kind AS event_type, (n % 30)::INTEGER AS start_day,
               (n % 30 + CASE kind WHEN 'icu_stay' THEN 4 ELSE 9 END)::INTEGER AS end_day, 'known' AS end_status,
               CASE kind WHEN 'icu_stay' THEN 'e' || n || 'hospital_stay' END AS parent_event_id,
               CASE kind WHEN 'hospital_stay' THEN 'home' END AS discharge, 'b1/' || n || kind AS source_row
        FROM people, (VALUES ('hospital_stay'), ('icu_stay')) AS kinds (kind)
        WHERE kind = 'hospital_stay' OR n % 3 = 0 ORDER BY event_id""",
    "test_result": """
        SELECT 't' || n AS test_id, subject_id, 'COVID-19' AS test_name, 'naat' AS test_class, 'Positive' AS result,
               0 AS day
        FROM people ORDER BY test_id""",
    "imaging_study": """
        SELECT study_uid, subject_id, (study % 400 - 100)::INTEGER AS day, (20 + n % 70)::SMALLINT AS age_at_study,
               false AS age_at_study_gt89, ['CT'] AS modalities, '24627-2' AS loinc_code, 'CT Chest'
                   AS loinc_long_common_name, 'exact_table' AS loinc_basis, 1.0::FLOAT AS loinc_confidence,
               [(100 - study % 400)::INTEGER] AS days_to_positive_tests, []::INTEGER[] AS days_to_negative_tests,
               count(DISTINCT series_uid)::INTEGER AS n_series, count(*)::INTEGER AS n_instances
        FROM instances JOIN people USING (subject_id) GROUP BY study_uid, subject_id, study, n ORDER BY study_uid""",
    "imaging_series": """
        SELECT series_uid, study_uid, subject_id, 'CT' AS modality, 'CHEST' AS body_part_raw, 'CHEST' AS body_part,
               ['SIEMENS', 'GE', 'Philips'][1 + series % 3] AS manufacturer_raw,
               ['Siemens', 'GE', 'Philips'][1 + series % 3] AS manufacturer,
               '1.2.840.10008.5.1.4.1.1.2' AS sop_class_uid, ['1.2.840.10008.1.2.1'] AS transfer_syntaxes,
               1.25 AS slice_thickness_mm, [0.7, 0.7] AS pixel_spacing_mm, 'PixelSpacing' AS spacing_source,
               false AS lossy, 'MONOCHROME2' AS photometric, count(*)::INTEGER AS n_instances,
               sum(size)::BIGINT AS n_bytes,
               sha256(string_agg(sop_uid || ' ' || sha256, chr(10) ORDER BY sop_uid)) AS series_sha256
        FROM instances GROUP BY series_uid, study_uid, subject_id, series ORDER BY series_uid""",
    "imaging_instance": """
        SELECT sop_uid, series_uid, study_uid, subject_id, size, sha256, md5, crc64nvme, pixel_sha256,
               'application/dicom' AS media_type, number::INTEGER AS instance_number, 512 AS rows, 512 AS columns,
               1 AS frames,
               12::SMALLINT AS bits_stored, '1.2.840.10008.1.2.1' AS transfer_syntax_uid, 'not_checked' AS deid_pixel,
               ['113100', '113107'] AS deid_method_codes
        FROM instances ORDER BY sop_uid""",
}
_PEOPLE = """
    SELECT n, upper(substr(sha256('p' || n), 1, 32)) AS subject_id FROM range(?) AS counter (n)
"""
_INSTANCES = """
    CREATE TABLE instances AS
    SELECT object, series, study, number, subject_id,
           '2.25.1' || hash('t', study) || hash(study, 't') AS study_uid,
           '2.25.1' || hash('s', series) || hash(series, 's') AS series_uid,
           '2.25.1' || hash('o', object) || hash(object, 'o') AS sop_uid,
           sha256('object ' || lpad(object::VARCHAR, 9, '0')) AS sha256,
           md5('object ' || lpad(object::VARCHAR, 9, '0')) AS md5,
           left(md5('checksum ' || object), 11) || '=' AS crc64nvme, sha256('pixels ' || object) AS pixel_sha256,
           16 AS size
    FROM (SELECT n AS object, n // each AS series, n // each // 2 AS study, n % each + 1 AS number,
                 n // each // 2 % persons AS n
          FROM range(?) AS counter (n), (SELECT ?::BIGINT AS each, ?::BIGINT AS persons)) JOIN people USING (n)
"""
_LEDGER = """
    SELECT md5('i' || object) AS source_id, 'released-candidate' AS status, 'DE-PASS' AS rule_id,
           size AS source_bytes, 'own' AS engine, subject_id, study_uid, sop_uid, sha256
    FROM instances ORDER BY source_id
"""
_LINEAGE = """
    SELECT 'subject' AS entity, subject_id AS entity_id, field, md5('row' || n) AS source_row, field AS mapping_id,
           '1' AS mapping_version, 's01/b1' AS batch_id
    FROM people, (VALUES ('sex'), ('race'), ('ethnicity'), ('age_at_index'), ('country'), ('zip3')) AS fields (field)
    UNION ALL
    SELECT 'clinical_event', 'e' || n || 'hospital_stay', field, md5('stay' || n), 'date:%Y-%m-%d', '1', 's01/b1'
    FROM people, (VALUES ('start_day'), ('end_day'), ('discharge')) AS fields (field)
    UNION ALL
    SELECT 'test_result', 't' || n, field, md5('test' || n), field, '1', 's01/b1'
    FROM people, (VALUES ('test_name'), ('result'), ('day')) AS fields (field)
"""
_ANCHORS = """
    SELECT subject_id, 'COVID-19 Test' AS index_event, DATE '2012-05-07' AS index_date_shifted
    FROM people ORDER BY subject_id
"""


def content(number: int) -> bytes:
    """Give the bytes of an object."""
    return f"object {number:09}".encode()


@dataclass(frozen=True)
class Size:
    """How large a release is: exams of two series each, and instances; there are half as many subjects as exams."""

    exams: int
    instances: int

    @property
    def each_series(self) -> int:
        """The instances of a series."""
        return -(-self.instances // self.exams // 2)

    @property
    def subjects(self) -> int:
        """The people."""
        return self.exams // 2


def write_batch(size: Size, work: Path) -> None:
    """Lay an accepted batch into a work folder, and beside it ``objects.parquet`` with the number of each digest."""
    layout = BatchLayout(SITE, NAME)
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE people AS {_PEOPLE}", [size.subjects])
        database.execute(_INSTANCES, [size.each_series * size.exams * 2, size.each_series, size.subjects])
        for name, statement in _TABLES.items():
            _write(database, statement, BATCH[name].schema, work / layout.run(RUN, f"tables/{name}.parquet"))
        _write(database, _LEDGER, LEDGER.schema, work / layout.run(RUN, "ledger.parquet"))
        _write(database, _ANCHORS, ANCHORS.schema, work / layout.run(RUN, "harmonized/anchors.parquet"))
        _write(database, _LINEAGE, BATCH["lineage"].schema, work / layout.run(RUN, "harmonized/lineage.parquet"))
        numbers = pa.schema([("sha256", pa.string()), ("object", pa.int64())])
        _write(database, "SELECT sha256, object FROM instances ORDER BY sha256", numbers, work / "objects.parquet")
    (work / layout.current).write_text(json.dumps({"run": RUN}))


def _write(database: duckdb.DuckDBPyConnection, statement: str, schema: pa.Schema, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in database.sql(statement).to_arrow_reader(ROWS_PER_WRITE):
            given = {name: batch[name] for name in batch.schema.names}
            none = {field.name: pa.nulls(len(batch), field.type) for field in schema if field.name not in given}
            columns = [(given | none)[field.name].cast(field.type) for field in schema]
            writer.write_table(pa.table(columns, schema=schema))
