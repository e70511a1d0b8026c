"""One digest per series over the digests of its instances: a long text for each, which is never in memory whole."""

import hashlib
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tasks.harmonize.query import Rows, View, streamed

_LINES = """
SELECT series_uid, chr(10) || sop_uid || ' ' || sha256 AS line FROM instances ORDER BY series_uid, sop_uid
"""


def series_digests(instances: Rows) -> pa.Table:
    """Give series_uid and series_sha256 of every series, sorted.

    The digest is the SHA-256 of the lines ``<sop_uid> <sha256>``, sorted, with a line feed between two.
    """
    uids: list[str] = []
    digests: list[str] = []
    with streamed(View(_LINES, {"instances": instances})) as batches:
        digest = hashlib.sha256()
        for uid, lines in _pieces(batches):
            if uids[-1:] == [uid]:
                digest.update(lines)
            else:
                digests.extend([digest.hexdigest()] if uids else [])
                uids.append(uid)
                digest = hashlib.sha256(lines[1:])
        digests.extend([digest.hexdigest()] if uids else [])
    return pa.table({"series_uid": pa.array(uids, pa.string()), "series_sha256": pa.array(digests, pa.string())})


def _pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, memoryview]]:
    """Give the lines of one series in one batch as one text, as they lie in memory."""
    for batch in batches:
        lines = batch["line"].cast(pa.string())
        _, offsets, data = lines.buffers()
        ends = pa.Array.from_buffers(pa.int32(), lines.offset + len(lines) + 1, [None, offsets])[lines.offset :]
        runs = pc.run_end_encode(batch["series_uid"].cast(pa.string()))
        starts = [0, *runs.run_ends.to_pylist()]
        for uid, first, last in zip(runs.values.to_pylist(), starts[:-1], starts[1:], strict=True):
            yield uid, memoryview(data)[ends[first].as_py() : ends[last].as_py()]
