"""A release in bytes: tables, manifests, the report of its gates, and the commit that binds them."""

import hashlib
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from config.version import VERSION
from expectations.schemas.catalog import CANONICAL
from tasks.layout import release_key
from tasks.release.commit import Prepared
from tasks.release.manifests import manifests
from tasks.release.model import AcceptedBatch, Collection, Commit, ReleasedFile
from tasks.release.reading import table_key
from tasks.release.report import GATE_REPORT, report_files, report_of
from tasks.release.tables import Edition, in_form, schema_digest, with_origin
from tasks.store.content import sha256_of
from tasks.store.parquet import write_table


def rendered(
    tables: Mapping[str, pa.Table], edition: Edition, collection: Collection, batches: Sequence[AcceptedBatch]
) -> Prepared:
    """Give a release in the bytes in which it is published.

    Parameters
    ----------
    tables
        All tables but `release`.
    collection
        What the release was made of; it tells what was held and found, with the figures of its gates.
    """
    instances = tables["imaging_instance"]
    files = {
        release_key(edition.version, name): content for name, content in manifests(instances, edition.address).items()
    }
    counts = release_counts(tables)
    title = f"{edition.policy.title} {edition.version}"
    for name, content in report_files(title, report_of(collection), counts).items():
        files[release_key(edition.version, name)] = content
    for name, table in tables.items():
        files[table_key(edition.version, name)] = write_table(with_origin(table, name, edition))
    root = root_digest(_released(files))
    own = in_form(CANONICAL["release"], _own_row(edition, counts, root))
    files[table_key(edition.version, "release")] = write_table(with_origin(own, "release", edition))
    commit = Commit(
        release_version=edition.version,
        previous_version=edition.previous_version,
        collection=edition.policy.collection,
        license=edition.policy.license,
        address=edition.address,
        root_digest=root,
        files=_released(files),
        counts=counts,
        held=collection.held_instances,
        batches={batch.name: batch.run for batch in batches},
        pipeline_version=VERSION,
        config_digest=edition.policy.digest,
        schema_digests={name: schema_digest(CANONICAL[name].schema) for name in sorted([*tables, "release"])},
    )
    return Prepared(commit, files, instances)


def _released(files: Mapping[str, bytes]) -> tuple[ReleasedFile, ...]:
    return tuple(ReleasedFile(key, len(content), sha256_of(content)) for key, content in sorted(files.items()))


def root_digest(files: Sequence[ReleasedFile]) -> str:
    """Give the digest of all that a release holds: SHA-256 over the sorted lines ``<sha256>  <key>`` of its files.

    The release table states it, and so is not among the files; the manifest among them states the objects' digests.
    """
    lines = sorted(f"{file.sha256}  {file.key}\n" for file in files)
    return sha256_of("".join(lines).encode("ascii"))


def release_counts(tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Count what a release holds."""
    return {
        "n_subjects": tables["subject"].num_rows,
        "n_studies": tables["imaging_study"].num_rows,
        "n_series": tables["imaging_series"].num_rows,
        "n_instances": tables["imaging_instance"].num_rows,
        "n_bytes": int(pc.sum(tables["imaging_instance"]["size"]).as_py() or 0),
    }


def _own_row(edition: Edition, counts: Mapping[str, int], root: str) -> dict[str, pa.Array]:
    digests = [schema_digest(table.schema) for table in CANONICAL.values()]
    row = dict(counts) | {
        "release_version": edition.version,
        "previous_version": edition.previous_version,
        "created_at": None,
        "root_digest": root,
        "pipeline_version": VERSION,
        "config_digest": edition.policy.digest,
        "dictionary_version": hashlib.sha256("".join(digests).encode()).hexdigest(),
        "doi": None,
        "license": edition.policy.license,
        "gate_report_key": release_key(edition.version, GATE_REPORT),
        "status": "published",
    }
    return {field.name: pa.array([row[field.name]], field.type) for field in CANONICAL["release"].schema}
