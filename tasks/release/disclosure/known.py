"""What the private prefix knows of who the subjects of a release are: needles, old identifiers, names of raw objects.

It is opened here, one batch at a time, and never kept: what leaves this package are counts.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from config.keys import KeyRing, load_key_ring
from config.settings import Settings
from expectations.schemas.catalog import CANONICAL
from tasks.identifiers.needle import Kind, Needle
from tasks.identifiers.sealing import opened_needles
from tasks.layout import BatchLayout, raw_prefix
from tasks.release.model import AcceptedBatch
from tasks.store import ReadOnlyStore
from tasks.store.parquet import read_table

SHORTEST = 6  # shorter identifiers are also counts, sizes and words
SHORTEST_WORD = 12  # of those without a digit
INSTANCE = "instance"
_OURS = pa.array([*CANONICAL, *(name for table in CANONICAL.values() for name in table.schema.names)], pa.string())


@dataclass(frozen=True, slots=True)
class Known:
    """Access to what some batches know; nothing is read before it is asked for."""

    work: ReadOnlyStore
    settings: Settings
    batches: Sequence[AcceptedBatch]

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
            ring = load_key_ring(self.settings.key_ring) if rows is not None and rows.num_rows else None
            if rows is None or ring is None:
                continue
            for part in rows.select(["subject_id", "sealed"]).to_batches(max_chunksize=1024):
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
                replaced = pc.not_equal(crosswalk["id_old"], crosswalk["id_new"])
                kept = pc.and_(pc.not_equal(crosswalk["kind"], INSTANCE), replaced)
                found += crosswalk["id_old"].filter(kept).chunks
            folders = self._names(batch, "sources", "source", last=False)
            found.append(folders.filter(pc.match_substring_regex(folders, r"\pL")))  # a date is also a version of ours
            found.append(self._names(batch, "clinical-sources", "key", last=True))
        texts = pc.unique(pc.utf8_lower(pa.chunked_array(found, pa.string())))
        length = pc.utf8_length(texts)
        is_number = pc.and_(pc.greater_equal(length, SHORTEST), pc.match_substring_regex(texts, "[0-9]"))
        means = pc.or_(is_number, pc.greater_equal(length, SHORTEST_WORD))
        return texts.filter(pc.and_not(means, pc.is_in(texts, value_set=_OURS)))

    def old_names(self) -> Iterator[pa.Array]:
        """Give the names of raw objects without their folders, in small letters, one batch at a time.

        Short numbers and our own names of tables and columns are left out: lineage has such words of its own.
        """
        for batch in self.batches:
            names = pc.utf8_lower(self._names(batch, "sources", "source", last=True))
            is_short_number = pc.match_substring_regex(names, rf"^\d{{1,{SHORTEST - 1}}}$")
            yield names.filter(pc.invert(pc.or_(is_short_number, pc.is_in(names, value_set=_OURS))))

    def _names(self, batch: AcceptedBatch, table: str, column: str, *, last: bool) -> pa.Array:
        """Give the last parts of raw keys below their batch, or all the others, once each."""
        rows = self._private(batch, table)
        if rows is None:
            return pa.array([], pa.string())
        below = pc.utf8_slice_codeunits(rows[column], len(raw_prefix(batch.site, batch.batch)))
        pattern = r"[^/]*$" if last else r"^.*/"
        kept = pc.extract_regex(below, rf"(?P<part>{pattern})").combine_chunks().field("part")
        parts = kept if last else pc.list_flatten(pc.split_pattern(pc.unique(kept.drop_null()), "/"))
        return pc.unique(parts.drop_null())

    def old_instances(self) -> Iterator[pa.Array]:
        """Give the SOP Instance UIDs of the sources, one batch at a time."""
        for batch in self.batches:
            rows = self._private(batch, "crosswalk")
            if rows is not None:
                kept = pc.and_(pc.equal(rows["kind"], INSTANCE), pc.not_equal(rows["id_old"], rows["id_new"]))
                yield rows["id_old"].filter(kept).combine_chunks()

    def _private(self, batch: AcceptedBatch, name: str) -> pa.Table | None:
        layout = BatchLayout(batch.site, batch.batch)
        found = self.work.read_versioned(layout.private_run(batch.run, f"{name}.parquet"))
        return read_table(found[0]) if found else None

    def _secrets(self) -> list[str]:
        """Give the keys of the ring as they might be written."""
        return [
            text
            for key in _keys(self.settings)
            for text in (key.hex(), base64.b64encode(key).decode().lower().rstrip("="))
        ]


def _keys(settings: Settings) -> list[bytes]:
    ring: KeyRing | None = load_key_ring(settings.key_ring) if settings.key_ring else None
    return list(ring.keys.values()) if ring else []


def telling(needles: frozenset[Needle], *, words: bool) -> list[Needle]:
    """Give the needles to search a text for: all but UIDs, or identifiers alone where words are not a person's."""
    kinds = {Kind.NAME, Kind.IDENTIFIER, Kind.CONTACT, Kind.DATE} if words else {Kind.IDENTIFIER}
    return [needle for needle in needles if needle.kind in kinds]
