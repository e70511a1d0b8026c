"""A study description as the words that it is compared by."""

import re
import unicodedata

from config.vocab.loinc import spellings

CARET = "^"  # parts the region of a protocol from its name on some scanners
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # parts the words of names like ChestRoutine
_CJK = re.compile(r"([぀-ヿ㐀-鿿])")
_WORD = re.compile(r"[^\W_]+|\^|&|\+")
_AND = {"&": "and", "+": "and"}


def words_of(text: str) -> tuple[str, ...]:
    """Give the words of a description without case, accents and punctuation; each East Asian character is one."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", _HUMP.sub(" ", text)).casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    for pattern, replacement in spellings():
        plain = pattern.sub(replacement, plain)
    return tuple(_AND.get(word, word) for word in _WORD.findall(_CJK.sub(r" \1 ", plain)))
