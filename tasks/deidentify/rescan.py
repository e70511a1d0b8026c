"""Finished objects searched again for what became known of their subject only later, in other objects or in tables."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydicom.dataset import FileDataset

from config.settings import ObjectLimits
from tasks.context import BatchContext
from tasks.deidentify.charsets import ASCII
from tasks.deidentify.pooling import Needles, Pool, searched_for
from tasks.deidentify.residual import found_in_header, found_in_pixels
from tasks.deidentify.screening import PIXEL_TAGS
from tasks.deidentify.values import codecs_in
from tasks.dicom.reading import read_dataset
from tasks.dicom.silence import silenced
from tasks.identifiers.needle import Needle
from tasks.layout import object_key
from tasks.model import Status

log = logging.getLogger(__name__)

READERS = 4  # objects in memory at a time
Hits = Mapping[str, Counter[str]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that may be released: where its bytes are, and whose they are."""

    source_id: str
    subject_id: str
    sha256: str


def candidates_in(ledger: pa.Table) -> list[Candidate]:
    """Give what a ledger lets pass."""
    passed = ledger.filter(pc.equal(ledger["status"], Status.RELEASED_CANDIDATE.value))
    return [Candidate(**row) for row in passed.select(["source_id", "subject_id", "sha256"]).to_pylist()]


def rescan(pools: Mapping[str, Pool], candidates: Iterable[Candidate], context: BatchContext) -> Hits:
    """Give the kinds of needles that were found late, by the source id of the object that holds them.

    Only objects that were not searched for all needles of their subject are read again, once each.

    Parameters
    ----------
    pools
        By subject (`tasks.deidentify.pooling.read_pools`).

    Raises
    ------
    StoreError
        If a finished object cannot be read.
    """
    by_source = {candidate.source_id: candidate for candidate in candidates}
    searches: dict[tuple[str, Needles], list[str]] = {}
    for subject, pool in sorted(pools.items()):
        for digest, needles, source in _searches(subject, pool, by_source, context):
            searches.setdefault((digest, needles), []).append(source)
    with ThreadPoolExecutor(READERS) as readers:
        found = list(readers.map(lambda search: _search(search[0], search[1], context), searches))
    hits = {
        source: Counter(needle.kind.value for needle in needles)
        for sources, needles in zip(searches.values(), found, strict=True)
        if needles
        for source in sources
    }
    log.info("searched %d finished objects again, %d hold what became known late", len(searches), len(hits))
    return hits


def _searches(
    subject: str, pool: Pool, by_source: Mapping[str, Candidate], context: BatchContext
) -> Iterator[tuple[str, Needles, str]]:
    """Give digest, needles and source id of every object of a subject that must be read again."""
    known, offset = pool.known, context.pseudonymizer.offset_days(subject)
    for late, sources in pool.late():
        needles = searched_for(late, known, context.profile, offset)
        for source in sources:
            if needles and source in by_source:
                yield by_source[source].sha256, needles, source


def _search(digest: str, needles: Needles, context: BatchContext) -> list[Needle]:
    return found_in_object(context.work.read(object_key(digest)), needles, context.settings.object)


def found_in_object(content: bytes, needles: Needles, limits: ObjectLimits) -> list[Needle]:
    """Give the needles that a finished object holds, in its header or as text in its pixels."""
    with silenced():
        dataset = read_dataset(content, limits)
        return list(_found(content, dataset, needles))


def _found(content: bytes, dataset: FileDataset, needles: Needles) -> Iterator[Needle]:
    header = content
    for tag in PIXEL_TAGS:
        pixels = dataset.get_item(tag).value if tag in dataset else b""
        if pixels:
            header = header.replace(pixels, b"\n", 1)
            yield from found_in_pixels(pixels, needles)
    yield from found_in_header(header, needles, codecs_in(dataset, ASCII))
