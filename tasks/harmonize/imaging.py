"""Studies, series and instances from finished headers: by consensus over instances, geometry by measurement."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from config.vocab import body_part_of, contrast_of_agent, vendor_of, view_position_of
from expectations.schemas import imaging_instance
from expectations.schemas.table import batch_form
from tasks.harmonize.consensus import agreed
from tasks.harmonize.geometry import volumes_of
from tasks.harmonize.loinc.coded import coded
from tasks.harmonize.query import Rows, View, query
from tasks.harmonize.series_digest import series_digests

SERIES_FACTS = (
    "modality",
    "body_part_raw",
    "body_part",
    "laterality",
    "view_position",
    "series_description",
    "manufacturer_raw",
    "manufacturer",
    "manufacturer_model",
    "contrast_agent",
    "slice_thickness_mm",
    "pixel_spacing_mm",
    "spacing_source",
    "convolution_kernel",
)
STUDY_FACTS = ("study_date_shifted", "study_description", "age")
BATCH_FORM = batch_form(imaging_instance.TABLE)
TERMS: Mapping[str, Callable[[str], str | None]] = {  # by column
    "body_part": body_part_of,
    "manufacturer": vendor_of,
    "view_position": view_position_of,
    "contrast": contrast_of_agent,
}
_SERIES = """
SELECT series_uid, min(study_uid) AS study_uid, min(subject_id) AS subject_id, min(modality) AS first_modality,
       min(sop_class_uid) AS sop_class_uid, list_sort(list(DISTINCT transfer_syntax_uid)) AS transfer_syntaxes,
       bool_or(lossy) AS lossy, coalesce(min(photometric), 'none') AS photometric, count(*)::INTEGER AS n_instances,
       sum(size_bytes)::BIGINT AS n_bytes
FROM instances GROUP BY series_uid ORDER BY series_uid
"""
_STUDIES = """
SELECT study_uid, min(subject_id) AS subject_id, list_sort(list(DISTINCT modality)) AS modalities,
       count(DISTINCT series_uid)::INTEGER AS n_series, count(*)::INTEGER AS n_instances
FROM instances GROUP BY study_uid ORDER BY study_uid
"""
_READ = """
SELECT told.*, body_part.term AS body_part, manufacturer.term AS manufacturer, view_position.term AS view_position,
       contrast.term AS contrast
FROM (SELECT * REPLACE (CASE WHEN laterality IN ('B', 'L', 'R', 'U') THEN laterality END AS laterality)
             RENAME (view_position AS view_position_raw),
             CASE WHEN patient_age_gt89 THEN 90 ELSE patient_age_years END::SMALLINT AS age FROM settled) AS told
LEFT JOIN body_part ON body_part_raw = body_part.spelling
LEFT JOIN manufacturer ON manufacturer_raw = manufacturer.spelling
LEFT JOIN view_position ON view_position_raw = view_position.spelling
LEFT JOIN contrast ON contrast_agent = contrast.spelling
"""
_SPELLINGS = """
SELECT DISTINCT unnest([body_part_raw, manufacturer_raw, view_position, contrast_agent]) AS spelling,
       unnest(['body_part', 'manufacturer', 'view_position', 'contrast']) AS name
FROM spelt ORDER BY name, spelling
"""
_UNREAD = """
SELECT count(DISTINCT series_uid) FILTER (body_part_raw IS NOT NULL AND body_part IS NULL) AS body_part,
       count(DISTINCT series_uid) FILTER (manufacturer_raw IS NOT NULL AND manufacturer IS NULL) AS manufacturer,
       count(DISTINCT series_uid) FILTER (view_position_raw IS NOT NULL AND view_position IS NULL) AS view_position
FROM instances
"""
_RULES = {"body_part": "I-TERM", "manufacturer": "I-VENDOR", "view_position": "I-TERM"}
_GAP = "I-GAP"


@dataclass(frozen=True, slots=True)
class Imaging:
    """The three imaging tables as far as instances alone tell; keys in conflict by table and column; rules broken.

    `found` counts how often a rule was broken at a place.
    """

    studies: pa.Table
    series: pa.Table
    instances: View
    conflicts: dict[str, pa.Array] = field(default_factory=dict)
    found: dict[tuple[str, str], int] = field(default_factory=dict)


def imaging_of(instances: Rows) -> Imaging:
    """Make the imaging tables of settled instances.

    Parameters
    ----------
    instances
        Rows of `expectations.schemas.pipeline.INSTANCES` that are candidates for a release.
    """
    rows = View(_READ, {"settled": instances, **_terms(instances)})
    facts, series_conflicts = agreed(rows, "series_uid", SERIES_FACTS)
    study_facts, study_conflicts = agreed(rows, "study_uid", STUDY_FACTS)
    series = _series(rows, facts)
    conflicts = {f"imaging_series.{name}": keys for name, keys in series_conflicts.items()}
    conflicts |= {f"imaging_study.{name}": keys for name, keys in study_conflicts.items()}
    studies = query(_STUDIES, instances=rows)
    for name in STUDY_FACTS:
        studies = studies.append_column(name, study_facts[name])
    studies, uncoded = coded(studies, rows)
    found = {(rule, "imaging_study.loinc_code"): count for rule, count in uncoded.items()}
    found |= _unread(rows) | {(_GAP, "imaging_series.n_missing_slices"): _gaps(series)}
    return Imaging(studies, series, _instances(instances), conflicts, found)


def _terms(instances: Rows) -> dict[str, pa.Table]:
    """Give the term of each distinct spelling, by the column that it is for."""
    spellings = query(_SPELLINGS, spelt=instances)
    made = {}
    for name, term_of in TERMS.items():
        texts = spellings.filter(pc.equal(spellings["name"], name))["spelling"].drop_null().to_pylist()
        terms = pa.array([term_of(text) for text in texts], pa.string())
        made[name] = pa.table({"spelling": pa.array(texts, pa.string()), "term": terms})
    return made


def _series(rows: View, facts: pa.Table) -> pa.Table:
    table = query(_SERIES, instances=rows)
    table = table.append_column("series_sha256", series_digests(rows)["series_sha256"])
    volumes = volumes_of(rows, table)
    for name in volumes.schema.names[1:]:
        table = table.append_column(name, volumes[name])
    for name in SERIES_FACTS[1:]:
        table = table.append_column(name, facts[name])
    return table.append_column("modality", table["first_modality"])


def _unread(rows: View) -> dict[tuple[str, str], int]:
    """Count the series whose header has a spelling that stands for no term."""
    (counts,) = query(_UNREAD, instances=rows).to_pylist()
    return {(_RULES[name], f"imaging_series.{name}"): count for name, count in counts.items()}


def _gaps(series: pa.Table) -> int:
    """Count the series of CT in which slices are missing."""
    is_gap = pc.and_(pc.greater(series["n_missing_slices"], 0), pc.equal(series["modality"], "CT"))
    count: int = pc.sum(is_gap, min_count=0).as_py()
    return count


def _instances(instances: Rows) -> View:
    """Give the canonical rows of instances, sorted, without holding them."""
    made = {"size": "size_bytes", "media_type": "'application/dicom'"}
    quoted = {name: f'"{name}"' for name in BATCH_FORM.schema.names}
    columns = ", ".join(f"{made.get(name, own)} AS {own}" for name, own in quoted.items())
    return View(f"SELECT {columns} FROM settled ORDER BY sop_uid", {"settled": instances})  # noqa: S608 -- columns of a schema
