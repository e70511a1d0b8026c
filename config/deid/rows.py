"""The CSV tables of this folder."""

import csv
from importlib.resources import files


def text_of(name: str) -> str:
    """Give a file of this folder as text."""
    return files("config.deid").joinpath(name).read_text(encoding="utf-8")


def rows_of(name: str) -> list[dict[str, str]]:
    """Give the rows of a CSV file of this folder; lines that begin with ``#`` are its source note."""
    return list(csv.DictReader(line for line in text_of(name).splitlines() if not line.startswith("#")))
