"""Studies, series and instances from finished headers: by consensus over instances, geometry by measurement."""

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from config.vocab import body_part_of, vendor_of
from config.vocab.terms import LATERALITY
from expectations.schemas import imaging_instance
from expectations.schemas.table import batch_form
from tasks.harmonize.cells import MISSING, decide_each
from tasks.harmonize.consensus import agreed
from tasks.harmonize.query import query

SERIES_FACTS = (
    "modality",
    "body_part_raw",
    "laterality",
    "view_position",
    "series_description",
    "manufacturer_raw",
    "manufacturer_model",
    "contrast_agent",
    "slice_thickness_mm",
    "pixel_spacing_mm",
    "spacing_source",
    "convolution_kernel",
)
STUDY_FACTS = ("study_date_shifted", "study_description", "age")
EVEN_MM = 0.01  # a step may differ by this much, or by a hundredth, from the median step of an even series
UNIQUE_MM = 0.001  # closer slices lie at one position
_SERIES = """
SELECT series_uid, min(study_uid) AS study_uid, min(subject_id) AS subject_id, min(modality) AS first_modality,
       min(sop_class_uid) AS sop_class_uid, list_sort(list(DISTINCT transfer_syntax_uid)) AS transfer_syntaxes,
       bool_or(lossy) AS lossy, coalesce(min(photometric), 'none') AS photometric, count(*)::INTEGER AS n_instances,
       sum(size_bytes)::BIGINT AS n_bytes,
       sha256(string_agg(sop_uid || ' ' || sha256, chr(10) ORDER BY sop_uid)) AS series_sha256
FROM instances GROUP BY series_uid ORDER BY series_uid
"""
_GEOMETRY = """
WITH placed AS (
    SELECT series_uid, sop_uid, list_transform(o, lambda x: round(x, 3) + 0.0)::VARCHAR AS orientation,
           (o[2] * o[6] - o[3] * o[5]) * p[1] + (o[3] * o[4] - o[1] * o[6]) * p[2]
           + (o[1] * o[5] - o[2] * o[4]) * p[3] AS depth
    FROM (SELECT series_uid, sop_uid, image_position_mm AS p, image_orientation AS o FROM instances
          WHERE len(image_position_mm) = 3 AND len(image_orientation) = 6)),
steps AS (
    SELECT series_uid, orientation, depth - lag(depth) OVER (PARTITION BY series_uid ORDER BY depth, sop_uid) AS step
    FROM placed)
SELECT series_uid, count(DISTINCT orientation) AS orientations, count(*) AS slices, round(median(step), 6) AS step,
       min(step) AS smallest, max(step) AS largest
FROM steps GROUP BY series_uid ORDER BY series_uid
"""
_VOLUMES = """
SELECT facts.*,
       CASE WHEN orientations = 1 AND slices > 1 THEN step END AS slice_spacing_mm,
       CASE WHEN facts.first_modality = 'CT' AND slices > 1
            THEN orientations = 1 AND smallest > unique_mm AND largest - smallest <= greatest(even_mm, step / 100) END
       AS regular_volume
FROM facts LEFT JOIN geometry USING (series_uid), limits ORDER BY series_uid
"""
_STUDIES = """
SELECT study_uid, min(subject_id) AS subject_id, list_sort(list(DISTINCT modality)) AS modalities,
       count(DISTINCT series_uid)::INTEGER AS n_series, count(*)::INTEGER AS n_instances
FROM instances GROUP BY study_uid ORDER BY study_uid
"""
_AGES = """
SELECT *, CASE WHEN patient_age_gt89 THEN 90 ELSE patient_age_years END::SMALLINT AS age
FROM instances ORDER BY source_id
"""


@dataclass(frozen=True, slots=True)
class Imaging:
    """The three imaging tables as far as instances alone tell; keys in conflict by table and column; odd vendors."""

    studies: pa.Table
    series: pa.Table
    instances: pa.Table
    conflicts: dict[str, pa.Array] = field(default_factory=dict)
    unknown_vendors: int = 0


def imaging_of(instances: pa.Table) -> Imaging:
    """Make the imaging tables of settled instances.

    Parameters
    ----------
    instances
        Rows of `expectations.schemas.pipeline.INSTANCES` that are candidates for a release.
    """
    rows = query(_AGES, instances=instances)
    facts, series_conflicts = agreed(rows, "series_uid", SERIES_FACTS)
    study_facts, study_conflicts = agreed(rows, "study_uid", STUDY_FACTS)
    series = _series(rows, facts)
    unknown = pc.and_(pc.is_valid(series["manufacturer_raw"]), pc.is_null(series["manufacturer"]))
    conflicts = {f"imaging_series.{name}": keys for name, keys in series_conflicts.items()}
    conflicts |= {f"imaging_study.{name}": keys for name, keys in study_conflicts.items()}
    studies = query(_STUDIES, instances=rows)
    for name in STUDY_FACTS:
        studies = studies.append_column(name, study_facts[name])
    return Imaging(studies, series, _instances(instances), conflicts, pc.sum(unknown, min_count=0).as_py())


def _series(rows: pa.Table, facts: pa.Table) -> pa.Table:
    limits = pa.table({"even_mm": [EVEN_MM], "unique_mm": [UNIQUE_MM]})
    counted = query(_SERIES, instances=rows)
    table = query(_VOLUMES, facts=counted, geometry=query(_GEOMETRY, instances=rows), limits=limits)
    for name in SERIES_FACTS[1:]:
        table = table.append_column(name, facts[name])
    table = table.append_column("modality", table["first_modality"])
    table = table.append_column("manufacturer", _resolved(table["manufacturer_raw"], vendor_of))
    table = table.append_column("body_part", _resolved(table["body_part_raw"], body_part_of))
    known = pc.is_in(table["laterality"], pa.array(LATERALITY))
    place = table.schema.get_field_index("laterality")
    return table.set_column(place, "laterality", pc.if_else(known, table["laterality"], None))


def _resolved(column: pa.ChunkedArray, name_of: object) -> pa.Array:
    assert callable(name_of)
    return decide_each(
        column.combine_chunks(), lambda text: (name_of(text), None) if text else MISSING, pa.string()
    ).values


def _instances(instances: pa.Table) -> pa.Table:
    length = len(instances)
    made = {
        "size": instances["size_bytes"],
        "media_type": pa.repeat(pa.scalar("application/dicom"), length),
        "crc64nvme": pa.nulls(length, pa.string()),
        "pixel_sha256": pa.nulls(length, pa.string()),
    }
    names = batch_form(imaging_instance.TABLE).schema.names
    return pa.table({name: made[name] if name in made else instances[name] for name in names}).sort_by("sop_uid")
