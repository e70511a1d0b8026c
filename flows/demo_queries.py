"""Three questions that a researcher would ask of a release, answered by DuckDB straight from the bucket."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import duckdb
from pyarrow import dataset, fs

from config.settings import Settings
from tasks.layout import release_key

TABLES = ("subject", "clinical_event", "imaging_study", "imaging_series", "imaging_instance")
QUERIES = {
    "Who is in the release?": """
        select site_id, sex, count(*) subjects, round(avg(age_at_index), 1) mean_age,
               count(*) filter (covid19_status = 'Positive') covid_positive
        from subject group by all order by all""",
    "Which images, and how big are they?": """
        select modality, manufacturer, count(*) series, sum(n_instances) instances,
               round(sum(n_bytes) / 1e6, 1) megabytes
        from imaging_series group by all order by all""",
    "Who was imaged during a hospital stay, and on which day of it?": """
        select s.subject_id, e.start_day stay_from, e.end_day stay_to, s.day - e.start_day day_of_stay, s.modalities,
               p.ever_icu, p.ever_ventilated
        from imaging_study s join clinical_event e using (subject_id) join subject p using (subject_id)
        where e.event_type = 'hospital_stay' and s.day between e.start_day and coalesce(e.end_day, s.day)
        order by all limit 8""",
}


def answers_from_bucket(settings: Settings, version: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give each question with its rows; the bucket is read by pyarrow's own S3 client, as a researcher would.

    Its credentials come from the usual places of the AWS tools.
    """
    bucket, filesystem = _bucket(settings)
    with duckdb.connect() as database:
        for name in TABLES:
            path = f"{bucket}/{release_key(version, f'tables/{name}.parquet')}"
            database.register(name, dataset.dataset(path, filesystem=filesystem))
        for question, query in QUERIES.items():
            yield question, database.sql(query).to_arrow_table().to_pylist()


def _bucket(settings: Settings) -> tuple[str, fs.FileSystem]:
    endpoint = urlsplit(settings.s3.endpoint_url or "")
    filesystem = fs.S3FileSystem(
        endpoint_override=endpoint.netloc or None, scheme=endpoint.scheme or "https", region=settings.s3.region
    )
    return settings.release.removeprefix("s3://"), filesystem
