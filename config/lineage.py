"""Where every column of the canonical tables comes from, as data: cells of clinical tables, or a derivation."""

from dataclasses import dataclass
from functools import cache

from config.rules import rows_of

_US_ONLY = "@US"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one column of a canonical table comes from.

    `cells` are fields of clinical tables, such as ``test.result``, those at US sites only apart. What no cell fills
    follows from `derivation` and its `inputs`: columns, fields, or attributes written ``(gggg,eeee)``; `meaning` says
    it in a sentence, and `rule_id` names the rule behind it or is empty.
    """

    table: str
    column: str
    cells: tuple[str, ...]
    us_cells: tuple[str, ...]
    derivation: str
    inputs: tuple[str, ...]
    rule_id: str
    meaning: str


@cache
def origins() -> dict[tuple[str, str], Origin]:
    """Give the origin of every column by table and column."""
    return {(row["table"], row["column"]): _origin(row) for row in rows_of("lineage.csv")}


def _origin(row: dict[str, str]) -> Origin:
    cells = row["cells"].split()
    return Origin(
        row["table"],
        row["column"],
        tuple(cell for cell in cells if not cell.endswith(_US_ONLY)),
        tuple(cell.removesuffix(_US_ONLY) for cell in cells if cell.endswith(_US_ONLY)),
        row["derivation"],
        tuple(row["inputs"].split("; ")) if row["inputs"] else (),
        row["rule_id"],
        row["meaning"],
    )
