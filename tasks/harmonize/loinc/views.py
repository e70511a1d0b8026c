"""The views of a radiograph: how many, and which."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.harmonize.loinc.lexicon import Item

_TOLD = ("number", "or", "and", "more", "least", "skip", "reason")


@dataclass(frozen=True, slots=True)
class Views:
    """The number of views (`most` is null where it is `fewest` or more), 0 where no number is said; and their names."""

    fewest: int = 0
    most: int | None = 0
    names: frozenset[str] = frozenset()


def views_of(items: Sequence[Item]) -> Views:
    """Give the views that items tell of; numbers of several groups of views tell none."""
    names = frozenset(name for item in items for name in item.of("view"))
    counts = [count for place, item in enumerate(items) if item.says("views") and (count := _count(items, place))]
    if len(set(counts)) != 1:
        return Views(names=names)
    ((fewest, most),) = set(counts)
    return Views(fewest, most, names)


def _count(items: Sequence[Item], place: int) -> tuple[int, int | None] | None:
    """Give the numbers that stand before the word for views, or after it where none stands before."""
    start = place
    while start and any(items[start - 1].says(kind) for kind in _TOLD):
        start -= 1
    told = items[start:place]
    numbers = [int(number) for item in told for number in item.of("number")]
    if not numbers:
        following = items[place + 1 : place + 2]
        numbers = [int(number) for item in following for number in item.of("number")]
    if not numbers:
        return None
    if any(item.says("more") or item.says("least") for item in told):
        return numbers[-1], None
    return min(numbers[-2:]), max(numbers[-2:])
