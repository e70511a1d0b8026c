"""A sheet with one image of each of a few series, so that people see what they would download."""

import struct
import zlib
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.dicom.thumbnail import thumbnail
from tasks.layout import object_key
from tasks.release.commit import sampled
from tasks.store import ReadOnlyStore

ACROSS, DOWN = 4, 3
SIDE = 160
GAP = 4
CHECKED: Final = ("checked_clean", "redacted")  # of deid_pixel: nothing was found, or it was blacked out
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def contact_sheet(work: ReadOnlyStore, instances: pa.Table) -> bytes | None:
    """Give the sheet as PNG: the middle instance of series spread evenly over the release; None if none shows.

    A series is shown only if what its pixels say was looked at in all of its instances: this picture is seen by people
    who download nothing, and copied further than any file.

    Parameters
    ----------
    work
        The store in which the objects lie under their digests.
    instances
        The table `imaging_instance`, in its order.
    """
    series = _checked(instances)
    chosen = sampled(pa.table({"series_uid": series}), ACROSS * DOWN)["series_uid"].to_pylist()
    shown = [picture for uid in chosen if (picture := _middle(work, instances, uid)) is not None]
    return png(_sheet(shown)) if shown else None


def _checked(instances: pa.Table) -> pa.Array:
    """Give the series of which every instance was searched for text, in their order."""
    is_checked = pc.is_in(instances["deid_pixel"], value_set=pa.array(CHECKED))
    others = pc.unique(instances["series_uid"].filter(pc.invert(is_checked)))
    series = pc.unique(instances["series_uid"])
    return series.filter(pc.invert(pc.is_in(series, value_set=others)))


def _middle(work: ReadOnlyStore, instances: pa.Table, series_uid: str) -> NDArray[np.uint8] | None:
    mine = instances.select(["series_uid", "instance_number", "sha256"])
    rows = mine.filter(pc.equal(mine["series_uid"], series_uid)).sort_by(
        [("instance_number", "ascending"), ("sha256", "ascending")]
    )
    return thumbnail(work.read(object_key(rows["sha256"][rows.num_rows // 2].as_py())), SIDE)


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
