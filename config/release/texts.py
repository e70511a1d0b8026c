"""What stands in the text columns of a release, from ``texts.csv``."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from config.rules import rows_of


class TextKind(StrEnum):
    """What a column of text holds."""

    TEXT = "text"
    DEVICE = "device"
    CODE = "code"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of text of a released table."""

    table: str
    column: str
    kind: TextKind


@cache
def text_columns() -> tuple[TextColumn, ...]:
    """Give every column of text that has no closed set of values."""
    return tuple(TextColumn(row["table"], row["column"], TextKind(row["kind"])) for row in rows_of("release/texts.csv"))
