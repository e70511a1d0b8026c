"""Withdrawn objects that are kept: moved within their store to where its policy lets no reader."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from tasks.errors import KeyExistsError, MissingKeyError, VerificationError
from tasks.layout import HIDDEN, hidden_key
from tasks.release.query import query
from tasks.release.reading import current_version, every_commit, fetched_tables
from tasks.release.rows import INSTANCES
from tasks.store import ReadOnlyStore, Store

log = logging.getLogger(__name__)
_STATED = "SELECT key, sha256 FROM instances SEMI JOIN wanted USING (key) ORDER BY key"


def hide(release: Store, keys: Sequence[str]) -> None:
    """Copy objects to their hidden keys, on the server's side; the public ones are the caller's to remove.

    One whose bytes are not what its release states is not copied: that must not keep it, or another, within reach.
    """
    digests = _digests(release, keys)
    for key in keys:
        try:
            release.copy_from(release, key, hidden_key(key), sha256=digests[key])
        except (VerificationError, KeyExistsError):
            log.warning("a withdrawn object is not what its release states")
        except MissingKeyError:
            log.info("a withdrawn object was moved by another process")


def require_kept(release: ReadOnlyStore, keys: Sequence[str]) -> None:
    """Require that all of these objects stand at their hidden keys.

    Raises
    ------
    VerificationError
        If one does not.
    """
    listed = {stored.key for stored in release.list(HIDDEN)} if keys else set()
    absent = sum(hidden_key(key) not in listed for key in keys)
    if absent:
        raise VerificationError(
            f"{absent} withdrawn objects were damaged in {release.address}: they are out of reach, and were not kept",
            next_step=f"keep the originals of the work store, if they are needed, below {HIDDEN} yourself",
        )


def _digests(release: ReadOnlyStore, keys: Sequence[str]) -> Mapping[str, str]:
    """Give the SHA-256 of objects as the current release, or another one, states it."""
    found: dict[str, str] = {}
    wanted = set(keys)
    for commit in every_commit(release, current_version(release)):
        if not wanted:
            break
        with TemporaryDirectory(prefix="hide-") as folder:
            instances = fetched_tables(release, commit.release_version, [INSTANCES], Path(folder))[INSTANCES]
            mine = query(_STATED, instances=instances, wanted=pa.table({"key": sorted(wanted)}))
        found |= dict(zip(*(column.to_pylist() for column in mine.columns), strict=True))
        wanted -= found.keys()
    return found
