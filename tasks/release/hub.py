"""The list of series by which a hub of several commons finds them: one row each, with what people search by."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

import pyarrow as pa

from tasks.release.model import About
from tasks.release.nodes import as_text, header, separated
from tasks.release.query import query

_FACTS: Final = pa.schema([(name, pa.string()) for name in ("collection", "commons", "license", "doi")])
NAME = "manifests/hub_series.tsv"
# What is asked of a commons for each series: ids, collection, commons, contributor, licence and modality, then DOI,
# descriptions, age as a whole number, sex as Female or Male, body part and vendor. An age over 89 is not told.
_STATEMENT: Final = """
    SELECT study_uid, series_uid, subject_id AS patient_id, about.collection AS collection_id,
           about.commons AS commons_name, site_id AS data_contributor, about.license, modality, about.doi,
           study_description_raw AS study_description, series_description,
           coalesce(age_at_study, age_at_index) AS age, CASE WHEN sex IN ('Female', 'Male') THEN sex END AS sex,
           coalesce(body_part, body_part_raw) AS body_part, coalesce(manufacturer, manufacturer_raw) AS vendor
    FROM imaging_series JOIN imaging_study USING (study_uid, subject_id) JOIN subject USING (subject_id), about
    ORDER BY subject_id, study_uid, series_uid
"""


def series_list(tables: Mapping[str, pa.Table], about: About) -> Iterator[bytes]:
    """Give the list as tab-separated values; what is not known is empty."""
    facts = {name: [getattr(about, name) or None] for name in _FACTS.names}
    used = {name: tables[name] for name in ("subject", "imaging_study", "imaging_series")}
    rows = query(_STATEMENT, about=pa.table(facts, _FACTS), **used)
    names = rows.schema.names
    return chain([header(names)], separated(as_text(rows, names)))
