"""What one release holds that another does not, or holds otherwise, whichever came first."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tasks.release.change_log import change_log, entity_digests, held_entities
from tasks.release.nodes import as_text, header, separated
from tasks.release.reading import fetched_tables
from tasks.release.rows import OnDisk, Rows, batches_of
from tasks.release.selection import RELEASED
from tasks.store import ReadOnlyStore

COLUMNS = ("entity", "entity_id", "change", "old_digest", "new_digest")


def differences(release: ReadOnlyStore, older: str, newer: str, folder: Path) -> OnDisk:
    """Write a row for each subject, study, series and instance that differs to a file, sorted by entity and id.

    Parameters
    ----------
    folder
        Takes the file, and those of the two releases.

    Returns
    -------
    OnDisk
        The columns of a change log; change is added, changed or withdrawn, from `older` to `newer`.

    Raises
    ------
    VerificationError
        If there is no such release, or a table is not what the release states.
    """
    now, before = (entity_digests(fetched_tables(release, version, RELEASED, folder)) for version in (newer, older))
    return change_log(newer, (now, before), held_entities({}, ()), folder / "differences.parquet")


def as_tsv(rows: Rows) -> Iterator[bytes]:
    """Give differences as tab-separated values."""
    yield header(COLUMNS)
    for batch in batches_of(rows, COLUMNS):
        yield from separated(as_text(pa.Table.from_batches([batch]), COLUMNS))
