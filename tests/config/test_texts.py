import pyarrow as pa

from config.release.texts import TextKind, text_columns
from expectations.schemas.catalog import CANONICAL


def free_columns() -> set[tuple[str, str]]:
    """Every column of text of a canonical table without a closed set of values."""
    return {
        (name, field.name)
        for name, table in CANONICAL.items()
        for field in table.schema
        if pa.types.is_string(field.type.value_type if pa.types.is_list(field.type) else field.type)
        and b"values" not in field.metadata
    }  # fmt: skip


def test_every_column_of_free_text_is_classified_once() -> None:
    named = [(column.table, column.column) for column in text_columns()]
    assert len(named) == len(set(named))
    assert set(named) == free_columns()


def test_what_a_site_may_have_written_is_not_called_ours() -> None:
    ours = {(column.table, column.column) for column in text_columns() if column.kind is TextKind.OWN}
    raw = {(table, column) for table, column in free_columns() if column.endswith(("_raw", "_description"))}
    assert raw.isdisjoint(ours)
