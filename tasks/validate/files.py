"""A batch's tables between its stores and local files: fetched whole, read and written some rows at a time."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.store.parquet import damaged

ROWS_AT_ONCE = 1 << 16


def batches_of(path: Path) -> Iterator[pa.RecordBatch]:
    """Give the rows of a Parquet file in their order, some at a time.

    Raises
    ------
    VerificationError
        If the file is no sound Parquet.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=ROWS_AT_ONCE)
    except (pa.ArrowException, OSError):
        raise damaged() from None


def rows_of(path: Path) -> int:
    """Give the number of rows of a Parquet file.

    Raises
    ------
    VerificationError
        If the file is no sound Parquet.
    """
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        raise damaged() from None


def counted(path: Path, names: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Count the values of some columns of a Parquet file; values in their order."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    for batch in batches_of(path):
        for name in names:
            for one in pc.value_counts(batch.column(name)).to_pylist():
                counts[name][one["values"]] += one["counts"]
    return {name: dict(sorted(of_name.items())) for name, of_name in counts.items()}


def sha256_of_file(path: Path) -> str:
    """Give the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
