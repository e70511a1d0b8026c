"""What earlier releases name and nobody may fetch any more: listed, taken away, and confirmed by listing."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from expectations.schemas.catalog import CANONICAL
from tasks.errors import VerificationError
from tasks.layout import series_folder, tombstone_key
from tasks.release.hiding import hide, require_kept
from tasks.release.query import column, query
from tasks.release.reading import committed, current_version, every_commit, fetched_tables, open_tables, table_files
from tasks.release.rows import INSTANCES
from tasks.release.tables import Edition, in_form
from tasks.release.uuids import series_uuid
from tasks.store import ReadOnlyStore, Store

NAME: Final = "withdrawals"
_INSTANCES = "guid, key, sop_uid, series_uid, study_uid, subject_id"
_MATCHED = f"""
WITH named AS (
    SELECT 1 AS breadth, withdrawn.entity, entity_id, reason, {_INSTANCES} FROM instances JOIN withdrawn
    ON withdrawn.entity = 'subject' AND instances.subject_id = entity_id
    UNION ALL
    SELECT 2, withdrawn.entity, entity_id, reason, {_INSTANCES} FROM instances JOIN withdrawn
    ON withdrawn.entity = 'study' AND instances.study_uid = entity_id
    UNION ALL
    SELECT 3, withdrawn.entity, entity_id, reason, {_INSTANCES} FROM instances JOIN withdrawn
    ON withdrawn.entity = 'series' AND instances.series_uid = entity_id)
SELECT * EXCLUDE (breadth) FROM named
QUALIFY row_number() OVER (PARTITION BY guid ORDER BY breadth, entity_id) = 1 ORDER BY guid
"""  # noqa: S608 -- constants
_NOT_KEPT = "SELECT series_uid FROM asked ANTI JOIN kept USING (series_uid) ORDER BY series_uid"


def withdrawals(release: ReadOnlyStore, edition: Edition, withdrawn: pa.Table, folder: Path) -> pa.Table:
    """Give the table of all objects of releases that stand which are withdrawn now.

    What the release before lists stays as it is listed.

    Parameters
    ----------
    withdrawn
        As from `tasks.release.withdrawn.read_withdrawn`.
    folder
        Takes the files of earlier releases.
    """
    form = CANONICAL[NAME]
    listed = listed_withdrawals(release, edition.previous_version)
    found = [form.schema.empty_table(), listed]
    known = listed["guid"].combine_chunks()
    for commit in every_commit(release, edition.previous_version) if withdrawn.num_rows else ():
        tables = fetched_tables(release, commit.release_version, [INSTANCES], folder)
        matched = query(_MATCHED, instances=tables[INSTANCES], withdrawn=withdrawn)
        new = matched.filter(pc.invert(pc.is_in(matched["guid"], value_set=known)))
        known = pa.concat_arrays([known, new["guid"].combine_chunks()])
        version = pa.repeat(pa.scalar(edition.version), new.num_rows)
        found.append(new.append_column("withdrawn_release", version).select(form.schema.names).cast(form.schema))
    whole = pa.concat_tables(found)
    return in_form(form, {name: whole[name] for name in whole.schema.names})


def listed_withdrawals(release: ReadOnlyStore, version: str | None) -> pa.Table:
    """Give the objects that a release says nobody may fetch; none if there is no release, or it has no such table."""
    form = CANONICAL[NAME].schema
    if version is None or NAME not in table_files(committed(release, version)):
        return form.empty_table()
    return open_tables(release, version, [NAME])[NAME].replace_schema_metadata(None).cast(form)


def take_away(release: Store, rows: pa.Table, *, objects: Literal["delete", "hide"] = "delete") -> int:
    """Leave a tombstone for every withdrawn object, take it away, and give how many objects were taken away now.

    An object that releases name by several guids has one row for each, and one tombstone, with the first of them.

    Parameters
    ----------
    objects
        Whether they are removed, or kept under ``withdrawn/``; what was taken away before stays as it is.

    Raises
    ------
    VerificationError
        If the store still lists one of them, or does not list one that is to be kept.
    """
    standing = standing_objects(release, rows)
    for key, row in {row["key"]: row for row in reversed(rows.to_pylist())}.items():
        release.create(tombstone_key(PurePosixPath(key).stem), _tombstone(row))
    if objects == "hide":
        hide(release, standing)
    for key in standing:
        release.delete(key)
    left = len(standing_objects(release, rows)) if standing else 0
    if left:
        raise VerificationError(
            f"{left} withdrawn objects are still listed in {release.address}",
            next_step="give the publisher the right to delete, then withdraw again",
        )
    if objects == "hide":
        require_kept(release, standing)
    return len(standing)


def standing_objects(release: ReadOnlyStore, rows: pa.Table) -> list[str]:
    """Give the keys of withdrawn objects that the store still lists, sorted."""
    keys = set(rows["key"].to_pylist())
    folders = sorted({f"{PurePosixPath(key).parent}/" for key in keys})
    return sorted(keys & {stored.key for folder in folders for stored in release.list(folder)})


def take_back(release: Store, series: Collection[str]) -> int:
    """Remove what builds that were not published have copied of withdrawn series; give how many objects that were.

    A series that the current release still has is left to the build that withdraws it; what it lists as withdrawn, to
    `take_away`.

    Parameters
    ----------
    series
        UIDs of series that are withdrawn.
    """
    current = current_version(release)
    listed = set(listed_withdrawals(release, current)["key"].to_pylist()) if series else set()
    found = {uid: [one.key for one in release.list(series_folder(series_uuid(uid)))] for uid in sorted(series)}
    left = {uid: keys for uid, keys in found.items() if not listed.issuperset(keys)}
    if left and current:
        with TemporaryDirectory(prefix="withdrawn-") as folder:
            kept = fetched_tables(release, current, [INSTANCES], Path(folder))[INSTANCES]
            gone = column(_NOT_KEPT, asked=pa.table({"series_uid": list(left)}), kept=kept).to_pylist()
        left = {uid: left[uid] for uid in gone}
    unlisted = {key for keys in left.values() for key in keys} - listed
    for key in unlisted:
        release.delete(key)
    return len(unlisted)


def _tombstone(row: Mapping[str, str]) -> bytes:
    content = {name: row[name] for name in ("guid", "reason", "withdrawn_release")}
    return (json.dumps(content, sort_keys=True, indent=1) + "\n").encode("ascii")
