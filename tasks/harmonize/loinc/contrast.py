"""The contrast that a description tells of: given, not given, both, not said, or said in a way that tells nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.harmonize.loinc.lexicon import UNKNOWN, Item

BOTH = "WO & W"
_GIVEN = {"with": "W", "without": "WO"}
_PASSED = ("skip", "and", "or")  # may stand between a preposition and what it belongs to
_NOUNS = (
    "region",
    "method",
    "flag",
    "side",
    "view",
    "number",
    "guidance",
    "reason",
)  # "w 3D", "with lateral": not of contrast


@dataclass(frozen=True, slots=True)
class Contrast:
    """`value` is of `config.vocab.terms.LOINC_CONTRAST` or null; `is_unclear`: it was said and not understood."""

    value: str | None = None
    is_unclear: bool = False


def contrast_of(items: Sequence[Item]) -> Contrast:
    """Give the contrast that items tell of."""
    found: set[str] = set()
    unclear, place = False, 0
    while place < len(items):
        item = items[place]
        found.update(item.of("contrast"))
        unclear = unclear or item.says("maybe")
        kind = _preposition(items, place)
        place += 1
        if kind:
            given, place = _given(items, place, kind)
            found.update(given)
            unclear = unclear or not given
        elif item.says("agent") or item.says("con"):
            found.add("agent")
    return _decided(found, items, unclear=unclear)


def _decided(found: set[str], items: Sequence[Item], *, unclear: bool) -> Contrast:
    told = found - {"agent"}
    if any(item.says("maybe") for item in items):
        return Contrast(is_unclear=True)
    if BOTH in told:
        return Contrast(BOTH)
    is_one_region = len({region for item in items for region in item.of("region")}) <= 1
    if len(told) > 1:  # once with and once without: of one region both, of several nobody knows which
        return Contrast(BOTH) if is_one_region else Contrast(is_unclear=True)
    if told:
        is_sure = is_one_region or not unclear or told == {"W"}
        return Contrast(next(iter(told))) if is_sure else Contrast(is_unclear=True)
    return Contrast("W") if "agent" in found else Contrast(is_unclear=unclear)


def _preposition(items: Sequence[Item], place: int) -> str:
    item = items[place]
    for kind in _GIVEN:
        if item.says(kind):
            return kind
    following = _next(items, place + 1)
    is_with = item.says("con") and following is not None and (following.says("agent") or following.says("without"))
    return "with" if is_with else ""


def _given(items: Sequence[Item], place: int, kind: str) -> tuple[set[str], int]:
    """Tell what a preposition says of contrast, and where the items after it begin."""
    is_choice = False
    while place < len(items) and any(items[place].says(one) for one in _PASSED):
        is_choice = is_choice or items[place].says("or")
        place += 1
    if place == len(items):
        return {_GIVEN[kind]}, place
    return _told_by(items[place], place, kind, is_choice=is_choice)


def _told_by(item: Item, place: int, kind: str, *, is_choice: bool) -> tuple[set[str], int]:
    """Tell it by the item that follows."""
    is_other = item.says("without") if kind == "with" else item.says("with") or item.says("con")
    if is_other or (is_choice and item.says("contrast")):
        return set() if is_choice else {BOTH}, place + 1
    if item.says("agent"):
        return {_GIVEN[kind]}, place + 1
    nouns = (UNKNOWN,) if kind == "without" else (UNKNOWN, *_NOUNS)
    return set() if any(item.says(one) for one in nouns) else {_GIVEN[kind]}, place


def _next(items: Sequence[Item], place: int) -> Item | None:
    return next((item for item in items[place:] if not item.says("and")), None)
