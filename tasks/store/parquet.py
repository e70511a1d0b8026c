"""Parquet in one fixed form: the same table gives the same bytes, on any machine with the same pyarrow."""

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import VerificationError

ROWS_PER_GROUP = 1 << 17  # a column chunk of some MB: large enough to compress, small enough to skip
PAGE_BYTES = 1 << 20
COMPRESSION_LEVEL = 3


def write_table(table: pa.Table) -> bytes:
    """Give the bytes of a table as Parquet; how the table lies in memory chunks does not show in them.

    The caller sorts the rows. Schema and field metadata are kept.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.combine_chunks(),
        sink,
        row_group_size=ROWS_PER_GROUP,
        version="2.6",
        data_page_version="1.0",
        data_page_size=PAGE_BYTES,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=True,
        write_statistics=True,
        write_page_index=True,
        store_schema=True,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_table(data: bytes) -> pa.Table:
    """Give back a table that `write_table` wrote, with its metadata.

    Raises
    ------
    VerificationError
        If the bytes are no sound Parquet.
    """
    try:
        return pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError):
        raise VerificationError(
            "a Parquet file is damaged and cannot be read", next_step="remove it and run the stage that wrote it again"
        ) from None
