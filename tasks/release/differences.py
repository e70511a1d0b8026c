"""What one release holds that another does not, or holds otherwise, whichever came first."""

from collections.abc import Iterator

import pyarrow as pa

from tasks.release.change_log import change_log, entity_digests, held_entities
from tasks.release.nodes import as_text, separated
from tasks.release.reading import committed, open_tables
from tasks.release.selection import RELEASED
from tasks.store import ReadOnlyStore

COLUMNS = ("entity", "entity_id", "change", "old_digest", "new_digest")


def differences(release: ReadOnlyStore, older: str, newer: str) -> pa.Table:
    """Give a row for each subject, study, series and instance that differs, sorted by entity and id.

    Returns
    -------
    pa.Table
        entity, entity_id, change (added, changed or withdrawn, from `older` to `newer`), old_digest and new_digest.

    Raises
    ------
    VerificationError
        If there is no such release, or a table is not what the release states.
    """
    now, before = (entity_digests(open_tables(release, version, RELEASED)) for version in (newer, older))
    made = pa.table(change_log(committed(release, newer).release_version, now, before, held_entities({}, ())))
    return made.select(list(COLUMNS)).sort_by([(name, "ascending") for name in COLUMNS[:2]])


def as_tsv(rows: pa.Table) -> Iterator[bytes]:
    """Give differences as tab-separated values."""
    return separated(as_text(rows, rows.schema.names))
