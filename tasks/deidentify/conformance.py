"""Finished objects held beside their sources by an independent program: one of a series, every kind of object first."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from tasks.context import BatchContext
from tasks.dicom.archives import unpack
from tasks.dicom.conformance import new_errors, verifier
from tasks.layout import object_key

RULE = "DE-CONFORMANCE"
_AT_ONCE = 2
_BETWEEN = "!"  # an archive and its member
_SAMPLE = """
WITH firsts AS (
    SELECT series_uid, source_id, ledger.sha256, source, source_bytes,
           row_number() OVER (PARTITION BY sop_class_uid, transfer_syntax_uid, manufacturer_raw, manufacturer_model
                              ORDER BY source_id) AS number
    FROM instances JOIN ledger USING (source_id) JOIN sources USING (source_id)
    WHERE status = 'released-candidate'
    QUALIFY row_number() OVER (PARTITION BY series_uid ORDER BY source_id) = 1)
SELECT series_uid, sha256, source FROM firsts WHERE source_bytes <= $max_bytes ORDER BY number, source_id
LIMIT $max_series
"""


@dataclass(frozen=True, slots=True)
class Conformance:
    """How many objects were held beside their sources, of how many nothing can be told, and series with new errors."""

    checked: int = 0
    undecided: int = 0
    series: tuple[str, ...] = ()


def conformance_of(merged: Mapping[str, pa.Table], context: BatchContext) -> Conformance:
    """Hold a sample of a batch's candidates beside their sources.

    Parameters
    ----------
    merged
        The tables ledger, instances and sources of all shards.

    Returns
    -------
    Conformance
        Nothing checked where the program is not installed.

    Raises
    ------
    StoreError
        If an object cannot be had.
    """
    program = verifier()
    if program is None:
        return Conformance()
    sample = _sample(merged, context)
    with ThreadPoolExecutor(_AT_ONCE) as checkers:
        found = list(checkers.map(lambda row: _new_errors(row[1], row[2], program, context), sample))
    decided = [(series, errors) for (series, _, _), errors in zip(sample, found, strict=True) if errors is not None]
    broken = sorted({series for series, errors in decided if errors})
    return Conformance(len(decided), len(sample) - len(decided), tuple(broken))


def _sample(merged: Mapping[str, pa.Table], context: BatchContext) -> Sequence[tuple[str, str, str]]:
    limits = context.settings.conformance
    with duckdb.connect() as database:
        for name in ("ledger", "instances", "sources"):
            database.register(name, merged[name])
        found: list[tuple[str, str, str]] = database.execute(_SAMPLE, limits.model_dump()).fetchall()
    return found


def _new_errors(sha256: str, source: str, program: str, context: BatchContext) -> int | None:
    content = _source_of(source, context)
    return None if content is None else new_errors(content, context.work.read(object_key(sha256)), program)


def _source_of(source: str, context: BatchContext) -> bytes | None:
    """Give the source of an object, also out of its archive, or null if it is not there as it was."""
    for key in _keys(source):
        head = context.raw.head(key)
        if head is None or head.size_bytes > context.settings.conformance.max_bytes:
            continue
        content = context.raw.read(key)
        if key == source:
            return content
        members = unpack(key, content, context.settings.archive)
        return next((member.content for member in members if member.name == source), None)
    return None


def _keys(source: str) -> Iterator[str]:
    """Give the keys under which a source, or the archive that it came in, may lie."""
    while source:
        yield source
        source = source.rpartition(_BETWEEN)[0]
