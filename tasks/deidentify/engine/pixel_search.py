"""The search for names among pixels: most pixel data are told apart from text at a glance."""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.deidentify.residual import SHORTEST_IN_PIXELS, found_in_pixels
from tasks.identifiers.needle import Kind, Needle

_STEP: Final = 4  # bytes: a needle of six or more holds two whole words of 16 bits from one of its first four bytes on
_WORDS: Final = 1 << 16
_CHUNK: Final = 1 << 20  # bytes
REACH: Final = 256  # bytes of a needle that are looked for; as many of one stretch belong to the next


class PixelSearch:
    """Looks for names and identifiers among pixels that pass by; the tables are made when they are needed."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._needles = needles

    @cached_property
    def _suspects(self) -> frozenset[Needle]:
        return frozenset(needle for needle in self._needles if needle.kind in (Kind.NAME, Kind.IDENTIFIER))

    @cached_property
    def _variants(self) -> set[bytes]:
        spellings = (needle.text.encode("utf-8") for needle in self._suspects)
        long = (spelling[:REACH] for spelling in spellings if len(spelling) >= SHORTEST_IN_PIXELS)
        return {variant for spelling in long for variant in (spelling, spelling.upper(), spelling.title())}

    @cached_property
    def _tables(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return _tables(self._variants)

    def may_be_in(self, before: bytes, stretch: memoryview) -> bool:
        """Tell whether one of them may begin in `before`, the end of an earlier stretch, or in this one."""
        if not self._variants:
            return False
        seam = memoryview(before + bytes(stretch[:REACH]))
        return any(_may_stand_in(part, self._variants, self._tables) for part in (seam, stretch))

    def finds(self, value: memoryview) -> bool:
        """Tell what `tasks.deidentify.residual.found_in_pixels` would, without looking at every byte for each."""
        stretches = (value[start : start + _CHUNK + REACH] for start in range(0, len(value), _CHUNK))
        may_be = any(self.may_be_in(b"", stretch) for stretch in stretches)
        return may_be and bool(found_in_pixels(bytes(value), self._suspects))


def _tables(variants: set[bytes]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Give which words a needle can have at a place that `_STEP` divides, and which after it."""
    first: NDArray[np.bool_] = np.zeros(_WORDS, dtype=np.bool_)
    second = first.copy()
    for variant in variants:
        for start in range(_STEP):
            first[int.from_bytes(variant[start : start + 2], "little")] = True
            after = variant[start + 2 : start + 4]
            if len(after) == 2:  # noqa: PLR2004 -- a whole word
                second[int.from_bytes(after, "little")] = True
            else:
                second[after[0] :: 256] = True
    return first, second


def _may_stand_in(chunk: memoryview, variants: set[bytes], tables: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> bool:
    words: NDArray[np.uint16] = np.frombuffer(chunk[: len(chunk) // 2 * 2], "<u2")
    places = np.flatnonzero(tables[0][words[::2]]) * 2
    followed = places[places + 1 < len(words)]
    places = np.concatenate((followed[tables[1][words[followed + 1]]], places[len(followed) :])) * 2
    longest = max(map(len, variants))
    nearby = (chunk[max(place - _STEP + 1, 0) : place + longest] for place in places.tolist())
    any_variant = re.compile(b"|".join(map(re.escape, sorted(variants))))
    return any(any_variant.search(near) for near in nearby)
