"""From the tables of a collection to those of a release: guids, keys, access and history are added, rows are sorted."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from tasks.release.uuids import instance_uuid, series_uuid

COMMIT = "_COMMIT.json"
ROWS_AT_ONCE = 1 << 16
ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "subject": ("subject_id",),
    "clinical_event": ("subject_id", "event_id"),
    "test_result": ("subject_id", "test_id"),
    "condition": ("subject_id", "condition_id"),
    "measurement": ("subject_id", "measurement_id"),
    "medication": ("subject_id", "medication_id"),
    "imaging_study": ("subject_id", "study_uid"),
    "imaging_series": ("subject_id", "study_uid", "series_uid"),
    "imaging_instance": ("subject_id", "study_uid", "series_uid", "sop_uid"),
    "change_log": ("entity", "entity_id"),
    "lineage": ("entity", "entity_id", "field"),
    "release": ("release_version",),
    "withdrawals": ("subject_id", "study_uid", "series_uid", "guid"),
}
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
    def _has_doi_before(self) -> bool:
        return self.previous_version is not None and "{version}" in self.policy.doi

    @property
    def access_level(self) -> str:
        """Who may read its part of the release."""
        return SEQUESTERED if self.partition == SEQUESTERED else self.policy.access_level

    @property
    def about(self) -> About:
        """What its readers are told of it."""
        policy = self.policy
        web = policy.partition.web_address if self.partition == SEQUESTERED else policy.web_address
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
            doi=policy.doi.replace("{version}", self.version),
            previous_doi=policy.doi.replace("{version}", self.previous_version or "") if self._has_doi_before else "",
            concept_doi=policy.concept_doi,
            access_level=self.access_level,
            guid_prefix=policy.guid_prefix,
            address=self.address,
            web_address=web.rstrip("/"),
        )


@dataclass(frozen=True, slots=True)
class Before:
    """The release before: its tables (none, if this is the first) and the digests of all that it holds."""

    tables: Mapping[str, pa.Table]
    digests: Digests


def release_tables(collection: Mapping[str, pa.Table], edition: Edition, now: Digests, before: Before) -> Tables:
    """Give the tables of a release but its own row and its change log.

    Parameters
    ----------
    now
        The digests of the collection.
    """
    tables: Tables = {}
    for name, rows in collection.items():
        columns = {column: rows[column] for column in rows.schema.names}
        if name == "imaging_instance":
            columns |= _addresses(rows, edition) | _access(rows.num_rows, edition)
            columns["release_added"] = _carried(columns["guid"], before.tables.get(name), "release_added", edition)
        if name == "subject":
            columns["partition"] = constant(edition.partition, rows.num_rows)
        if name in _OF_ENTITY:
            columns |= _history(name, rows, edition, (now, before))
        tables[name] = in_form(CANONICAL[name], columns)
    return tables


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
    uuids, keys = [], []
    for serieses, sops, digests in _columns(rows, ("series_uid", "sop_uid", "sha256")):
        made = [instance_uuid(sop, sha256) for sop, sha256 in zip(sops, digests, strict=True)]
        uuids.append(pa.array(made, pa.string()))
        folders = map(series_uuid, serieses)
        keys.append(pa.array([data_key(*names) for names in zip(folders, made, strict=True)], pa.string()))
    key = pa.chunked_array(keys, pa.string())
    guid = pc.binary_join_element_wise(edition.policy.guid_prefix, pa.chunked_array(uuids, pa.string()), "/")
    return {"guid": guid, "key": key, "urls": _urls(key, edition.about)}


def _urls(key: pa.ChunkedArray, about: About) -> pa.Array:
    """Give a list with a url for each address of each key; an empty one if no address is to be told."""
    roots = [root for root in (about.address, about.web_address) if root]
    if not roots:
        return pa.array([[]], LIST_OF_STRINGS).take(pa.array(np.zeros(len(key), np.int32)))
    keys = key.combine_chunks().take(pa.array(np.repeat(np.arange(len(key)), len(roots))))
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


def _columns(table: pa.Table, names: tuple[str, ...]) -> Iterator[tuple[list[str], ...]]:
    """Give some columns as lists, many rows at a time."""
    for batch in table.select(list(names)).to_batches(max_chunksize=ROWS_AT_ONCE):
        yield tuple(column.to_pylist() for column in batch.columns)


def _carried(guids: pa.Array, previous: pa.Table | None, column: str, edition: Edition) -> pa.Array:
    """Give what the release before says of the same guids; this version where it does not know them."""
    if previous is None:
        return constant(edition.version, len(guids))
    places = pc.index_in(guids, value_set=previous["guid"].combine_chunks())
    return pc.fill_null(previous[column].take(places), edition.version)


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
    return table.replace_schema_metadata(
        {
            "table": name,
            "description": CANONICAL[name].description,
            "collection": edition.policy.collection,
            "license": edition.policy.license,
            "release": edition.version,
            "commit": release_key(edition.version, COMMIT),
            "config_digest": edition.policy.digest,
            "schema_digest": schema_digest(CANONICAL[name].schema),
            "generator": f"imaging-curation {VERSION}",
        }
    )
