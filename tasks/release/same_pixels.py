"""Images that lie in the studies of two people of one release, also where each came in a batch of its own."""

from typing import Final

import pyarrow as pa

from tasks.release.query import query

RULE: Final = "I-DUP-PIXEL"
SHARED_PIXELS: Final = """
SELECT sop_uid FROM instances
WHERE pixel_sha256 IN (
    SELECT pixel_sha256 FROM instances WHERE pixel_sha256 IS NOT NULL
    GROUP BY pixel_sha256 HAVING min(subject_id) <> max(subject_id)
)
ORDER BY sop_uid
"""


def shared_pixels(instances: pa.Table) -> pa.Table:
    """Give the sop_uid of every instance whose pixels another subject has as well, in order.

    Parameters
    ----------
    instances
        With the columns subject_id, sop_uid and pixel_sha256, which is null where pixels prove nothing.
    """
    return query(SHARED_PIXELS, instances=instances)
