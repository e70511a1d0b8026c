"""The nodes of the MIDRC data dictionary that a release is rendered to, and what their properties may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from config.rules import rows_of


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a node, as its dictionary has it.

    `kind` is string, number, integer, boolean, enum, array<…> of one of these, or link:one and link:many, which hold
    the submitter ids of records of another node. `values` is the closed set of an enum; bounds are included.
    """

    name: str
    kind: str
    is_required: bool
    values: frozenset[str]
    minimum: float | None
    maximum: float | None
    pattern: str

    @property
    def is_link(self) -> bool:
        """Whether it holds submitter ids of other records."""
        return self.kind.startswith("link:")

    @property
    def column(self) -> str:
        """The column of a submitted table that holds it."""
        return f"{self.name}.submitter_id" if self.is_link else self.name


@cache
def midrc_nodes() -> Mapping[str, tuple[Property, ...]]:
    """Give the properties of each node, in the order of the dictionary."""
    nodes: dict[str, list[Property]] = {}
    for row in rows_of("release/midrc_properties.csv"):
        nodes.setdefault(row["node"], []).append(
            Property(
                name=row["property"],
                kind=row["type"],
                is_required=row["required"] == "yes",
                values=frozenset(filter(None, row["values"].split("|"))),
                minimum=float(row["minimum"]) if row["minimum"] else None,
                maximum=float(row["maximum"]) if row["maximum"] else None,
                pattern=row["pattern"],
            )
        )
    return MappingProxyType({name: tuple(properties) for name, properties in nodes.items()})
