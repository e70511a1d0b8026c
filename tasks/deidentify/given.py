"""What a batch's clinical tables say of its patients, harvested before any object is looked at, and kept sealed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from config.keys import KeyRing
from expectations.schemas.pipeline import NEEDLES
from expectations.schemas.table import table_of
from tasks.context import BatchContext
from tasks.deidentify.needles import Given, text_needles
from tasks.deidentify.pooling import Row, read_pools, sealed_rows
from tasks.deidentify.table_needles import harvest_tables
from tasks.identifiers.needle import Kind, Needle
from tasks.store.parquet import read_table, write_table

NAME = "needles.parquet"
_DIGITS = 32
_AT_ONCE = 64  # subjects whose needles are open


class GivenNeedles(Mapping[str, Given]):
    """What is given by subject, opened when it is asked for; equal ones hold the same."""

    def __init__(self, rows: Sequence[Row], ring: KeyRing) -> None:
        self._rows = {str(row["subject_id"]): row for row in rows}
        self._ring = ring
        self._opened = lru_cache(maxsize=_AT_ONCE)(self._open)

    def _open(self, subject: str) -> Given:
        (pool,) = read_pools([self._rows[subject]], self._ring).values()
        return Given(pool.known, words_in(pool.known))

    def __getitem__(self, subject: str) -> Given:
        return self._opened(subject)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GivenNeedles) and self._rows == other._rows and self._ring == other._ring

    __hash__ = Mapping.__hash__


def words_in(needles: frozenset[Needle]) -> frozenset[str]:
    """Give the words of the names and identifiers among needles, for text that is cleaned word by word."""
    named = (needle.text for needle in needles if needle.kind in (Kind.NAME, Kind.IDENTIFIER))
    return frozenset(word for text in named for word in text_needles(text))


def keep_given(keys: Sequence[str], context: BatchContext) -> str:
    """Harvest clinical tables and keep what they say under a digest of it; gives the digest, empty for nothing.

    Parameters
    ----------
    keys
        The tables in the raw store.

    Raises
    ------
    StoreError
        If a table cannot be had from the raw store.
    """
    harvested = harvest_tables(keys, context)
    rows = sealed_rows({(subject, needles): list[str]() for subject, needles in harvested.items()}, context.ring)
    if not rows:
        return ""
    digest = hashlib.sha256(b"".join(row["subject_id"].encode() + row["sealed"] for row in rows)).hexdigest()[:_DIGITS]
    context.work.create(_key(context, digest), write_table(table_of(NEEDLES, rows)))
    return digest


def read_given(context: BatchContext, digest: str) -> list[Row]:
    """Give the rows that `keep_given` kept, in the form of `NEEDLES`.

    Raises
    ------
    StoreError
        If they are gone.
    """
    rows: list[Row] = read_table(context.work.read(_key(context, digest))).to_pylist() if digest else []
    return rows


def _key(context: BatchContext, digest: str) -> str:
    return context.layout.private_shard(f"tables-{digest}", NAME)
