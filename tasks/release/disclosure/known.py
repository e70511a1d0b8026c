"""What the private prefix knows of who the subjects of a release are: needles, old identifiers, names of raw objects.

It is opened here, one batch at a time, and never kept: what leaves this package are counts.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from config.keys import KeyRing, load_key_ring
from config.settings import Settings
from expectations.schemas.catalog import CANONICAL
from tasks.errors import MissingKeyError
from tasks.identifiers.needle import Kind, Needle
from tasks.identifiers.sealing import opened_needles
from tasks.layout import BatchLayout, raw_prefix
from tasks.release.model import AcceptedBatch
from tasks.release.query import column, number
from tasks.release.rows import OnDisk, Rows, batches_of, together
from tasks.store import ReadOnlyStore
from tasks.store.files import fetch

SHORTEST = 6  # shorter identifiers are also counts, sizes and words
SHORTEST_WORD = 12  # of those without a digit
_OF_PERSONS: Final = "SELECT id_old FROM crosswalk WHERE kind <> 'instance' AND id_old <> id_new ORDER BY id_old"
_OLD: Final = """
SELECT count(*) FROM instances SEMI JOIN (SELECT id_old FROM crosswalk WHERE kind = 'instance' AND id_old <> id_new)
ON sop_uid = id_old
"""
_OURS = pa.array([*CANONICAL, *(name for table in CANONICAL.values() for name in table.schema.names)], pa.string())


@dataclass(frozen=True, slots=True)
class Known:
    """Access to what some batches know; nothing is read before it is asked for.

    `folder` takes the files of what is too much to be held in memory.
    """

    work: ReadOnlyStore
    settings: Settings
    batches: Sequence[AcceptedBatch]
    folder: Path

    def needles(self) -> Iterator[tuple[str, frozenset[Needle]]]:
        """Give subjects and needles, a subject as often as a batch has a set of them.

        Raises
        ------
        ConfigError
            If there are needles and no key ring is named.
        VerificationError
            If the key ring does not open them.
        """
        for batch in self.batches:
            rows = self._private(batch, "needles")
            ring = load_key_ring(self.settings.key_ring) if rows and rows.num_rows else None
            if rows is None or ring is None:
                continue
            for part in batches_of(rows, ["subject_id", "sealed"], 1024):
                for row in part.to_pylist():
                    yield row["subject_id"], opened_needles(ring, row["sealed"], about=row["subject_id"])

    def identifiers(self) -> pa.Array:
        """Give all that named a person, a study or a series in a source, in small letters, once each.

        With them come the folders of raw objects, the names of clinical tables, and the keys of the ring. What is too
        short to mean anything wherever it stands, short words without a digit (such as unknown), our own names of
        tables and columns, and what stayed as it was, are left out.
        """
        found = [pa.array(self._secrets(), pa.string())]
        for batch in self.batches:
            crosswalk = self._private(batch, "crosswalk")
            if crosswalk is not None:
                found.append(column(_OF_PERSONS, crosswalk=crosswalk))
            folders = _unique(self._names(batch, "sources", "source", last=False))
            found.append(folders.filter(pc.match_substring_regex(folders, r"\pL")))  # a date is also a version of ours
            found.append(_unique(self._names(batch, "clinical-sources", "key", last=True)))
        texts = pc.unique(pc.utf8_lower(pa.chunked_array(found, pa.string())))
        length = pc.utf8_length(texts)
        is_number = pc.and_(pc.greater_equal(length, SHORTEST), pc.match_substring_regex(texts, "[0-9]"))
        means = pc.or_(is_number, pc.greater_equal(length, SHORTEST_WORD))
        return texts.filter(pc.and_not(means, pc.is_in(texts, value_set=_OURS)))

    def old_names(self) -> Iterator[pa.Array]:
        """Give the names of raw objects without their folders, in small letters, many at a time.

        Short numbers and our own names of tables and columns are left out: lineage has such words of its own.
        """
        for batch in self.batches:
            for found in self._names(batch, "sources", "source", last=True):
                names = pc.utf8_lower(found)
                is_short_number = pc.match_substring_regex(names, rf"^\d{{1,{SHORTEST - 1}}}$")
                yield names.filter(pc.invert(pc.or_(is_short_number, pc.is_in(names, value_set=_OURS))))

    def _names(self, batch: AcceptedBatch, table: str, name: str, *, last: bool) -> Iterator[pa.Array]:
        """Give the last parts of raw keys below their batch, or all the others, many at a time, once each of these."""
        rows = self._private(batch, table)
        for keys in batches_of(rows, [name]) if rows else ():
            below = pc.utf8_slice_codeunits(keys[name], len(raw_prefix(batch.site, batch.batch)))
            pattern = r"[^/]*$" if last else r"^.*/"
            kept = pc.extract_regex(below, rf"(?P<part>{pattern})").field("part")
            parts = kept if last else pc.list_flatten(pc.split_pattern(pc.unique(kept.drop_null()), "/"))
            yield pc.unique(parts.drop_null())

    def old_instances(self, sop_uids: Rows) -> int:
        """Count the instances whose SOP Instance UID is that of a source.

        Parameters
        ----------
        sop_uids
            Rows with `sop_uid`.
        """
        crosswalks = [rows for batch in self.batches if (rows := self._private(batch, "crosswalk"))]
        return number(_OLD, crosswalk=together(crosswalks), instances=sop_uids) if crosswalks else 0

    def _private(self, batch: AcceptedBatch, name: str) -> OnDisk | None:
        layout = BatchLayout(batch.site, batch.batch)
        path = self.folder / "known" / batch.name / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not path.exists():
                fetch(self.work, layout.private_run(batch.run, path.name), path)
        except MissingKeyError:
            return None
        return OnDisk((path,))

    def _secrets(self) -> list[str]:
        """Give the keys of the ring as they might be written."""
        return [
            text
            for key in _keys(self.settings)
            for text in (key.hex(), base64.b64encode(key).decode().lower().rstrip("="))
        ]


def _unique(parts: Iterable[pa.Array]) -> pa.Array:
    found = pa.array([], pa.string())
    for part in parts:
        found = pc.unique(pa.concat_arrays([found, part]))
    return found


def _keys(settings: Settings) -> list[bytes]:
    ring: KeyRing | None = load_key_ring(settings.key_ring) if settings.key_ring else None
    return list(ring.keys.values()) if ring else []


def telling(needles: frozenset[Needle], *, words: bool) -> list[Needle]:
    """Give the needles to search a text for: all but UIDs, or identifiers alone where words are not a person's."""
    kinds = {Kind.NAME, Kind.IDENTIFIER, Kind.CONTACT, Kind.DATE} if words else {Kind.IDENTIFIER}
    return [needle for needle in needles if needle.kind in kinds]
