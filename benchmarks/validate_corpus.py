"""A batch for `validate.py`: the harmonized tables of one site and what they came from, from counters."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.schemas.catalog import BATCH, CANONICAL
from expectations.schemas.pipeline import (
    ANCHORS,
    CLINICAL_SOURCES,
    CROSSWALK,
    FINDINGS,
    HOLDS,
    INSTANCES,
    LEDGER,
    SOURCES,
)
from expectations.schemas.table import Table, table_of
from tasks.layout import BatchLayout
from tasks.store.parquet import write_batches, write_table

SITE, NAME, RUN = "s01", "b1", "0123456789abcdef"
ROWS_PER_WRITE = 1 << 16
EVENTS_EACH = 9  # clinical rows of a subject beside its own
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
_SUBJECTS = """
SELECT n, translate(lpad(lower(to_base(n, 16)), 20, '0'), '0123456789abcdef', '234567ABCDEFGHIJ') AS subject_id
FROM range({people}) AS counter (n)
"""
_TABLES = {
    "subject": """
        SELECT subject_id, 's01' AS site_id, 'COVID-19 Test' AS index_event, 20 + n % 60 AS age_at_index,
               false AS age_at_index_gt89, ['Female', 'Male'][1 + n % 2] AS sex, ['White'] AS race_ethnicity,
               'White' AS race, 'Not Reported' AS ethnicity, 'OMB-SPD15' AS race_scheme, 'US' AS country,
               '606' AS zip3, 'Positive' AS covid19_status, ['test'] AS covid19_status_basis, 'Yes' AS ever_icu,
               'Yes' AS ever_ventilated
        FROM people""",
    "clinical_event": """
        SELECT md5(kind || n) AS event_id, subject_id, ['hospital_stay', 'icu_stay', 'breathing_support'][kind] AS
               event_type, kind AS start_day, 10 - kind AS end_day, 'known' AS end_status,
               CASE WHEN kind > 1 THEN md5((kind - 1) || n::VARCHAR) END AS parent_event_id,
               CASE WHEN kind = 3 THEN 'imv' END AS device, CASE WHEN kind = 1 THEN 'home' END AS discharge,
               CASE WHEN kind = 3 THEN 7 END AS who_scale_floor, md5('row' || kind || n) AS source_row
        FROM people, (SELECT unnest([1, 2, 3]) AS kind)""",
    "test_result": """
        SELECT md5('test' || number || n) AS test_id, subject_id, number * 3 AS day,
               'Positive' AS result, 'COVID-19' AS test_name, 'naat' AS test_class, '94500-6' AS loinc_code
        FROM people, (SELECT unnest([0, 1, 2]) AS number)""",
    "condition": """
        SELECT md5('condition' || n) AS condition_id, subject_id, 'U07.1' AS code, 'ICD-10-CM' AS code_system,
               1 AS start_day
        FROM people""",
    "measurement": """
        SELECT md5('measurement' || n) AS measurement_id, subject_id, 'height' AS measurement_name,
               150.0 + n % 50 AS value, 'cm' AS unit, 1 AS day
        FROM people""",
    "medication": """
        SELECT md5('medication' || n) AS medication_id, subject_id, 'H02AB02' AS code, 'ATC' AS code_system,
               1 AS start_day
        FROM people""",
    "imaging_study": """
        SELECT study_uid, subject_id, 1 AS day, 20 + n % 60 AS age_at_study, false AS age_at_study_gt89,
               ['CT'] AS modalities, 'unmapped' AS loinc_basis, [-1, 2, 5] AS days_to_positive_tests,
               []::INTEGER[] AS days_to_negative_tests, 2 AS n_series, 2 * each AS n_instances
        FROM (SELECT DISTINCT study_uid, subject_id, n, each FROM series)""",
    "imaging_series": """
        SELECT series_uid, study_uid, subject_id, 'CT' AS modality, '1.2.840.10008.5.1.4.1.1.2' AS sop_class_uid,
               ['1.2.840.10008.1.2.1'] AS transfer_syntaxes, false AS lossy, 'MONOCHROME2' AS photometric,
               each AS n_instances, each * 526000 AS n_bytes, 'CHEST' AS body_part, 'GE' AS manufacturer,
               sha256(series_uid) AS series_sha256
        FROM series""",
}
_SERIES = """
SELECT '2.25.1' || (1000000 + number) AS series_uid, '2.25.2' || (1000000 + number // 2) AS study_uid, subject_id, n,
       number, each
FROM (SELECT number, each, number // 2 % people AS n
      FROM (SELECT {each} AS each, {people} AS people), range({series}) AS counter (number)) JOIN people USING (n)
"""
_INSTANCES = f"""
SELECT lower(md5('i' || k)) AS source_id, '2.25.3' || hash(k) || (10000000 + k) AS sop_uid, series_uid, study_uid,
       subject_id, 526000 AS size_bytes, 526000 AS size, sha256('b' || k) AS sha256, md5('b' || k) AS md5,
       left(md5('c' || k), 11) || '=' AS crc64nvme, sha256('p' || k) AS pixel_sha256,
       'application/dicom' AS media_type, (k % each + 1) AS instance_number, 512 AS rows,
       512 AS columns, 1 AS frames, 12 AS bits_stored, '{EXPLICIT}' AS transfer_syntax_uid,
       'not_checked' AS deid_pixel, ['113100', '113107'] AS deid_method_codes, '{CT}' AS sop_class_uid,
       'CT' AS modality, DATE '2016-03-02' AS study_date_shifted, ['F', 'M'][1 + n % 2] AS patient_sex,
       20 + n % 60 AS patient_age_years, false AS patient_age_gt89, false AS lossy,
       'released-candidate' AS status, 'DE-PASS' AS rule_id, 526500 AS source_bytes, 'bytes' AS engine
FROM (SELECT k, k // {{each}} AS number FROM range({{instances}}) AS counter (k)) JOIN series USING (number)
"""  # noqa: S608 -- constants
_EVIDENCE = {
    "anchors": "SELECT subject_id, 'COVID-19 Test' AS index_event, DATE '2016-03-01' AS index_date_shifted FROM people",
    "lineage": """
        SELECT 'clinical_event' AS entity, md5(kind || n) AS entity_id, 'start_day' AS field, 's01/b1' AS batch_id
        FROM people, (SELECT unnest([1, 2, 3]) AS kind)""",
    "crosswalk": """
        SELECT 'series' AS kind, '1.2.3.' || series_uid AS id_old, series_uid AS id_new FROM series
        UNION ALL SELECT DISTINCT 'study', '1.2.4.' || study_uid, study_uid FROM series""",
    "holds": """SELECT '' AS "table", '' AS key, '' AS rule_id FROM range(0)""",
}
_FORMS = {"anchors": ANCHORS, "lineage": CANONICAL["lineage"], "crosswalk": CROSSWALK, "holds": HOLDS}


@dataclass(frozen=True)
class Size:
    """How large a batch is: clinical rows, instances, and instances of a series."""

    clinical_rows: int
    instances: int
    each_series: int = 200

    @property
    def people(self) -> int:
        """The subjects; each has `EVENTS_EACH` clinical rows beside its own."""
        return self.clinical_rows // (EVENTS_EACH + 1)


def write_batch(size: Size, folder: Path) -> None:
    """Write what stands in the working store of a folder before validation."""
    layout, work = BatchLayout(SITE, NAME), folder / "work"
    run, private = work / layout.run(RUN, ""), work / layout.private_run(RUN, "")
    for place in (run / "harmonized", run / "settled", private):
        place.mkdir(parents=True)
    series = size.instances // size.each_series
    numbers = {"people": size.people, "each": size.each_series, "series": series, "instances": size.instances}
    with duckdb.connect() as database:
        database.execute("CREATE TABLE people AS " + _SUBJECTS.format(**numbers))
        database.execute("CREATE TABLE series AS " + _SERIES.format(**numbers))
        for name, statement in _TABLES.items():
            _write(database, statement, BATCH[name], run / f"harmonized/{name}.parquet")
        for name, statement in _EVIDENCE.items():
            place = private if name == "crosswalk" else run / "harmonized"
            _write(database, statement, _FORMS[name], place / f"{name}.parquet")
        instances = _INSTANCES.format(**numbers)
        for table, path in (
            (BATCH["imaging_instance"], run / "harmonized/imaging_instance.parquet"),
            (INSTANCES, run / "settled/instances.parquet"),
            (LEDGER, run / "settled/ledger.parquet"),
        ):
            _write(database, instances, table, path)
    for form, name in ((SOURCES, "sources"), (CLINICAL_SOURCES, "clinical-sources")):
        (private / f"{name}.parquet").write_bytes(write_table(table_of(form, [])))
    (private / "report").mkdir()
    (private / "report/orphans.csv").write_text("subject_id,rule_id\n")
    for stage in ("deidentify", "harmonize"):
        (run / f"findings-{stage}.parquet").write_bytes(write_table(table_of(FINDINGS, [])))


def _write(database: duckdb.DuckDBPyConnection, statement: str, table: Table, path: Path) -> None:
    rows = database.sql(statement).to_arrow_reader(ROWS_PER_WRITE)
    write_batches((_conformed(batch, table) for batch in rows), table.schema, path)
    if pq.read_metadata(path).num_rows == 0 and table is not HOLDS:
        raise SystemExit(f"the corpus has no rows of {table.name}")


def _conformed(batch: pa.RecordBatch, table: Table) -> pa.RecordBatch:
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(len(batch), field.type)
        for field in table.schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)
