"""What a description says of an exam, as far as its words are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.harmonize.loinc.contrast import Contrast, contrast_of
from tasks.harmonize.loinc.lexicon import UNKNOWN, Item, items_of
from tasks.harmonize.loinc.text import CARET, words_of
from tasks.harmonize.loinc.views import Views, views_of

CONTRASTED = ("CT", "MR", "PT")  # of other kinds of imaging, contrast given by vein is no part of the name


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read; `first_method` is empty where none is said.

    `guesses` and `unknown` count the words that were not spelt right and that mean nothing to us.
    """

    methods: frozenset[str]
    first_method: str
    regions: frozenset[str]
    sides: frozenset[str]
    flags: frozenset[str]
    guidance: frozenset[str]
    contrast: Contrast
    views: Views
    is_refused: bool
    guesses: int
    unknown: int


def read(description: str, family: str) -> Reading:
    """Read a description of a study in one family of modalities.

    A protocol's region (``Thorax^ROUTINE``) counts where its name says none.
    """
    words = words_of(description)
    parted = words.index(CARET) if CARET in words else -1
    before = items_of(words[: max(parted, 0)], family)
    items = items_of(tuple(word for word in words[parted + 1 :] if word != CARET), family)
    regions = _all(items, "region") or _all(before, "region")
    return Reading(
        methods=_all([*before, *items], "method"),
        first_method=next((method for item in [*before, *items] for method in item.of("method")), ""),
        regions=regions,
        sides=_all(items, "side"),
        flags=_all(items, "flag"),
        guidance=_all(items, "guidance"),
        contrast=contrast_of(items) if family in CONTRASTED else Contrast(),
        views=views_of(items),
        is_refused=any(item.says("refuse") for item in items) or _is_of_two_kinds(items),
        guesses=sum(item.is_guess for item in items),
        unknown=sum(item.says(UNKNOWN) for item in items),
    )


def _is_of_two_kinds(items: Sequence[Item]) -> bool:
    """Tell whether angiography is said of some regions and not of others, as in ``CTA CHEST AND CT ABDOMEN``."""
    starts = [0, *(place for place, item in enumerate(items) if place and item.says("method"))]
    parts = [items[start:end] for start, end in pairwise([*starts, len(items)])]
    return len({"angio" in _all(part, "flag") for part in parts if _all(part, "region")}) > 1


def _all(items: Sequence[Item], kind: str) -> frozenset[str]:
    return frozenset(value for item in items for value in item.of(kind))
