"""What the words of a description mean: the longest phrase that is known, else a slip of the pen or a cut word."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from config.vocab.loinc import Meaning, word_rows
from tasks.harmonize.loinc.text import words_of

Phrase = tuple[str, ...]
_SHORTEST_SLIP = 6  # letters; shorter words are one letter away from too many others
_SHORTEST_SWAP = 5  # letters of a word in which two have changed places
_SHORTEST_CUT = 4
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
UNKNOWN = "unknown"
_DIGITS = tuple("123456789")
_GUESSED = (
    "region",
    "with",
    "without",
    "agent",
    "contrast",
    "flag",
    "side",
    "view",
    "views",
)  # kinds that a slip may stand for


@dataclass(frozen=True, slots=True)
class Item:
    """A phrase of a description by what it means; `is_guess` tells that it was not spelt so."""

    meanings: tuple[Meaning, ...]
    is_guess: bool = False

    def says(self, kind: str) -> bool:
        """Tell whether a meaning is of a kind."""
        return any(one == kind for one, _ in self.meanings)

    def of(self, kind: str) -> Iterator[str]:
        """Give the values of a kind."""
        return (value for one, value in self.meanings if one == kind)


@cache
def lexicon(family: str) -> Mapping[Phrase, tuple[Meaning, ...]]:
    """Give the phrases of a family of modalities; those of a row that names the family stand above those of all."""
    general: dict[Phrase, tuple[Meaning, ...]] = {}
    own: dict[Phrase, tuple[Meaning, ...]] = {}
    for row in word_rows():
        if not row.families or family in row.families:
            chosen = own if row.families else general
            chosen.update((words_of(phrase), row.meanings) for phrase in row.phrases)
    return MappingProxyType(general | own)


@cache
def _longest(family: str) -> int:
    return max(map(len, lexicon(family)))


def items_of(words: Phrase, family: str) -> list[Item]:
    """Give the meanings of words in their order, taking the longest phrase at each place."""
    known, items, place = lexicon(family), list[Item](), 0
    while place < len(words):
        for length in range(min(_longest(family), len(words) - place), 0, -1):
            meanings = known.get(words[place : place + length])
            if meanings is not None:
                items.append(Item(meanings))
                place += length
                break
        else:
            items.append(_alone(words[place], family))
            place += 1
    return items


@lru_cache(maxsize=4096)
def _alone(word: str, family: str) -> Item:
    if word in _DIGITS:
        return Item((("number", word),))
    meanings = _cut_short(word, family) or _slip(word, family)
    return Item(meanings, is_guess=True) if meanings else Item(((UNKNOWN, ""),))


def _cut_short(word: str, family: str) -> tuple[Meaning, ...] | None:
    """Give what all words that begin like this one mean, if they mean the same."""
    if len(word) < _SHORTEST_CUT:
        return None
    found = {
        meanings for phrase, meanings in lexicon(family).items() if len(phrase) == 1 and phrase[0].startswith(word)
    }
    return _one_of(found)


def _slip(word: str, family: str) -> tuple[Meaning, ...] | None:
    """Give what the words one letter away mean, if they mean the same; the first letter is seldom the wrong one."""
    if len(word) < _SHORTEST_SWAP or not (word.isascii() and word.isalpha()):
        return None
    known = lexicon(family)
    near = set(_swapped(word)) | (set(_one_letter_away(word)) if len(word) >= _SHORTEST_SLIP else set())
    return _one_of({known[one,] for one in near if (one,) in known and len(one) > _SHORTEST_CUT})


def _one_of(found: set[tuple[Meaning, ...]]) -> tuple[Meaning, ...] | None:
    if len(found) != 1:
        return None
    (meanings,) = found
    return meanings if all(kind in _GUESSED for kind, _ in meanings) else None


def _one_letter_away(word: str) -> Iterator[str]:
    for place in range(1, len(word) + 1):
        head, tail = word[:place], word[place:]
        yield from (head + letter + tail for letter in _LETTERS)
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in _LETTERS)


def _swapped(word: str) -> Iterator[str]:
    return (word[:place] + word[place + 1] + word[place] + word[place + 2 :] for place in range(len(word) - 1))
