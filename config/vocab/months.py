"""The names of the months in the languages of the sites."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from config.rules import rows_of


@cache
def months() -> Mapping[str, Mapping[str, int]]:
    """Give the number of every month by language and casefolded word."""
    found: dict[str, dict[str, int]] = {}
    for row in rows_of("vocab/months.csv"):
        words = found.setdefault(row["language"], {})
        words.update(dict.fromkeys(row["words"].split(), int(row["month"])))
    return MappingProxyType({language: MappingProxyType(words) for language, words in found.items()})
