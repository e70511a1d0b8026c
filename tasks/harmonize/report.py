"""What a site is told of its batch: what was wrong, where, by which rule, and what to send.

A contributor's names of files and columns may themselves identify a person, so all but `summary` belong under
``private/``. No page holds a cell.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from config.rules import Severity, data_rules, next_steps
from tasks.harmonize.decisions import ColumnDecision
from tasks.tables.listing import csv_bytes, row_ranges
from tasks.tables.model import Layout

WHOLE_FILE = 0  # the row of a problem of the whole file
_ORDER = {severity.value: place for place, severity in enumerate((Severity.GATE, Severity.BLOCK, Severity.WARN))}
EFFECT = {
    Severity.GATE.value: "stops the batch",
    Severity.BLOCK.value: "rows are held",
    Severity.WARN.value: "for your information",
}


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file, or sheet of one, as it was read: `unread` are headers, `is_read` is false where nothing could be."""

    name: str
    layout: Layout
    rows_in: int
    rows_held: int
    is_read: bool
    unread: tuple[str, ...] = ()
    decisions: tuple[ColumnDecision, ...] = ()

    @property
    def rows_used(self) -> int:
        """Rows of which every cell was understood."""
        return self.rows_in - self.rows_held


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule that fired in a file: `row` is `WHOLE_FILE` or its number, `column` a header or nothing."""

    file: str
    row: int
    column: str
    rule_id: str


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """All rows of a file in which one rule fired on one column, and what is to be done about it."""

    file: str
    column: str
    rule_id: str
    rows: tuple[int, ...]

    @property
    def severity(self) -> str:
        """What the rule does: gate, block or warn."""
        return data_rules()[self.rule_id].severity.value

    @property
    def rule(self) -> str:
        """What must hold."""
        return data_rules()[self.rule_id].rule

    @property
    def next_step(self) -> str:
        """What the sender does."""
        return next_steps()[self.rule_id]

    @property
    def where(self) -> str:
        """The rows as ranges, such as ``2-7, 9``."""
        return row_ranges(self.rows) or "whole file"


def grouped(problems: Iterable[Problem]) -> list[ProblemGroup]:
    """Group problems by file, column and rule: what stops the batch comes first, then what holds most rows."""

    def place(one: Problem) -> tuple[str, str, str]:
        return one.file, one.rule_id, one.column

    groups = [
        ProblemGroup(file, column, rule, tuple(sorted({one.row for one in found} - {WHOLE_FILE})))
        for (file, rule, column), found in groupby(sorted(problems, key=place), key=place)
    ]
    return sorted(groups, key=lambda one: (_ORDER[one.severity], -len(one.rows), one.file, one.rule_id, one.column))


def problems_csv(groups: Iterable[ProblemGroup]) -> bytes:
    """Give one line per file, column and rule, with what to send."""
    header = ("file", "column", "rows", "count", "rule_id", "severity", "rule", "next_step")
    lines = (
        (one.file, one.column, one.where, len(one.rows), one.rule_id, one.severity, one.rule, one.next_step)
        for one in groups
    )
    return csv_bytes(header, lines)


def files_csv(files: Iterable[FileReport]) -> bytes:
    """Give one line per file: how it was read, and its rows in, used and held."""
    header = (
        "file", "format", "encoding", "delimiter", "sheet", "rows_in", "rows_used", "rows_held", "columns_not_read",
    )  # fmt: skip
    lines = (
        (
            one.name, one.layout.format, one.layout.encoding, delimiter_name(one.layout.delimiter), one.layout.sheet,
            one.rows_in, one.rows_used, one.rows_held, "; ".join(one.unread),
        )
        for one in files
    )  # fmt: skip
    return csv_bytes(header, lines)


def columns_csv(files: Iterable[FileReport]) -> bytes:
    """Give one line per column that was read: its field, what was applied, and the evidence."""
    lines = (
        (one.name, made.header, made.field, made.applied, made.evidence) for one in files for made in one.decisions
    )
    return csv_bytes(("file", "column", "field", "applied", "evidence"), lines)


def delimiter_name(delimiter: str) -> str:
    """Give a delimiter as a word."""
    return {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}.get(delimiter, delimiter)


def summary(title: str, files: Sequence[FileReport], found: Mapping[str, int], funnel: Mapping[str, int]) -> str:
    """Give the page without any name of the site's as Markdown: counts per rule, and what to send.

    Parameters
    ----------
    found
        How often each rule fired, by its id.
    funnel
        Counts of subjects: all, with images, with clinical rows, with both.
    """
    totals = Counter[str]()
    for one in files:
        totals.update({"rows in": one.rows_in, "rows used": one.rows_used, "rows held": one.rows_held})
    counts = {"files": len(files), **totals, **{name.replace("_", " "): count for name, count in funnel.items()}}
    rules = sorted(found, key=lambda rule: (_ORDER[data_rules()[rule].severity.value], -found[rule], rule))
    lines = [
        (rule, EFFECT[data_rules()[rule].severity.value], found[rule], data_rules()[rule].rule, next_steps()[rule])
        for rule in rules
    ]
    listed = markdown(("rule", "effect", "count", "what must hold", "what to send"), lines) if lines else "Nothing.\n"
    return (
        f"# {title}\n\n{markdown(('', 'count'), counts.items())}\n## What was found\n\n{listed}\n"
        "Rows and images that validation holds afterwards are counted in `report/validation.md`.\n"
        "The report with files, columns and row numbers is private: "
        "`report/report.html`, `report/validation.html` and the CSV files there, under the run's private prefix.\n"
    )


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Give a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |\n" for line in lines)
