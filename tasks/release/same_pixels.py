"""Images that lie in the studies of two people of one release, also where each came in a batch of its own."""

from typing import Final

import pyarrow as pa

from tasks.release.query import column, number
from tasks.release.rows import Rows

RULE: Final = "I-DUP-PIXEL"
# Equal digests have equal hashes; as many hashes as digests tell that none is repeated. A null has a hash as well.
_ARE_REPEATED: Final = """
SELECT count(*) - count(DISTINCT hash(pixel_sha256)) FROM instances WHERE pixel_sha256 IS NOT NULL
"""
_SHARED: Final = """
SELECT DISTINCT study_uid FROM instances SEMI JOIN (
    SELECT pixel_sha256 FROM instances WHERE pixel_sha256 IS NOT NULL
    GROUP BY pixel_sha256 HAVING min(subject_id) <> max(subject_id)) USING (pixel_sha256)
ORDER BY study_uid
"""


def studies_of_shared_pixels(instances: Rows) -> pa.Array:
    """Give the studies, sorted, in which there is an image whose pixels another subject has as well.

    Parameters
    ----------
    instances
        With the columns subject_id, study_uid and pixel_sha256, which is null where pixels prove nothing.
    """
    if not number(_ARE_REPEATED, instances=instances):
        return pa.array([], pa.string())
    return column(_SHARED, instances=instances)
