"""How commands answer: tables for people, one JSON object for programs, a bar on standard error for long work."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from config.errors import ConfigError
from flows.progress import observed_by
from tasks.errors import CurationError

WIDE = 180  # columns of an answer that goes to a file or another program
out = Console(width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, soft_wrap=True)


def fail(problem: CurationError | ConfigError, *, as_json: bool) -> None:
    """Say on one line what is wrong and what to do next."""
    if as_json:
        say_json({"error": problem.message, "next_step": problem.next_step, "exit_code": problem.exit_code})
    line = f"{problem.message}; {problem.next_step}" if problem.next_step else problem.message
    err.print(f"curate: {line}", style="red", markup=False, highlight=False)


def say_json(answer: object) -> None:
    """Print one JSON object on standard output."""
    out.print(json.dumps(answer, default=str), markup=False, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """Print a line of the answer."""
    out.print(line, markup=False, highlight=False, soft_wrap=True)


def note(line: str) -> None:
    """Print a line that is not the answer."""
    err.print(line, style="dim", markup=False, highlight=False)


def show_rows(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows as a table, or that there are none."""
    if not rows:
        say(f"{title}: none")
        return
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False)
    for name in rows[0]:
        table.add_column(escape(str(name)))
    for row in rows:
        table.add_row(*(escape(in_words(value)) for value in row.values()))
    out.print(table)


def in_words(value: object) -> str:
    """Give a value for people: parts of a mapping or list in a row, three digits of a fraction, null empty."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {in_words(part) or 'none'}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(in_words, value))
    if isinstance(value, float):
        return str(round(value, 3))
    return "" if value is None else str(value)


@contextmanager
def progress_bar() -> Iterator[None]:
    """Show how far the runs inside the block have come, one bar per stage."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars: dict[str, TaskID] = {}
    bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    with bar as progress:

        def observe(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=total)
            progress.update(bars[stage], completed=done, total=total)

        with observed_by(observe):
            yield
