"""A walk over the bytes of a data set that checks every header, length and nesting before anything is allocated.

The walk follows the same road as pydicom's reader, but refuses where that one repairs, guesses or stops early.
"""

from dataclasses import dataclass

from config.settings import ObjectLimits
from tasks.dicom.elements import (
    HEADER_BYTES,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Header,
    header_at,
    looks_implicit,
)
from tasks.dicom.refusal import Refusal
from tasks.dicom.syntaxes import Encoding

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_GROUPS_OF_OTHERS = frozenset({0x0000, 0x0002, 0xFFFE})  # command set, file meta, delimiters: never in a data set
_ITEM_ENCODING = {True: Encoding(implicit=True, little=True), False: Encoding(implicit=True, little=False)}


@dataclass(slots=True)
class _Walk:
    content: bytes
    limits: ObjectLimits
    elements: int = 0

    def element(self, header: Header, end: int, encoding: Encoding, depth: int) -> int:
        """Give the offset after the value of the element with this header."""
        self.elements += 1
        if self.elements > self.limits.max_elements:
            raise Refusal("DE-LIMIT")
        if header.length != UNDEFINED and header.value + header.length > end:
            raise Refusal("DE-PARSE")
        if header.holds_items():
            stop = end if header.length == UNDEFINED else header.value + header.length
            return self.sequence(header, stop, encoding, depth + 1)
        if header.length == UNDEFINED:
            return self.fragments(header.value, end, encoding)
        return header.value + header.length

    def sequence(self, header: Header, end: int, encoding: Encoding, depth: int) -> int:
        """Give the offset after the items of a sequence."""
        if depth > self.limits.max_depth:
            raise Refusal("DE-LIMIT")
        position = header.value
        while header.length == UNDEFINED or position < end:
            item = self._delimiter(position, end, encoding)
            if item.tag == SEQUENCE_END and item.length == 0:
                if header.length != UNDEFINED and item.value != end:
                    raise Refusal("DE-PARSE")
                return item.value
            if item.tag != ITEM:
                raise Refusal("DE-PARSE")
            position = self.item(item, end, encoding, depth)
        return position

    def item(self, item: Header, end: int, encoding: Encoding, depth: int) -> int:
        """Give the offset after an item."""
        undefined = item.length == UNDEFINED
        stop = end if undefined else item.value + item.length
        if stop > end:
            raise Refusal("DE-PARSE")
        if not encoding.implicit and looks_implicit(self.content, item.value):
            encoding = _ITEM_ENCODING[encoding.little]
        position = item.value
        seen: set[int] = set()
        while undefined or position < stop:
            header = header_at(self.content, position, stop, encoding)
            if header.tag == ITEM_END and undefined:
                return position + HEADER_BYTES
            self._expect_new(header.tag, seen)
            position = self.element(header, stop, encoding, depth)
        return position

    def fragments(self, position: int, end: int, encoding: Encoding) -> int:
        """Give the offset after the fragments of encapsulated data (PS3.5 section A.4)."""
        while True:
            item = self._delimiter(position, end, encoding)
            if item.tag == SEQUENCE_END:
                return item.value
            position = item.value + item.length
            if item.tag != ITEM or position > end:
                raise Refusal("DE-PARSE")

    def _delimiter(self, position: int, end: int, encoding: Encoding) -> Header:
        return header_at(self.content, position, end, _ITEM_ENCODING[encoding.little])

    def _expect_new(self, tag: int, seen: set[int]) -> None:
        if tag in seen or tag >> 16 in _GROUPS_OF_OTHERS:
            raise Refusal("DE-PARSE")
        seen.add(tag)

    def dataset(self, position: int, encoding: Encoding) -> int:
        """Give the offset after the last element of the data set."""
        end = len(self.content)
        seen: set[int] = set()
        has_pixels = False
        while position < end:
            try:
                header = header_at(self.content, position, end, encoding)
                self._expect_new(header.tag, seen)
                position = self.element(header, end, encoding, depth=0)
            except Refusal as refusal:
                if refusal.rule_id == "DE-PARSE" and (has_pixels or self._only_zeros_from(position)):
                    return position
                raise
            has_pixels = has_pixels or header.tag in PIXEL_TAGS
        return position

    def _only_zeros_from(self, position: int) -> bool:
        return self.content.count(0, position) == len(self.content) - position


def dataset_end(content: bytes, start: int, encoding: Encoding, limits: ObjectLimits) -> int:
    """Give the offset at which the data set ends; what follows is no part of it and is dropped.

    Bytes that are no element are such a trailer after the pixel data, and where they are all zero; anywhere else
    they make the object unreadable. An element that comes twice at one level does too: no copy of it can be trusted.

    Raises
    ------
    Refusal
        DE-PARSE if the structure is cut off or broken, DE-LIMIT if it passes a limit.
    """
    return _Walk(content, limits).dataset(start, encoding)


def element_end(content: bytes, position: int, encoding: Encoding, limits: ObjectLimits) -> int:
    """Give the offset at which the element at `position` ends, whatever its length says about it.

    Raises
    ------
    Refusal
        DE-PARSE if its structure is cut off or broken, DE-LIMIT if it passes a limit.
    """
    end = len(content)
    return _Walk(content, limits).element(header_at(content, position, end, encoding), end, encoding, depth=0)
