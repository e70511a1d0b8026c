"""Arrow tables as the frames that Great Expectations looks at: closed sets as codes, nulls kept, types unchanged.

A column of another type than the schema's is handed over as plain objects, so that its type check must fail.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from expectations.schemas.table import Table

NULLABLE: Mapping[pa.DataType, Any] = {
    pa.string(): pd.StringDtype("pyarrow"),
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.float32(): pd.Float32Dtype(),
    pa.float64(): pd.Float64Dtype(),
}


def frame_of(found: pa.Table, table: Table) -> pd.DataFrame:
    """Give the frame of a table as it was found; its index is the position of the row."""
    columns = {name: _column(found.column(name), table, name) for name in found.schema.names}
    return pd.DataFrame(columns, index=pd.RangeIndex(found.num_rows))


def _column(values: pa.ChunkedArray, table: Table, name: str) -> "pd.Series[Any]":
    if name not in table.schema.names or table.schema.field(name).type != values.type:
        plain: pd.Series[Any] = values.to_pandas().astype(object)
        return plain
    if pa.types.is_list(values.type):
        return pd.Series(pd.array(values, dtype=pd.ArrowDtype(values.type)))
    if table.schema.field(name).metadata.get(b"values"):
        values = values.dictionary_encode()
    typed: pd.Series[Any] = values.to_pandas(types_mapper=NULLABLE.get)
    return typed
