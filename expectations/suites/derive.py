"""What a schema alone demands of its table: columns, types, nulls, keys, closed sets, bounds, forms and references."""

from collections.abc import Iterator
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pyarrow as pa
from great_expectations import ExpectationSuite
from great_expectations.expectations.expectation import Expectation

from expectations.schemas.table import Table
from expectations.suites.flags import PREFIX
from expectations.suites.forms import FORMS
from expectations.suites.rule import bound, keeps

CODED = "CategoricalDtypeType"
LEAST_ROWS = {"$PARAMETER": "least_rows"}
DAYS = "_day"
LONGEST_FOLLOW_UP_DAYS = 3650  # ten years; beyond it dates were shifted or parsed wrongly


def values_of(field: pa.Field) -> list[str]:
    """Give the closed set of a column, or of the items of a list column; empty if it is open."""
    text = field.metadata.get(b"values", b"").decode()
    return text.split("|") if text else []


def type_name(field: pa.Field) -> str:
    """Give the name under which Great Expectations knows the type of a column in its frame."""
    if pa.types.is_list(field.type):
        return "list"
    if pa.types.is_string(field.type):
        return CODED if values_of(field) else "str"
    return str(np.dtype(field.type.to_pandas_dtype()).name)


def from_schema(table: Table, *, empty: str) -> list[Expectation]:
    """Give every expectation that follows from a table's schema.

    Parameters
    ----------
    empty
        The rule that fires when the table has fewer rows than the run's parameter ``least_rows``.
    """
    rows = bound(gxe.ExpectTableRowCountToBeBetween, empty, "The table has rows", min_value=LEAST_ROWS)
    columns = [expectation for field in table.schema for expectation in _of_column(table, field)]
    return [rows, *columns, *_of_key(table), *_of_references(table)]


def assemble(table: Table, expectations: list[Expectation]) -> ExpectationSuite:
    """Make the suite of a table; its columns must be those of the schema and the flags that the suite asks for."""
    asked = {getattr(expectation, "column", "") for expectation in expectations}
    flags = sorted(name for name in asked if name.startswith(PREFIX))
    columns = bound(
        gxe.ExpectTableColumnsToMatchSet,
        "S-SCHEMA",
        "The columns are those of the schema, and one flag for each rule that spans rows or tables",
        column_set=[*table.schema.names, *flags],
        exact_match=True,
    )
    meta = {"table": table.name, "description": table.description}
    return ExpectationSuite(name=table.name, expectations=[columns, *expectations], meta=meta)


def _of_column(table: Table, field: pa.Field) -> Iterator[Expectation]:
    name, listed, values = field.name, pa.types.is_list(field.type), values_of(field)
    yield bound(
        gxe.ExpectColumnValuesToBeOfType,
        "S-SCHEMA",
        f"{name} is of type {field.type}" + (", as codes of a closed set" if values and not listed else ""),
        column=name,
        type_=type_name(field),
    )
    if not field.nullable:
        rule_id = "S-KEY-UNIQUE" if name in table.key else "S-NULL"
        yield bound(gxe.ExpectColumnValuesToNotBeNull, rule_id, f"{name} is never null", column=name)
    if values and listed:
        yield keeps("S-ENUM", f"Each item of {name} stands once and is one of: {', '.join(values)}", name)
    elif values:
        text = f"{name} is one of: {', '.join(values)}"
        yield bound(gxe.ExpectColumnValuesToBeInSet, "S-ENUM", text, column=name, value_set=values)
    yield from _of_numbers(field)
    if name in FORMS:
        form = FORMS[name]
        yield bound(
            gxe.ExpectColumnValuesToMatchRegex, form.rule_id, f"{name} is {form.text}", column=name, regex=form.regex
        )


def _of_numbers(field: pa.Field) -> Iterator[Expectation]:
    name = field.name
    low, high = (field.metadata.get(bound_name) for bound_name in (b"minimum", b"maximum"))
    if low or high:
        limits: dict[str, Any] = {"min_value": int(low) if low else None, "max_value": int(high) if high else None}
        said = " and ".join(f"at {word} {text.decode()}" for word, text in (("least", low), ("most", high)) if text)
        rule_id = "D-AGE-RANGE" if name.startswith("age_") else "S-RANGE"
        yield bound(gxe.ExpectColumnValuesToBeBetween, rule_id, f"{name} is {said}", column=name, **limits)
    if pa.types.is_int32(field.type) and (name == "day" or name.endswith(DAYS)):
        yield bound(
            gxe.ExpectColumnValuesToBeBetween,
            "C-DAY-RANGE",
            f"{name} is at most {LONGEST_FOLLOW_UP_DAYS} days from the index event",
            column=name,
            min_value=-LONGEST_FOLLOW_UP_DAYS,
            max_value=LONGEST_FOLLOW_UP_DAYS,
        )


def _of_key(table: Table) -> Iterator[Expectation]:
    said = f"No two rows have the same {' and '.join(table.key)}"
    if len(table.key) == 1:
        yield bound(gxe.ExpectColumnValuesToBeUnique, "S-KEY-UNIQUE", said, column=table.key[0])
    else:
        yield bound(gxe.ExpectCompoundColumnsToBeUnique, "S-KEY-UNIQUE", said, column_list=list(table.key))


def _of_references(table: Table) -> Iterator[Expectation]:
    for reference in table.references:
        text = f"Each {reference.column} is the key of a row of {reference.table}"
        yield keeps("S-KEY-UNIQUE", text, reference.column)
