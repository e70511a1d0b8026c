"""How a table is described: one place per column, from which checks, dictionary and writers are derived."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

LIST_OF_STRINGS = pa.list_(pa.field("item", pa.string(), nullable=False))
LIST_OF_DAYS = pa.list_(pa.field("item", pa.int32(), nullable=False))
LIST_OF_NUMBERS = pa.list_(pa.field("item", pa.float64(), nullable=False))


class Stage(StrEnum):
    """Which stage fills a column."""

    HARMONIZE = "harmonize"
    RELEASE = "release"


class Sensitivity(StrEnum):
    """What a column can do for someone who wants to recognise a person."""

    QUASI_IDENTIFIER = "quasi-identifier"
    SENSITIVE = "sensitive"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: `column` of this table holds values of the key of `table`."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its name, what a row is, its primary key, columns and foreign keys."""

    name: str
    description: str
    key: tuple[str, ...]
    schema: pa.Schema
    references: tuple[Reference, ...] = ()


def column(  # noqa: PLR0913 -- a column's facts stand on its line
    name: str,
    kind: pa.DataType,
    description: str,
    *,
    null: str = "",
    unit: str = "",
    source: str = "",
    values: Sequence[str] = (),
    sensitivity: Sensitivity = Sensitivity.NEITHER,
    stage: Stage = Stage.HARMONIZE,
    minimum: int | None = None,
    maximum: int | None = None,
) -> pa.Field:
    """Describe a column.

    Parameters
    ----------
    null
        What null means; a column without it is never null.
    unit
        UCUM unit of the values.
    source
        Where the definition comes from (DICOM tag, standard's section, vocabulary).
    values
        The closed set of values (of the items, for a list column).
    stage
        A column of stage release is filled by the release and absent from the tables of a batch (`batch_form`).
    minimum, maximum
        The bounds of the values, both included.
    """
    metadata = {"description": description, "sensitivity": sensitivity.value}
    optional = {"null": null, "unit": unit, "source": source, "values": "|".join(values)}
    optional |= {"stage": stage.value if stage is Stage.RELEASE else ""}
    optional |= {"minimum": "" if minimum is None else str(minimum), "maximum": "" if maximum is None else str(maximum)}
    metadata |= {name: text for name, text in optional.items() if text}
    return pa.field(name, kind, nullable=bool(null), metadata=metadata)


def stage_of(field: pa.Field) -> Stage:
    """Give the stage that fills a column."""
    return Stage(field.metadata.get(b"stage", b"harmonize").decode())


def batch_form(table: Table) -> Table:
    """Give the form of a table that stands in a batch: without the columns that only a release can fill."""
    schema = pa.schema([field for field in table.schema if stage_of(field) is Stage.HARMONIZE])
    key = tuple(name for name in table.key if name in schema.names)
    return Table(table.name, table.description, key, schema, table.references)


def table_of(table: Table, rows: Sequence[dict[str, object]]) -> pa.Table:
    """Make an Arrow table from rows; a missing column is null, an unknown one is an error.

    Raises
    ------
    ValueError
        If a row has a column that the table does not know, or a value of the wrong type.
    """
    known = set(table.schema.names)
    for row in rows:
        if not known.issuperset(row):
            raise ValueError(f"table {table.name} does not know the columns {sorted(set(row) - known)}")
    return pa.Table.from_pylist(list(rows), schema=table.schema)
