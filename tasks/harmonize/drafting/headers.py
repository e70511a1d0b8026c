"""What a header says that its column is: by the words of many sites, with what is left over."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from config.vocab.headers import HeaderWord, fillers, header_words, words_of
from config.vocab.measurements import conversions

EXACT, WITH_NUMBER, PARTIAL = 1.0, 0.97, 0.9
_UNIT = re.compile(r"[\[(]\s*([^\[\]()]{1,20})\s*[\])]")
_FIRST_OF_EAST_ASIA = 0x2E80


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A field that a header may name: how well from 0 to 1, the words that say so, and which of several it is."""

    field: str
    score: float
    language: str
    words: str
    ordinal: tuple[str, ...] = ()
    name: str = ""


def header_matches(header: str) -> list[HeaderMatch]:
    """Give the fields that a header may name, the best match of each, best first."""
    words = words_of(_UNIT.sub(" ", header)) or words_of(header)
    best: dict[tuple[str, str], tuple[tuple[float, int], HeaderMatch]] = {}
    for known in header_words():
        match = _match(known, words)
        rank = (match.score, len(known.words)) if match else (0.0, 0)
        if match and rank > best.get((known.field, known.name), ((0.0, 0), match))[0]:
            best[known.field, known.name] = (rank, match)
    return [match for _, match in sorted(best.values(), key=_order)]


def _order(found: tuple[tuple[float, int], HeaderMatch]) -> tuple[float, int, str, str]:
    (score, words), match = found
    return -score, -words, match.field, match.name


def unit_of(header: str) -> str | None:
    """Give what stands in brackets in a header, such as the C of ``Temp (C)``."""
    found = _UNIT.search(header)
    return found[1].strip() if found else None


def _match(known: HeaderWord, words: tuple[str, ...]) -> HeaderMatch | None:
    if any(ord(letter) >= _FIRST_OF_EAST_ASIA for word in known.words for letter in word):
        return _match_unspaced(known, "".join(words))
    if not set(known.words) <= set(words):
        return None
    rest = [word for word in words if word not in known.words and (known.name, word) not in conversions()]
    ordinal = tuple(word for word in rest if word.isdigit() or word in fillers()["ordinal"])
    silent = fillers()["filler"] | (fillers()["moment"] if known.name else frozenset())
    others = [word for word in rest if word not in ordinal and word not in silent]
    share = len(known.words) / (len(known.words) + len(others))
    score = EXACT if not rest else WITH_NUMBER if not others else PARTIAL * share
    return HeaderMatch(known.field, score, known.language, " ".join(known.words), ordinal, known.name)


def _match_unspaced(known: HeaderWord, text: str) -> HeaderMatch | None:
    phrase = "".join(known.words)
    if phrase not in text:
        return None
    rest = text.replace(phrase, "", 1)
    score = EXACT if not rest else WITH_NUMBER if rest.isdigit() else PARTIAL * len(phrase) / len(text)
    return HeaderMatch(known.field, score, known.language, phrase, (rest,) if rest.isdigit() else (), known.name)


def languages_of(headers: Iterable[str]) -> Counter[str]:
    """Count, for each language, the headers that are wholly words of it."""
    votes: Counter[str] = Counter()
    for header in headers:
        words = words_of(header)
        votes.update({known.language for known in header_words() if known.words == words})
    return votes
