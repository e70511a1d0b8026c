"""Places in a data set as the answer key writes them, and the text that stands there.

A standard element is ``<(0008,1155)>``, one in the first item of a sequence ``<(0008,1140)>[<0000>]<(0008,1155)>``, a
private one is named by its creator in capitals and the last byte of its element, whatever its block:
``<(0019,"CREATOR",92)>``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pydicom import DataElement, Dataset

_STEP = re.compile(
    r'<\((?P<group>[0-9A-Fa-f]{4}),(?:(?P<element>[0-9A-Fa-f]{4})|"(?P<creator>.*?)",(?P<byte>[0-9A-Fa-f]{2}))\)>'
    r"(?:\[<(?P<item>\d{4,})>\])?"
)
_FIRST_BLOCK, _LAST_BLOCK = 0x10, 0xFF
BULK = frozenset({0x7FE00010, 0x00020001})  # the key says no more of these than that they are there
OVERLAY_DATA, OVERLAY_GROUP = 0x3000, 0x60
THERE = "REMOVED"  # what the key writes for them


@dataclass(frozen=True, slots=True)
class Step:
    """One element on the way to a place; `creator` is empty for a standard one, `item` null for the last one."""

    group: int
    element: int
    creator: str = ""
    item: int | None = None


class PlaceError(ValueError):
    """The text is no place."""


@lru_cache(maxsize=65536)
def parse_place(text: str) -> tuple[Step, ...]:
    """Read a place.

    Raises
    ------
    PlaceError
        If it is none.
    """
    steps: list[Step] = []
    position = 0
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            raise PlaceError
        group, element = int(found["group"], 16), int(found["element"] or found["byte"], 16)
        steps.append(
            Step(group, element, found["creator"] or "", None if found["item"] is None else int(found["item"]))
        )
        position = found.end()
    if not steps or steps[-1].item is not None or any(step.item is None for step in steps[:-1]):
        raise PlaceError
    return tuple(steps)


def element_at(dataset: Dataset, place: tuple[Step, ...]) -> DataElement | None:
    """Give the element at a place, or null if the data set has none there."""
    *above, last = place
    for step in above:
        tag = _tag(dataset, step)
        items = dataset[tag].value if tag is not None and dataset[tag].VR == "SQ" else ()
        if step.item is None or step.item >= len(items or ()):
            return None
        dataset = items[step.item]
    tag = _tag(dataset, last)
    return None if tag is None else dataset[tag]


def _tag(dataset: Dataset, step: Step) -> int | None:
    if not step.creator:
        tag = step.group << 16 | step.element
        return tag if tag in dataset else None
    for block in range(_FIRST_BLOCK, _LAST_BLOCK + 1):
        tag = step.group << 16 | block << 8 | step.element
        if tag in dataset and _creator(dataset, step.group << 16 | block) == step.creator.upper():
            return tag
    return None


def _creator(dataset: Dataset, tag: int) -> str:
    return str(dataset[tag].value).strip().upper() if tag in dataset else ""


def text_at(dataset: Dataset, place: tuple[Step, ...]) -> str | None:
    """Give the value at a place as the key would write it, or null if there is no element; empty values are empty."""
    element = element_at(dataset, place)
    if element is None:
        return None
    tag = int(element.tag)
    if tag in BULK or (tag >> 24 == OVERLAY_GROUP and tag & 0xFFFF == OVERLAY_DATA):
        return THERE
    return "" if element.value is None else str(element.value).strip()


def elements_in(dataset: Dataset, above: str = "") -> Iterator[tuple[str, DataElement]]:
    """Give every standard element at every depth with its place."""
    for element in dataset:
        if element.tag.is_private:
            continue
        place = f"{above}<({element.tag.group:04x},{element.tag.element:04x})>"
        yield place, element
        if element.VR == "SQ":
            for number, item in enumerate(element.value or ()):
                yield from elements_in(item, f"{place}[<{number:04d}>]")
