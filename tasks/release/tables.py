"""From the tables of a collection to those of a release: guids, keys, access and history are added, rows are sorted."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.release import ReleasePolicy
from config.version import VERSION
from expectations.schemas.catalog import CANONICAL
from expectations.schemas.table import LIST_OF_STRINGS, Table
from tasks.layout import data_key, release_key
from tasks.release.change_log import Digests, changed_since
from tasks.release.model import OPEN, SEQUESTERED, About, Tables
from tasks.release.reading import COMMIT
from tasks.release.rows import INSTANCES, ORDER, OnDisk, Rows, alongside, batches_of
from tasks.release.uuids import instance_uuid, series_uuid
from tasks.store.parquet import write_batches

_OF_ENTITY: Final = {"subject": "subject", "imaging_series": "series"}


@dataclass(frozen=True, slots=True)
class Edition:
    """What makes this release this one.

    `address` is where its readers find it, or empty if that is no address to tell; `partition` is its part of the
    release.
    """

    version: str
    previous_version: str | None
    policy: ReleasePolicy
    address: str
    partition: str = OPEN

    @property
    def access_level(self) -> str:
        """Who may read its part of the release."""
        return SEQUESTERED if self.partition == SEQUESTERED else self.policy.access_level

    @property
    def about(self) -> About:
        """What its readers are told of it."""
        policy = self.policy
        own = policy.partition if self.partition == SEQUESTERED else policy
        doi = own.doi.replace("{version}", self.version)
        previous_doi = own.doi.replace("{version}", self.previous_version) if self.previous_version else ""
        return About(
            release_version=self.version,
            previous_version=self.previous_version,
            collection=policy.collection,
            title=policy.title,
            description=policy.description,
            license=policy.license,
            creators=policy.creators or (policy.publisher,),
            publisher=policy.publisher,
            commons=policy.commons,
            published=policy.published.isoformat() if policy.published else "",
            doi=doi,
            previous_doi=previous_doi if previous_doi != doi else "",
            concept_doi=own.concept_doi,
            access_level=self.access_level,
            guid_prefix=policy.guid_prefix,
            address=self.address,
            web_address=own.web_address.rstrip("/"),
        )


@dataclass(frozen=True, slots=True)
class Before:
    """The release before: its tables (none, if this is the first) and the digests of all that it holds."""

    tables: Mapping[str, pa.Table]
    digests: Digests


def release_tables(collection: Tables, edition: Edition, now: Digests, before: Before, path: Path) -> Tables:
    """Give the tables of a release but its own row and its change log.

    Parameters
    ----------
    collection
        Its instances are sorted.
    now
        The digests of the collection.
    path
        Of the file that takes the instances, as it is released.
    """
    tables: Tables = {}
    for name, rows in collection.items():
        if name == INSTANCES:
            tables[name] = _instances(rows, edition, before, path)
            continue
        columns: dict[str, Any] = {column: rows[column] for column in rows.schema.names}
        if name == "subject":
            columns["partition"] = constant(edition.partition, rows.num_rows)
        if name in _OF_ENTITY:
            columns |= _history(name, rows, edition, (now, before))
        tables[name] = in_form(CANONICAL[name], columns)
    return tables


def _instances(rows: Rows, edition: Edition, before: Before, path: Path) -> OnDisk:
    """Write the instances with addresses, access and history, some at a time."""
    form = CANONICAL[INSTANCES].schema
    pieces = (
        _addressed(pa.Table.from_batches([batch]), first, edition).select(form.names).cast(form)
        for batch, first in _with_first_releases(rows, edition, before.tables.get(INSTANCES))
    )
    write_batches((one for piece in pieces for one in piece.to_batches()), released_schema(INSTANCES, edition), path)
    return OnDisk((path,))


def _addressed(rows: pa.Table, first_releases: pa.Array, edition: Edition) -> pa.Table:
    added = _addresses(rows, edition) | _access(rows.num_rows, edition) | {"release_added": first_releases}
    for name, column in added.items():
        rows = rows.append_column(name, column)
    return rows


def in_form(table: Table, columns: Mapping[str, Any]) -> pa.Table:
    """Give sorted columns in the form of a canonical table."""
    arrays = [columns[name] for name in table.schema.names]
    unsorted = pa.Table.from_arrays(arrays, names=table.schema.names).cast(table.schema)
    return unsorted.sort_by([(name, "ascending") for name in ORDER[table.name]])


def constant(value: str | None, length: int) -> pa.Array:
    """Give a text column with one value."""
    return pa.array([value], pa.string()).take(pa.array(np.zeros(length, np.int32)))


def _addresses(rows: pa.Table, edition: Edition) -> dict[str, Any]:
    """Give guid, key and urls of every instance."""
    serieses, sops, digests = (rows[name].to_pylist() for name in ("series_uid", "sop_uid", "sha256"))
    uuids = [instance_uuid(sop, sha256) for sop, sha256 in zip(sops, digests, strict=True)]
    keys = [data_key(*names) for names in zip(map(series_uuid, serieses), uuids, strict=True)]
    key = pa.array(keys, pa.string())
    guid = pc.binary_join_element_wise(edition.policy.guid_prefix, pa.array(uuids, pa.string()), "/")
    return {"guid": guid, "key": key, "urls": _urls(key, edition.about)}


def _urls(key: pa.Array, about: About) -> pa.Array:
    """Give a list with a url for each address of each key; an empty one if no address is to be told."""
    roots = [root for root in (about.address, about.web_address) if root]
    if not roots:
        return pa.array([[]], LIST_OF_STRINGS).take(pa.array(np.zeros(len(key), np.int32)))
    keys = key.take(pa.array(np.repeat(np.arange(len(key)), len(roots))))
    root = pa.array(roots, pa.string()).take(pa.array(np.tile(np.arange(len(roots)), len(key))))
    urls = pc.binary_join_element_wise(root, keys, "/")
    offsets = pa.array(np.arange(len(key) + 1, dtype=np.int32) * len(roots))
    return pa.ListArray.from_arrays(offsets, urls, type=LIST_OF_STRINGS)


def _access(length: int, edition: Edition) -> dict[str, Any]:
    policy = edition.policy
    granting = policy.partition.authz if edition.partition == SEQUESTERED else policy.authz
    authz = pa.array([list(granting)], LIST_OF_STRINGS).take(pa.array(np.zeros(length, np.int32)))
    return {
        "access_level": constant(edition.access_level, length),
        "authz": authz,
        "license": constant(policy.license, length),
        "release_version": constant(edition.version, length),
    }


def _with_first_releases(
    rows: Rows, edition: Edition, previous: Rows | None
) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    """Give the rows and what the release before says of the same guids; this version where it does not know them."""
    if previous is None:
        yield from ((batch, constant(edition.version, len(batch))) for batch in batches_of(rows))
        return
    names = ["sop_uid", "sha256"]
    for batch, known in alongside(rows, previous, ORDER[INSTANCES], [*names, "guid", "release_added"]):
        mine = known.filter(pc.starts_with(known["guid"], f"{edition.policy.guid_prefix}/"))
        objects = [pc.binary_join_element_wise(*(one[name] for name in names), " ") for one in (batch, mine)]
        places = pc.index_in(objects[0], value_set=objects[1].combine_chunks())
        first = mine["release_added"].combine_chunks().take(places)
        yield batch, pc.fill_null(first, edition.version)


def _history(name: str, rows: pa.Table, edition: Edition, digests: tuple[Digests, Before]) -> dict[str, Any]:
    """Give first and last changing release of each subject or series, and how often a series' content changed."""
    now, before = digests
    key, entity = CANONICAL[name].key[0], _OF_ENTITY[name]
    previous = before.tables.get(name)
    if previous is None:
        first = last = constant(edition.version, rows.num_rows)
        return {"first_release": first, "last_changed_release": last, "series_version": _ones(rows.num_rows)}
    places = pc.index_in(rows[key], value_set=previous[key].combine_chunks())
    changed = changed_since(rows[key], now[entity], before.digests[entity])
    last = previous["last_changed_release"].take(places)
    columns = {
        "first_release": pc.fill_null(previous["first_release"].take(places), edition.version),
        "last_changed_release": pc.if_else(changed, edition.version, last),
    }
    if name == "imaging_series":
        old = previous["series_sha256"].take(places)
        replaced = pc.fill_null(pc.not_equal(rows["series_sha256"], old), fill_value=False)
        version = pc.fill_null(previous["series_version"].take(places), 1)
        columns["series_version"] = pc.add(version.cast(pa.int32()), replaced.cast(pa.int32()))
    return columns


def _ones(length: int) -> pa.Array:
    return pa.array(np.ones(length, np.int16))


def schema_digest(schema: pa.Schema) -> str:
    """Give the SHA-256 of a schema: names, types, nullability and what its columns say of themselves."""
    columns = [
        (field.name, _type(field.type), field.nullable, sorted((name.decode(), text.decode()) for name, text in notes))
        for field, notes in ((field, (field.metadata or {}).items()) for field in schema)
    ]
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()


def _type(kind: pa.DataType) -> str:
    """Name a type; what the item of a list is called is Parquet's affair."""
    if not pa.types.is_list(kind):
        return str(kind)
    return f"list<{kind.value_type}{'' if kind.value_field.nullable else ' not null'}>"


def with_origin(table: pa.Table, name: str, edition: Edition) -> pa.Table:
    """Give a table that says in its own metadata which release it belongs to and what made it; never when."""
    return table.replace_schema_metadata(released_schema(name, edition).metadata)


def released_schema(name: str, edition: Edition) -> pa.Schema:
    """Give the schema of a table of a release, with what the table says of itself."""
    form = CANONICAL[name].schema
    return form.with_metadata(
        {
            "table": name,
            "description": CANONICAL[name].description,
            "collection": edition.policy.collection,
            "license": edition.policy.license,
            "release": edition.version,
            "commit": release_key(edition.version, COMMIT),
            "config_digest": edition.policy.digest,
            "schema_digest": schema_digest(form),
            "generator": f"imaging-curation {VERSION}",
        }
    )
