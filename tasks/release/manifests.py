"""The instance manifest in the forms that download tools read, all rendered from the one table."""

import io

import pyarrow as pa
import pyarrow.compute as pc

CHECKSUMS = "manifests/sha256sums.txt"
S5CMD = "manifests/s5cmd.txt"
LINES_AT_ONCE = 1 << 16


def manifests(instances: pa.Table, address: str) -> dict[str, bytes]:
    """Give the manifests of a release by their names in it.

    Parameters
    ----------
    address
        Where the public finds the release; only an ``s3://`` address gives a manifest for s5cmd.
    """
    rendered = {CHECKSUMS: checksums(instances)}
    if address.startswith("s3://"):
        rendered[S5CMD] = s5cmd(instances, address)
    return rendered


def checksums(instances: pa.Table) -> bytes:
    """Give one line ``<sha256>  <key>`` per object: ``sha256sum --check`` reads it where the keys are paths."""
    return _lines(pc.binary_join_element_wise(instances["sha256"], instances["key"], "  "))


def s5cmd(instances: pa.Table, address: str) -> bytes:
    """Give one copy command per object: ``s5cmd run`` brings each to the path that is its key."""
    key = instances["key"]
    source = pc.binary_join_element_wise(f"cp {address}", key, "/")
    return _lines(pc.binary_join_element_wise(source, key, " "))


def _lines(lines: pa.ChunkedArray) -> bytes:
    """Join lines chunk by chunk: as Python texts all at once they would take ten times the room."""
    joined = io.BytesIO()
    for chunk in lines.chunks:
        for start in range(0, len(chunk), LINES_AT_ONCE):
            part = chunk.slice(start, LINES_AT_ONCE).to_pylist()
            joined.write("".join(f"{line}\n" for line in part).encode("ascii"))
    return joined.getvalue()
