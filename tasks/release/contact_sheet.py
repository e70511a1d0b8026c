"""A sheet with one image of each of a few series, so that people see what they would download."""

import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.dicom.thumbnail import thumbnail
from tasks.layout import object_key
from tasks.release.query import query
from tasks.release.rows import Rows, sampled
from tasks.store import ReadOnlyStore

ACROSS, DOWN = 4, 3
SIDE = 160
GAP = 4
CHECKED: Final = ("checked_clean", "redacted")  # of deid_pixel: nothing was found, or it was blacked out
_SERIES: Final = f"""
SELECT subject_id, study_uid, series_uid FROM instances GROUP BY subject_id, study_uid, series_uid
HAVING bool_and(deid_pixel IN {CHECKED}) ORDER BY subject_id, study_uid, series_uid
"""  # noqa: S608 -- constants
_MIDDLE: Final = """
SELECT sha256 FROM (
    SELECT subject_id, study_uid, series_uid, sha256, count(*) OVER (PARTITION BY series_uid) AS n,
           row_number() OVER (PARTITION BY series_uid ORDER BY instance_number, sha256) AS place
    FROM instances SEMI JOIN chosen USING (series_uid))
WHERE place = n // 2 + 1 ORDER BY subject_id, study_uid, series_uid
"""
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def contact_sheet(work: ReadOnlyStore, instances: Rows) -> bytes | None:
    """Give the sheet as PNG: the middle instance of series spread evenly over the release; None if none shows.

    A series is shown only if what its pixels say was looked at in all of its instances: this picture is seen by people
    who download nothing, and copied further than any file.

    Parameters
    ----------
    work
        The store in which the objects lie under their digests.
    instances
        The table `imaging_instance`.
    """
    chosen = sampled(query(_SERIES, instances=instances), ACROSS * DOWN, ["series_uid"])
    middle = query(_MIDDLE, instances=instances, chosen=chosen)["sha256"].to_pylist()
    shown = [picture for sha256 in middle if (picture := thumbnail(work.read(object_key(sha256)), SIDE)) is not None]
    return png(_sheet(shown)) if shown else None


def _sheet(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    down = -(-len(pictures) // ACROSS)
    sheet = np.full((down * (SIDE + GAP) + GAP, ACROSS * (SIDE + GAP) + GAP), 96, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = (GAP + part * (SIDE + GAP) for part in divmod(place, ACROSS))
        sheet[top : top + SIDE, left : left + SIDE] = picture
    return sheet


def png(grey: NDArray[np.uint8]) -> bytes:
    """Give a grey picture as PNG (ISO/IEC 15948), without a time or any other text."""
    rows, columns = grey.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    lines = np.zeros((rows, columns + 1), np.uint8)  # each line begins with its filter, 0 for none
    lines[:, 1:] = grey
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
