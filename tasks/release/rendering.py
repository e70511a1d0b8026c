"""A release in bytes: tables, manifests, the report of its gates, and the commit that binds them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time

import pyarrow as pa

from config.version import VERSION
from expectations.schemas.catalog import CANONICAL
from tasks.layout import release_key
from tasks.release.card import CONTACT_SHEET, card
from tasks.release.commit import Prepared
from tasks.release.gates import stop_at
from tasks.release.hub import NAME as SERIES_LIST
from tasks.release.hub import series_list
from tasks.release.manifests import bytes_of, manifests
from tasks.release.metadata import metadata
from tasks.release.model import About, AcceptedBatch, Collection, Commit, ReleasedFile
from tasks.release.nodes import node_files, node_findings, node_tables
from tasks.release.reading import table_name
from tasks.release.report import GATE_REPORT, report_files, report_of
from tasks.release.rows import INSTANCES, OnDisk
from tasks.release.staging import Staging
from tasks.release.tables import Edition, in_form, schema_digest, with_origin
from tasks.store.content import sha256_of


def rendered(
    tables: Mapping[str, pa.Table],
    edition: Edition,
    collection: Collection,
    batches: Sequence[AcceptedBatch],
    staging: Staging,
) -> Prepared:
    """Give a release in the bytes in which it is published.

    Parameters
    ----------
    tables
        All tables but `release`; what lies on disk says of itself already what it is.
    collection
        What the release was made of; it tells what was held and found.
    staging
        Where its files are written, and what else belongs to them.

    Raises
    ------
    GateError
        If a table of nodes holds what the commons' dictionary does not allow.
    """
    for name, table in tables.items():
        rows = table if isinstance(table, OnDisk) else with_origin(table, name, edition)
        staging.add_table(table_name(name), rows)
    for name, pieces in derived(tables, edition.about, staging.files):
        staging.add(name, pieces)
    counts = release_counts(tables)
    title = f"{edition.policy.title} {edition.version}"
    for name, content in report_files(title, report_of(collection), counts).items():
        staging.add(name, [content])
    root = root_digest(staging.files)
    own = in_form(CANONICAL["release"], _own_row(edition, counts, root))
    staging.add_table(table_name("release"), with_origin(own, "release", edition))
    commit = Commit(
        release_version=edition.version,
        previous_version=edition.previous_version,
        about=edition.about,
        root_digest=root,
        files=staging.files,
        counts=counts,
        held=collection.held_instances,
        batches={batch.name: batch.run for batch in batches},
        pipeline_version=VERSION,
        config_digest=edition.policy.digest,
        schema_digests={name: schema_digest(CANONICAL[name].schema) for name in sorted([*tables, "release"])},
    )
    return Prepared(commit, staging.folder, tables[INSTANCES])


def derived(
    tables: Mapping[str, pa.Table], about: About, files: Sequence[ReleasedFile]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give every file that says in another form what the tables say, by its name in the release.

    Parameters
    ----------
    files
        The files of the tables, and the contact sheet if there is one, at least.

    Raises
    ------
    GateError
        If a table of nodes holds what the commons' dictionary does not allow (rule R-NODES).
    """
    yield from manifests(tables[INSTANCES], about)
    nodes = node_tables(tables, about)
    stop_at(node_findings(nodes))
    yield from node_files(nodes)
    yield SERIES_LIST, series_list(tables, about)
    yield from metadata(about, files)
    has_sheet = release_key(about.release_version, CONTACT_SHEET) in {file.key for file in files}
    yield from card(tables, about, has_sheet=has_sheet)


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
        "n_instances": tables[INSTANCES].num_rows,
        "n_bytes": bytes_of(tables[INSTANCES]),
    }


def _own_row(edition: Edition, counts: Mapping[str, int], root: str) -> dict[str, pa.Array]:
    digests = [schema_digest(table.schema) for table in CANONICAL.values()]
    row = dict(counts) | {
        "release_version": edition.version,
        "previous_version": edition.previous_version,
        "created_at": _declared(edition),
        "root_digest": root,
        "pipeline_version": VERSION,
        "config_digest": edition.policy.digest,
        "dictionary_version": hashlib.sha256("".join(digests).encode()).hexdigest(),
        "doi": edition.about.doi or None,
        "license": edition.policy.license,
        "gate_report_key": release_key(edition.version, GATE_REPORT),
        "status": "published",
    }
    return {field.name: pa.array([row[field.name]], field.type) for field in CANONICAL["release"].schema}


def _declared(edition: Edition) -> datetime | None:
    day = edition.policy.published
    return datetime.combine(day, time(), UTC) if day else None
