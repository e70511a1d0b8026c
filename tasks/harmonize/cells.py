"""How a column of text becomes a column of values: each distinct text is decided once, and the answer is taken back."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

UNMAPPED = "S-UNMAPPED"

Decision = tuple[object, str | None]
MISSING: Decision = (None, None)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A column of values; null is missing, or undecided where `rules` names the rule that holds the row.

    `mapping` and `version` name what was applied, for lineage; both are empty where nothing was.
    """

    values: pa.Array
    rules: pa.Array
    mapping: str = ""
    version: str = ""


def decide_each(
    cells: pa.Array, decide: Callable[[str], Decision], kind: pa.DataType, *, mapping: tuple[str, str] = ("", "")
) -> Mapped:
    """Apply `decide` to every distinct text of a column.

    Parameters
    ----------
    decide
        Gives value and no rule, or None and the rule that holds the row, or None twice for a missing value.
    mapping
        Name and version of what `decide` applies.
    """
    encoded = cells.dictionary_encode()
    decisions = [decide(text) for text in encoded.dictionary.to_pylist()]
    values = pa.array([value for value, _ in decisions], kind)
    rules = pa.array([rule for _, rule in decisions], pa.string())
    return Mapped(values.take(encoded.indices), rules.take(encoded.indices), *mapping)
