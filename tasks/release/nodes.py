"""A release as the tables of nodes that a Gen3 commons of the MIDRC dictionary takes in, one per node.

Values that the dictionary has no word for become its own word for not reported, or are left out, never another word.
Series of modalities that have no node are in our own tables only.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.release.nodes import Property, midrc_nodes
from tasks.model import Finding
from tasks.release.manifests import joined
from tasks.release.model import About
from tasks.release.query import by_pieces, query
from tasks.release.rows import INSTANCES
from tasks.release.uuids import instance_uuid, series_uuid
from tasks.store.parquet import ROWS_AT_ONCE

FOLDER = "midrc/"
RULE = "R-NODES"
_ITEM: Final = {
    "integer": re.compile(r"-?\d+"),
    "number": re.compile(r"-?\d+(\.\d+)?(e-?\d+)?"),
    "boolean": re.compile(r"true|false"),
}
_NODES: Final = {
    "case": """
        SELECT 'case' AS type, subject_id AS submitter_id, age_at_index, country AS country_of_residence,
               CASE age_at_index_gt89 WHEN true THEN 'Yes' WHEN false THEN 'No' END AS age_at_index_gt89,
               CASE covid19_status WHEN 'Positive' THEN 'Yes' WHEN 'Negative' THEN 'No' ELSE covid19_status END
                   AS covid19_positive,
               ethnicity,
               CASE ever_icu WHEN 'Yes' THEN true WHEN 'No' THEN false END AS icu_indicator,
               index_event,
               CASE WHEN race_scheme LIKE 'OMB-%' THEN race ELSE 'Not Reported' END AS race, race_ethnicity,
               CASE WHEN sex IN ('Female', 'Male') THEN sex ELSE 'Not Reported' END AS sex, site_id,
               CASE ever_ventilated WHEN 'Yes' THEN true WHEN 'No' THEN false END AS ventilator_indicator,
               zip3 AS zip, collection AS datasets
        FROM subject, about ORDER BY subject_id""",
    "imaging_study": """
        WITH below AS (
            SELECT study_uid, list_sort(list(DISTINCT body_part_raw) FILTER (body_part_raw IS NOT NULL)) AS parts
            FROM imaging_series GROUP BY study_uid),
        pixels AS (
            SELECT study_uid, bool_or(deid_pixel = 'redacted') AS is_modified FROM imaging_instance GROUP BY study_uid)
        SELECT 'imaging_study' AS type, study_uid AS submitter_id, age_at_study AS age_at_imaging,
               CASE age_at_study_gt89 WHEN true THEN 'Yes' WHEN false THEN 'No' END AS age_at_imaging_gt89,
               parts AS body_part_examined,
               days_to_negative_tests AS days_from_study_to_neg_covid_test,
               days_to_positive_tests AS days_from_study_to_pos_covid_test, day AS days_to_study,
               is_modified AS image_data_modified, loinc_code, loinc_contrast, loinc_long_common_name, loinc_method,
               loinc_system, study_description_raw AS study_description, modalities AS study_modality, study_uid,
               study_year, CASE WHEN study_year IS NOT NULL THEN false END AS study_year_shifted,
               subject_id AS cases, collection AS datasets
        FROM imaging_study LEFT JOIN below USING (study_uid) LEFT JOIN pixels USING (study_uid), about
        ORDER BY subject_id, study_uid""",
    "visit": """
        WITH hospital AS (SELECT * FROM clinical_event WHERE event_type = 'hospital_stay'),
        icu AS (SELECT * FROM clinical_event WHERE event_type = 'icu_stay')
        SELECT 'visit' AS type, coalesce(icu.event_id, hospital.event_id) AS submitter_id,
               hospital.start_day AS days_to_hospital_admission, hospital.end_day AS days_to_hospital_discharge,
               icu.start_day AS days_to_icu_admission, icu.end_day AS days_to_icu_discharge,
               hospital.discharge AS discharge_type, coalesce(hospital.subject_id, icu.subject_id) AS cases
        FROM hospital FULL JOIN icu ON icu.parent_event_id = hospital.event_id ORDER BY cases, submitter_id""",
    "measurement": """
        SELECT 'measurement' AS type, test_id AS submitter_id, day AS test_days_from_index,
               CASE test_class WHEN 'naat' THEN 'RT-PCR' WHEN 'antigen' THEN 'Rapid antigen test'
                    ELSE 'Not Reported' END AS test_method, test_name, result AS test_result_text, subject_id AS cases
        FROM test_result
        WHERE test_name = 'COVID-19' AND test_class IN ('naat', 'antigen', 'not_reported')
        ORDER BY subject_id, test_id""",
    "condition": """
        SELECT 'condition' AS type, condition_id AS submitter_id, code AS condition_code,
               code_system AS condition_code_system, name AS condition_name, start_day AS days_to_condition_start,
               end_day AS days_to_condition_end, subject_id AS cases
        FROM condition ORDER BY subject_id, condition_id""",
    "procedure": """
        SELECT 'procedure' AS type, event_id AS submitter_id, device AS breathing_support_type,
               start_day AS days_to_procedure_start, end_day AS days_to_procedure_end,
               'Breathing Support' AS procedure_name, subject_id AS cases
        FROM clinical_event WHERE event_type = 'breathing_support' ORDER BY subject_id, event_id""",
    "medication": """
        SELECT 'medication' AS type, medication_id AS submitter_id, code AS medication_code,
               code_system AS medication_code_system, name AS medication_name, start_day AS days_to_medication_start,
               end_day AS days_to_medication_end, subject_id AS cases
        FROM medication ORDER BY subject_id, medication_id""",
}
# A series stands for its objects as a bundle of the GA4GH Data Repository Service does: the size of all, and the digest
# of the joined digests of each in their order.
_BUNDLES = """
    SELECT series_uid, md5(string_agg(md5, '' ORDER BY md5)) AS md5sum, bool_or(deid_pixel = 'redacted') AS redacted
    FROM imaging_instance GROUP BY series_uid
"""
_SERIES = """
    SELECT lower(modality) || '_series_file' AS type, series_uid AS submitter_id,
           'data/' || folder || '/' AS file_name, n_bytes AS file_size, md5sum, prefix || '/' || content AS object_id,
           [contrast_agent] AS contrast_bolus_agent, convolution_kernel, redacted AS image_data_modified,
           CASE WHEN redacted THEN 'Removal of alphanumeric characters' END AS image_data_modification_method,
           CASE WHEN lossy THEN '01' ELSE '00' END AS lossy_image_compression,
           coalesce(manufacturer, manufacturer_raw) AS manufacturer, manufacturer_model AS manufacturer_model_name,
           modality, n_instances AS number_of_instances,
           CASE WHEN spacing_source = 'PixelSpacing' THEN pixel_spacing_mm END AS pixel_spacing,
           CASE WHEN spacing_source = 'ImagerPixelSpacing' THEN pixel_spacing_mm END AS imager_pixel_spacing,
           series_description, series_uid, [slice_thickness_mm] AS slice_thickness,
           [slice_spacing_mm] AS spacing_between_slices, [view_position] AS view_position,
           [body_part_raw] AS body_part_examined, modality AS data_category, 'DCM' AS data_format,
           'DICOM' AS data_type, study_uid AS imaging_studies
    FROM imaging_series JOIN bundles USING (series_uid) JOIN made USING (series_uid), about
    ORDER BY subject_id, study_uid, series_uid
"""


def node_tables(tables: Mapping[str, pa.Table], about: About) -> dict[str, pa.Table]:
    """Give the rows of every node that has some, all columns as text, null where nothing is known."""
    facts = pa.table({"collection": [about.collection], "prefix": [about.guid_prefix]})
    rows = {**tables, "about": facts, "bundles": by_pieces(_BUNDLES, INSTANCES, tables[INSTANCES])}
    made = {name: query(statement, **_used(statement, rows)) for name, statement in _NODES.items()}
    series = query(_SERIES, **_used(_SERIES, rows), made=_series_names(tables["imaging_series"]))
    for kind in pc.unique(series["type"]).to_pylist():
        made[kind] = series.filter(pc.equal(series["type"], kind))
    return {
        name: as_text(made[name], [one.name for one in properties if one.name in made[name].schema.names])
        for name, properties in midrc_nodes().items()
        if name in made and made[name].num_rows
    }


def _used(statement: str, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    return {name: rows for name, rows in tables.items() if name in statement}


def _series_names(series: pa.Table) -> pa.Table:
    """Give the folder of each series, and the name that changes with its content."""
    uids, digests = series["series_uid"].to_pylist(), series["series_sha256"].to_pylist()
    return pa.table(
        {
            "series_uid": pa.array(uids, pa.string()),
            "folder": pa.array([series_uuid(uid) for uid in uids], pa.string()),
            "content": pa.array([instance_uuid(*one) for one in zip(uids, digests, strict=True)], pa.string()),
        }
    )


def as_text(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Give some columns as text that fits into tab-separated values; lists with a comma between their items."""
    made = []
    for name in names:
        if pa.types.is_list(rows.schema.field(name).type):
            items = f'list_filter("{name}", lambda one: one IS NOT NULL)'
            clean = f"list_transform({items}, lambda one: regexp_replace(one::VARCHAR, '[\\t\\r\\n,]+', ' ', 'g'))"
            made.append(f"nullif(array_to_string({clean}, ','), '') AS \"{name}\"")
        else:
            made.append(f"regexp_replace(\"{name}\"::VARCHAR, '[\\t\\r\\n]+', ' ', 'g') AS \"{name}\"")
    numbered = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    return query(f"SELECT {', '.join(made)} FROM rows ORDER BY row", rows=numbered)  # noqa: S608 -- names of columns


def node_findings(nodes: Mapping[str, pa.Table]) -> list[Finding]:
    """Check names, types, closed values, bounds, patterns and links of node tables against the dictionary."""
    found = []
    for name, rows in nodes.items():
        for one in midrc_nodes()[name]:
            count = _breaks(one, rows)
            if count:
                found.append(Finding(RULE, "release", f"{name}.{one.name}", count))
    return found


def _breaks(one: Property, rows: pa.Table) -> int:
    """Count the rows whose value a property may not have."""
    if one.name not in rows.schema.names:
        return rows.num_rows if one.is_required else 0
    values = rows[one.name]
    wrong = [value for value in pc.unique(values.drop_null()).to_pylist() if not _is_allowed(one, value)]
    count: int = pc.sum(pc.is_in(values, value_set=pa.array(wrong, pa.string())), min_count=0).as_py()
    return count + (values.null_count if one.is_required else 0)


def _is_allowed(one: Property, text: str) -> bool:
    kind = one.kind.removeprefix("array<").removesuffix(">")
    items = text.split(",") if one.kind.startswith("array<") else [text]
    return all(_is_item(one, kind, item) for item in items)


def _is_item(one: Property, kind: str, item: str) -> bool:
    if one.values and item not in one.values:
        return False
    if kind in _ITEM and not _ITEM[kind].fullmatch(item):
        return False
    if one.minimum is not None and float(item) < one.minimum:
        return False
    if one.maximum is not None and float(item) > one.maximum:
        return False
    return not one.pattern or re.search(one.pattern, item) is not None


def node_files(nodes: Mapping[str, pa.Table]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give one file of tab-separated values per node."""
    for name, rows in nodes.items():
        links = {one.name: one.column for one in midrc_nodes()[name]}
        names = [links[column] for column in rows.schema.names]
        yield f"{FOLDER}{name}.tsv", chain([header(names)], separated(rows))


def header(names: Sequence[str]) -> bytes:
    """Give the first line of tab-separated values."""
    return ("\t".join(names) + "\n").encode()


def separated(rows: pa.Table) -> Iterator[bytes]:
    """Give rows of text as lines of tab-separated values, null as nothing; no value may hold a tab or end a line."""
    for start in range(0, rows.num_rows, ROWS_AT_ONCE):
        part = [pc.fill_null(column, "") for column in rows.slice(start, ROWS_AT_ONCE).columns]
        yield joined(pc.binary_join_element_wise(*part, "\t").combine_chunks(), "\n") + b"\n"
