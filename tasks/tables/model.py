"""What every reader is given and gives: a layout, a header, rows of text; and the rules that files break."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNREADABLE = "H-UNREADABLE"
NO_ROWS = "H-NO-ROWS"
FORMAT = "H-FORMAT"
ENCODING = "H-ENCODING"
LOCKED = "H-LOCKED"
DELIMITER = "H-DELIMITER"
QUOTE = "H-QUOTE"
CELL = "H-CELL"
SHEETS = "H-SHEETS"
SHEET_HIDDEN = "H-SHEET-HIDDEN"
MERGED = "H-MERGED"
FORMULA = "H-FORMULA"

Row = tuple[int, Sequence[str], str]  # number in the file, cells, and the rule that makes them unusable or nothing


class UnreadableTableError(ValueError):
    """The file cannot be read; carries the rule that says why, and nothing of the file."""

    def __init__(self, rule_id: str = UNREADABLE) -> None:
        super().__init__(rule_id)
        self.rule_id = rule_id


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is laid out: what was declared, or with what was found in place of what was not."""

    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file as text: its rows are read while they are walked, and walking may raise `UnreadableTableError`.

    `notes` are rules that the whole file broke; a rule stands as often as it was broken.
    """

    layout: Layout
    header: Sequence[str]
    rows: Iterable[Row]
    notes: tuple[str, ...] = ()
