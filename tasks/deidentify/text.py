"""The one door for free text: what is left of a text when everything that could tell who it is about has gone.

A text loses the subject's and the staff's own names and identifiers, whatever has the form of a date, a number that
names something or an address, and every token that is no known word, number or kernel. Nothing is guessed from grammar.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from tasks.deidentify.needles import folded
from tasks.deidentify.words import text_words
from tasks.identifiers.needle import Needle
from tasks.identifiers.patterns import PATTERNS, SMALL_WORDS, UNITS
from tasks.identifiers.search import found_in_text


class Lost(StrEnum):
    """Why a part of a text went; the gravest first."""

    NEEDLE = "needle"
    PATTERN = "pattern"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Needles:
    """What must not stand in a text, whatever else it means.

    `own` are those of the object; `words` are whole words in their folded form (`tasks.deidentify.needles.folded`):
    also the short names of the object, and names and identifiers from the clinical rows and name lists.
    """

    own: frozenset[Needle] = frozenset()
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text as it may stay, empty if nothing of it says anything; `finding` is the gravest reason for a change."""

    value: str
    finding: Lost | None


class _Piece(NamedTuple):
    """A token, or what stands between two.

    `lost` tells why it goes, whoever the text is about; `forms` are the words that a token can be read as.
    """

    text: str
    start: int
    is_token: bool
    lost: Lost | None
    forms: frozenset[str] = frozenset()


MOST_DIGITS: Final = 4  # of a number; more of them name something
MOST_DIGITS_BESIDE_LETTERS: Final = 3
_TOKEN = re.compile(r"[^\W_]+(?:(?<=\d)[.,](?=\d)[^\W_]+)*")
_KERNEL = re.compile(r"[A-Z][a-z]?\d{2}[a-z]{0,2}|FC\d{2}[A-Z]?")
_NUMBER = re.compile(r"\d{1,4}(?:[.,]\d{1,4})?")
_MEASURE = re.compile(r"(\d{1,4}(?:[.,]\d{1,4})?)([^\W\d_]+)")
_PRODUCT = re.compile(r"\d{1,4}(?:[.,]\d{1,3})?(?:[xX]\d{1,4}(?:[.,]\d{1,3})?){1,2}(?:mm|cm)?")
_B_VALUE = re.compile(r"[bB]\d{0,2}[05]0")
_RUN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)?")
_LETTERS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")  # kana and ideographs: scripts without blanks
_BARE = re.compile(r"\d{2,4}|[^\W\d_]")  # says what it is only by what it stands beside
_SIGN_AFTER_SIGN = re.compile(r"([_^,;:/|+&=-])\s+(?=[_^,;:/|+&=-])")
_SPACE_IN_BRACKETS = re.compile(r"(?<=[(\[{])\s+|\s+(?=[)\]},;])")
_EMPTY_BRACKETS = re.compile(r"\(\W*\)|\[\W*\]|\{\W*\}")
_REPEATED = re.compile(r"([\W_])\1+")
_EDGE = re.compile(r"^[\s_^/\\|,;:.\-+&=)\]}]+|[\s_^/\\|,;:.\-+&=(\[{]+$")
_DANGLING = re.compile(r"(?:(?:^|[\s_])(?:at|by|for|from|in|of|per|to|via))+$", re.IGNORECASE)
_SHORTEST_STEM = 4
_REMEMBERED = 4096


def clean_text(value: str, needles: Needles) -> Cleaned:
    """Give what may stay of a text, exactly as it is if nothing has to go.

    Parameters
    ----------
    value
        One value of an element of text; printable.
    needles
        Of the subject that the text may be about.
    """
    small = value.lower()
    pieces = _pieces(value)
    spans = list(_spans(small, needles.own)) if len(small) == len(value) else [(0, len(value))]
    lost = [_lost(piece, spans, needles.words) for piece in pieces]
    lost = [why or _bare_beside(lost, pieces, place) for place, why in enumerate(lost)]
    reasons = [why for why in lost if why]
    if not reasons:
        return Cleaned(value, None)
    left = _joined(piece.text if not why else " " for piece, why in zip(pieces, lost, strict=True))
    says_something = any(len(word) > 1 and word.lower() not in SMALL_WORDS for word in _LETTERS.findall(left))
    if not says_something or found_in_text(left, needles.own):
        left = ""
    return Cleaned(left, min(reasons, key=list(Lost).index))


def _joined(parts: Iterable[str]) -> str:
    """Put the parts that are left together without the signs and small words that belonged to those that went."""
    text = _SPACE_IN_BRACKETS.sub("", _EMPTY_BRACKETS.sub(" ", "".join(parts)))
    text = _REPEATED.sub(r"\1", _SIGN_AFTER_SIGN.sub(r"\1", text))
    before = ""
    while text != before:
        before, text = text, _DANGLING.sub("", _EDGE.sub("", text))
    return text


def _spans(small: str, needles: frozenset[Needle]) -> Iterator[tuple[int, int]]:
    for needle in found_in_text(small, needles):
        start = small.find(needle.text)
        while start >= 0:
            yield start, start + len(needle.text)
            start = small.find(needle.text, start + 1)


def _lost(piece: _Piece, spans: list[tuple[int, int]], words: frozenset[str]) -> Lost | None:
    if not piece.is_token:
        return None
    end = piece.start + len(piece.text)
    if any(start < end and piece.start < stop for start, stop in spans) or not words.isdisjoint(piece.forms):
        return Lost.NEEDLE
    return piece.lost


def _forms(token: str) -> frozenset[str]:
    return frozenset(folded(form) for form in (token, *_RUN.findall(token), *_CAMEL.findall(token)) if len(form) > 1)


def _bare_beside(lost: list[Lost | None], pieces: tuple[_Piece, ...], place: int) -> Lost | None:
    """Tell whether a lone letter or number goes with a token beside it that goes: an initial, a ward, a house."""
    if not pieces[place].is_token or not _BARE.fullmatch(pieces[place].text):
        return None
    before, after = place - 2, place + 2
    if pieces[place].text.isdigit():
        is_measure = after < len(pieces) and pieces[after].text.lower() in UNITS
        return Lost.WORD if before >= 0 and lost[before] and not is_measure else None
    beside = [lost[other] for other in (before, after) if 0 <= other < len(pieces)]
    return Lost.WORD if any(why in (Lost.NEEDLE, Lost.WORD) for why in beside) else None


@lru_cache(maxsize=_REMEMBERED)
def _pieces(value: str) -> tuple[_Piece, ...]:
    """Give a text in pieces, tokens and what is between them in turn, judged without regard to a subject."""
    spans = [match.span() for match in PATTERNS.finditer(value)]
    pieces: list[_Piece] = []
    position = 0
    blanked = PATTERNS.sub(lambda match: " " * len(match[0]), value)
    for match in _TOKEN.finditer(value):
        start, end = match.span()
        pieces.append(_Piece(blanked[position:start], position, is_token=False, lost=None))
        in_pattern = any(first < end and start < last for first, last in spans)
        why = Lost.PATTERN if in_pattern else None if is_known(match[0]) else Lost.WORD
        pieces.append(_Piece(match[0], start, is_token=True, lost=why, forms=_forms(match[0])))
        position = end
    pieces.append(_Piece(blanked[position:], position, is_token=False, lost=None))
    return tuple(pieces)


@lru_cache(maxsize=_REMEMBERED)
def is_known(token: str) -> bool:
    """Tell whether a token is a word of technique or medicine, a number with or without unit, or a kernel."""
    if token.isdigit():
        return len(token) <= MOST_DIGITS
    if token.isalpha():
        return _is_known_word(token)
    if not token.isascii():
        runs = _RUN.findall(token)
        digits = sum(len(run) for run in runs if not run.isalpha())
        return "".join(runs) == token and digits <= 1 and all(_is_known_word(run) for run in runs if run.isalpha())
    measure = _MEASURE.fullmatch(token)
    if _NUMBER.fullmatch(token) or (measure and measure[2].lower() in UNITS):
        return True
    if _KERNEL.fullmatch(token) or _PRODUCT.fullmatch(token) or _B_VALUE.fullmatch(token):
        return True
    runs = _RUN.findall(token)
    letters = [run for run in runs if run.isalpha()]
    digits = sum(len(run) for run in runs if run.isdigit())
    most = MOST_DIGITS_BESIDE_LETTERS if any(len(run) > 1 for run in letters) else 2
    return "".join(runs) == token and digits <= most and all(map(_is_known_word, letters))


def _is_known_word(word: str) -> bool:
    if len(word) == 1:
        return word.isascii()
    known = text_words()
    small = folded(word)
    if small in known or (len(small) > _SHORTEST_STEM and small[-1] == "s" and small[:-1] in known):
        return True
    if _UNSPACED.search(word):
        return _is_chain(unicodedata.normalize("NFKC", word).lower())
    parts = _CAMEL.findall(word)
    return len(parts) > 1 and "".join(parts) == word and all(len(part) > 1 and folded(part) in known for part in parts)


def _is_chain(word: str) -> bool:
    """Tell whether a word of a script without blanks is known words of two letters and more, one after the other."""
    known, ends = text_words(), {0}
    for end in range(2, len(word) + 1):
        if any(start in ends and word[start:end] in known for start in range(end - 1)):
            ends.add(end)
    return len(word) in ends
