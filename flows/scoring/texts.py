"""How much of one text is left in another, counted as the public scorer counts it: by words, numbers as numbers."""

import re
from typing import Final

# English words of the closed classes; that one of them is left or gone says nothing.
STOP_WORDS: Final = frozenset(
    """
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it
    its itself they them their theirs themselves what which who whom this that these those am is are was were be been
    being have has had having do does did doing a an the and but if or because as until while of at by for with about
    against between into through during before after above below to from up down in out on off over under again further
    then once here there when where why how all any both each few more most other some such no nor not only own same so
    than too very s t can will just don should now d ll m o re ve y ain aren couldn didn doesn hadn hasn haven isn ma
    mightn mustn needn shan shouldn wasn weren won wouldn
    """.split()  # noqa: SIM905 -- words are read as words
)
_BRACKETS = re.compile(r"[<>]")
_BETWEEN_WORDS = re.compile(r"[;@#$%&?!()\[\]{}\"`*]+|[:,](?!\d)|--+|\.\.\.|\s+")
_AROUND_WORDS = ".,:'-_/\\|~^+="


def words_of(text: str) -> list[str]:
    """Give the words of a text in small letters, without stop words and signs."""
    parts = (part.strip(_AROUND_WORDS) for part in _BETWEEN_WORDS.split(text.lower()))
    return [part for part in parts if part and part not in STOP_WORDS]


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def share_left(text: str, found: str) -> float | None:
    """Give the share of a text that is found, from 0 to 1, or null for a text without words.

    Both numbers: whether they are equal. Else 1 if the whole text is found, else the share of its words that are, each
    also inside a longer word. Letters' case and angle brackets do not count.
    """
    text, found = (_BRACKETS.sub("", one).lower().strip() for one in (text, found))
    if _is_number(text) and _is_number(found):
        return float(float(text) == float(found))
    if text and text in found:
        return 1.0
    words = words_of(text)
    return sum(word in found for word in words) / len(words) if words else None
