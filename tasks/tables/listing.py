"""Lists that are handed to the sender of a batch: CSV that a spreadsheet opens safely, and row numbers as ranges."""

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import groupby

MAX_RANGES = 40  # in one line; a list of single rows holds the rest
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Give a CSV file that a spreadsheet opens without running any of it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def row_ranges(rows: Sequence[int]) -> str:
    """Give ascending row numbers as ranges, such as ``2-7, 9``; after `MAX_RANGES` it says how many rows follow."""
    runs = [[row for _, row in run] for _, run in groupby(enumerate(rows), key=lambda pair: pair[1] - pair[0])]
    shown = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs[:MAX_RANGES]]
    hidden = sum(map(len, runs[MAX_RANGES:]))
    return ", ".join(shown) + (f" and {hidden} more" if hidden else "")
