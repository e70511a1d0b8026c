"""What the engine remembers between objects, bounded by bytes, and how often each action was taken at each place."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeVar

from config.deid.profile import Path
from tasks.deidentify.actions import Action
from tasks.deidentify.engine.declined import Declined

LIMIT: Final = 32 << 20  # bytes, as counted by `weight`
LARGEST: Final = 1 << 16  # what is larger is met once
_ENTRY: Final = 300  # bytes of a dictionary entry and of the small objects in it, about

Pairs = tuple[tuple[tuple[Path, Action], int], ...]
Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory:
    """The weight of all that is remembered, and the deeds: what was done with an element, told by a number.

    A deed is the tag of an element and the pairs of place and action that it counts for, at any depth.
    """

    def __init__(self) -> None:
        self.weight = 0
        self._deeds: list[tuple[int, Pairs]] = []
        self._numbers: dict[tuple[int, Pairs], int] = {}
        self._sums: dict[tuple[int, ...], Pairs] = {}
        self._tables: dict[tuple[int, ...], Mapping[tuple[str, str], int]] = {}

    def is_full(self) -> bool:
        """Tell whether it is time to forget everything."""
        return self.weight > LIMIT

    def keep(self, cache: dict[Key, Value], key: Key, value: Value, size: int) -> Value:
        """Put a value into a cache, unless it is too large or nothing more fits; gives the value."""
        if size <= LARGEST and self.weight <= LIMIT:
            self.weight += size + _ENTRY
            cache[key] = value
        return value

    def deed(self, tag: int, pairs: Pairs) -> int:
        """Give the number of a deed."""
        number = self._numbers.get((tag, pairs))
        if number is None:
            number = self._numbers[tag, pairs] = len(self._deeds)
            self._deeds.append((tag, pairs))
            self.weight += _ENTRY * (1 + len(pairs))
        return number

    def pairs(self, trace: list[int]) -> Pairs:
        """Give the sum of the deeds at one level of an object.

        Raises
        ------
        Declined
            If the elements are not in the order of their tags, each once.
        """
        key = tuple(trace)
        found = self._sums.get(key)
        return self._summed(key) if found is None else found

    def _summed(self, trace: tuple[int, ...]) -> Pairs:
        last = -1
        total: Counter[tuple[Path, Action]] = Counter()
        for number in trace:
            tag, pairs = self._deeds[number]
            if tag <= last:
                raise Declined
            last = tag
            for what, count in pairs:
                total[what] += count
        return self.keep(self._sums, trace, tuple(sorted(total.items())), 8 * len(trace))

    def table(self, trace: list[int]) -> Mapping[tuple[str, str], int]:
        """Give the sum of the deeds of a whole object, by written place and action."""
        key = tuple(trace)
        found = self._tables.get(key)
        return self.keep(self._tables, key, _written(self.pairs(trace)), 8 * len(key)) if found is None else found


def _written(pairs: Pairs) -> dict[tuple[str, str], int]:
    return {
        (">".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path), action.value): count
        for (path, action), count in pairs
    }
