"""What a schema alone demands of its table: columns, types, nulls, keys, closed sets, bounds, forms and references.

Demands are told apart from how they are checked: `expectations.suites.derive` makes expectations of them,
`tasks.validate.instances` conditions of a query.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from expectations.schemas.table import Table
from expectations.suites.forms import FORMS

DAYS = "_day"
LONGEST_FOLLOW_UP_DAYS = 3650  # ten years; beyond it dates were shifted or parsed wrongly


class Kind(StrEnum):
    """What is demanded."""

    TYPE = "type"
    NOT_NULL = "not null"
    IN_SET = "in set"
    ITEMS_IN_SET = "items in set"
    BETWEEN = "between"
    REGEX = "regex"
    UNIQUE = "unique"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand of a schema: the rule, what must hold in words, and the columns that it is about.

    Of `values`, `least`, `most`, `regex` and `parent` (a table) those are given that the kind needs; a bound that is
    null is none.
    """

    kind: Kind
    rule_id: str
    text: str
    columns: tuple[str, ...]
    values: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    regex: str = ""
    parent: str = ""

    @property
    def place(self) -> str:
        """The columns as one word."""
        return "+".join(self.columns)


def values_of(field: pa.Field) -> tuple[str, ...]:
    """Give the closed set of a column, or of the items of a list column; empty if it is open."""
    text = field.metadata.get(b"values", b"").decode()
    return tuple(text.split("|")) if text else ()


def demands_of(table: Table) -> Iterator[Demand]:
    """Give every demand of a table's schema, column by column, then of its key and its references."""
    for field in table.schema:
        yield from _of_column(table, field)
    said = f"No two rows have the same {' and '.join(table.key)}"
    yield Demand(Kind.UNIQUE, "S-KEY-UNIQUE", said, table.key)
    for reference in table.references:
        text = f"Each {reference.column} of {table.name} is the key of a row of {reference.table}"
        yield Demand(Kind.REFERENCE, "S-KEY-UNIQUE", text, (reference.column,), parent=reference.table)


def _of_column(table: Table, field: pa.Field) -> Iterator[Demand]:
    name, listed, values = field.name, pa.types.is_list(field.type), values_of(field)
    said = f"{name} is of type {field.type}" + (", as codes of a closed set" if values and not listed else "")
    yield Demand(Kind.TYPE, "S-SCHEMA", said, (name,))
    if not field.nullable:
        rule_id = "S-KEY-UNIQUE" if name in table.key else "S-NULL"
        yield Demand(Kind.NOT_NULL, rule_id, f"{name} is never null", (name,))
    if values and listed:
        text = f"Each item of {name} stands once and is one of: {', '.join(values)}"
        yield Demand(Kind.ITEMS_IN_SET, "S-ENUM", text, (name,), values)
    elif values:
        yield Demand(Kind.IN_SET, "S-ENUM", f"{name} is one of: {', '.join(values)}", (name,), values)
    yield from _of_numbers(field)
    if name in FORMS:
        form = FORMS[name]
        yield Demand(Kind.REGEX, form.rule_id, f"{name} is {form.text}", (name,), regex=form.regex)


def _of_numbers(field: pa.Field) -> Iterator[Demand]:
    name = field.name
    low, high = (field.metadata.get(bound_name) for bound_name in (b"minimum", b"maximum"))
    if low or high:
        least, most = (int(low) if low else None), (int(high) if high else None)
        said = " and ".join(f"at {word} {text.decode()}" for word, text in (("least", low), ("most", high)) if text)
        rule_id = "D-AGE-RANGE" if name.startswith("age_") else "S-RANGE"
        yield Demand(Kind.BETWEEN, rule_id, f"{name} is {said}", (name,), least=least, most=most)
    if pa.types.is_int32(field.type) and (name == "day" or name.endswith(DAYS)):
        text = f"{name} is at most {LONGEST_FOLLOW_UP_DAYS} days from the index event"
        days = LONGEST_FOLLOW_UP_DAYS
        yield Demand(Kind.BETWEEN, "C-DAY-RANGE", text, (name,), least=-days, most=days)
