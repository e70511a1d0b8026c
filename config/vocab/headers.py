"""The words by which sites name columns and kinds of events, in several languages, in a form that can be compared."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from config.rules import rows_of

NOT_READ = "not_read"
MEASUREMENT_VALUE = "measurement.value"
_ACCENTS = re.compile("[\u0300-\u036f]")  # of Latin letters; marks of other scripts are letters of their own
_CAMEL = re.compile(r"(?<=[a-z]{2})(?=[A-Z])|(?<=[A-Za-z]{3})(?=\d)")
_PARTS = re.compile(r"\w+")
_PLAIN_LETTERS = str.maketrans({"\u0131": "i", "ø": "o", "ł": "l", "ß": "ss", "æ": "ae", "_": " "})
_COVID = (("sars", "cov", "2"), ("covid", "19"), ("sars", "cov2"), ("covid19",), ("sarscov2",), ("sarscov", "2"))


@dataclass(frozen=True, slots=True)
class HeaderWord:
    """One way to name a column: the field, the words, their language, and what is measured, if the words name it."""

    field: str
    words: tuple[str, ...]
    language: str
    name: str = ""


def words_of(text: str) -> tuple[str, ...]:
    """Give the words of a header without case, accents and punctuation; every name of the virus becomes ``covid``."""
    spaced = _CAMEL.sub(" ", unicodedata.normalize("NFKC", text))
    bare = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", spaced)))
    words = tuple(_PARTS.findall(bare.casefold().translate(_PLAIN_LETTERS)))
    for name in _COVID:
        for at in range(len(words) - len(name) + 1):
            if words[at : at + len(name)] == name:
                words = (*words[:at], "covid", *words[at + len(name) :])
    return words


@cache
def header_words() -> tuple[HeaderWord, ...]:
    """Give all known names of columns."""
    rows = rows_of("vocab/headers.csv")
    measured = rows_of("vocab/measurement_words.csv")
    return (
        *(HeaderWord(row["field"], words_of(row["word"]), row["language"]) for row in rows),
        *(
            HeaderWord(MEASUREMENT_VALUE, words_of(row["raw_value"]), row["language"], row["canonical"])
            for row in measured
        ),
    )


@cache
def event_words() -> Mapping[tuple[str, ...], tuple[str, str]]:
    """Give kind and language by the words for a kind of event."""
    rows = rows_of("vocab/event_words.csv")
    return MappingProxyType({words_of(row["word"]): (row["kind"], row["language"]) for row in reversed(rows)})


@cache
def codebook_roles() -> Mapping[tuple[str, ...], str]:
    """Give what a column of a code book holds by the words of its header."""
    return MappingProxyType({words_of(row["word"]): row["role"] for row in rows_of("vocab/codebook_headers.csv")})


@cache
def fillers() -> Mapping[str, frozenset[str]]:
    """Give the words beside the name of a column by what they say.

    ``filler`` says nothing, ``ordinal`` which of several it is of, ``moment`` when something was measured.
    """
    rows = rows_of("vocab/header_fillers.csv")
    kinds = {row["kind"] for row in rows}
    return MappingProxyType({kind: frozenset(row["word"] for row in rows if row["kind"] == kind) for kind in kinds})
