"""The demands of a schema as expectations on the table, and as checks that are counted."""

from collections.abc import Iterator
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pyarrow as pa
from great_expectations import ExpectationSuite
from great_expectations.expectations.expectation import Expectation

from expectations.schemas.table import Table
from expectations.suites.checks import Check
from expectations.suites.demands import Demand, Kind, demands_of, values_of
from expectations.suites.rule import bound

CODED = "CategoricalDtypeType"
LEAST_ROWS = {"$PARAMETER": "least_rows"}
COUNTED = (Kind.ITEMS_IN_SET, Kind.REFERENCE)  # what one cell does not tell, or Great Expectations on pandas cannot


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
    rows = bound(
        gxe.ExpectTableRowCountToBeBetween, empty, "The table has rows", table=table.name, min_value=LEAST_ROWS
    )
    return [rows, *(_expected(table, demand) for demand in demands_of(table) if demand.kind not in COUNTED)]


def counted(table: Table) -> Iterator[Check]:
    """Give those demands of a table's schema that are counted by a query, as checks."""
    for demand in demands_of(table):
        if demand.kind in COUNTED:
            yield check_of(table, demand)


def check_of(table: Table, demand: Demand) -> Check:
    """Give a demand as a check that is counted."""
    part = demand.kind.value if demand.kind is Kind.UNIQUE else ""
    return Check(table.name, demand.rule_id, demand.text, demand.place, part=part)


def assemble(table: Table, expectations: list[Expectation]) -> ExpectationSuite:
    """Make the suite of a table; its columns must be those of the schema."""
    columns = bound(
        gxe.ExpectTableColumnsToMatchSet,
        "S-SCHEMA",
        "The columns are those of the schema",
        table=table.name,
        column_set=list(table.schema.names),
        exact_match=True,
    )
    meta = {"table": table.name, "description": table.description}
    return ExpectationSuite(name=table.name, expectations=[columns, *expectations], meta=meta)


def _expected(table: Table, demand: Demand) -> Expectation:
    kind, arguments = _kind_of(table, demand)
    return bound(kind, demand.rule_id, demand.text, table=table.name, **arguments)


def _kind_of(table: Table, demand: Demand) -> tuple[type[Expectation], dict[str, Any]]:
    column = {"column": demand.columns[0]}
    kinds: dict[Kind, tuple[type[Expectation], dict[str, Any]]] = {
        Kind.TYPE: (gxe.ExpectColumnValuesToBeOfType, {"type_": type_name(table.schema.field(demand.columns[0]))}),
        Kind.NOT_NULL: (gxe.ExpectColumnValuesToNotBeNull, {}),
        Kind.IN_SET: (gxe.ExpectColumnValuesToBeInSet, {"value_set": list(demand.values)}),
        Kind.BETWEEN: (gxe.ExpectColumnValuesToBeBetween, {"min_value": demand.least, "max_value": demand.most}),
        Kind.REGEX: (gxe.ExpectColumnValuesToMatchRegex, {"regex": demand.regex}),
        Kind.UNIQUE: (gxe.ExpectColumnValuesToBeUnique, {}),
    }
    if demand.kind is Kind.UNIQUE and len(demand.columns) > 1:
        return gxe.ExpectCompoundColumnsToBeUnique, {"column_list": list(demand.columns)}
    kind, arguments = kinds[demand.kind]
    return kind, column | arguments
