"""Pixel data as slices of the source: checked and cleaned as in `tasks.dicom.pixels`, and copied only if changed."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.fileparts import Layout
from tasks.deidentify.engine.levels import Stated
from tasks.deidentify.engine.pixel_search import PixelSearch
from tasks.dicom.pixels import Image, clean_encapsulated
from tasks.dicom.silence import silenced
from tasks.dicom.spare_bits import Cells, clear_spare_bits
from tasks.dicom.syntaxes import Family

DESCRIPTION: Final = (
    0x00280002,  # Samples per Pixel
    0x00280004,  # Photometric Interpretation
    0x00280008,  # Number of Frames
    0x00280010,  # Rows
    0x00280011,  # Columns
    0x00280100,  # Bits Allocated
    0x00280101,  # Bits Stored
    0x00280102,  # High Bit
    0x00280103,  # Pixel Representation
)
OFFSET_TABLES: Final = (0x7FE00001, 0x7FE00002)
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\0\0\0\0"
_WORD_BITS = 16
NO_BOUND: Final = 0x100  # no byte reaches it
_LEAST = -0x1000  # its high byte is 0xF0


@dataclass(frozen=True, slots=True)
class Awaited:
    """What must hold of pixel data that pass by: so many bytes, no spare bit set, nothing of `search` in them.

    A stretch of words of 16 bits whose high bytes all stay below `bound` needs no search. Pixels that are all alike
    repeat after `pixel_bytes`.
    """

    length: int
    cells: Cells
    bound: int
    search: PixelSearch
    pixel_bytes: int

    def lets_pass(self, stretch: memoryview, before: bytes) -> bool:
        """Tell whether a stretch of whole cells may pass.

        Parameters
        ----------
        before
            The last bytes of the stretch before it, `REACH` of them.
        """
        if self.bound == NO_BOUND and self.cells.stored == self.cells.allocated:
            return True
        top = NO_BOUND
        if self.cells.allocated == _WORD_BITS:
            lowest = _smallest(stretch) if self.cells.is_signed else 0
            highest = _largest(stretch, signed=self.cells.is_signed)
            end = 1 << (self.cells.stored - self.cells.is_signed)
            if highest >= end or lowest < -end:
                return False
            top = max(highest, 0) >> 8 if lowest >= _LEAST else NO_BOUND
        return top < self.bound or not self.search.may_be_in(before, stretch)


@dataclass(frozen=True, slots=True)
class PixelPart:
    """Pixel data of the result: header, value, what closes it.

    `words` tells that the value are words of 16 bits, and whether they are signed; null that they are not. `cells` is
    there if the value is not at hand: `length` bytes that lie in such cells. `image` and `family` say how it is coded.
    """

    image: Image
    family: Family

    header: bytes
    value: memoryview
    closing: bytes
    is_changed: bool
    words: bool | None = None
    length: int = 0
    cells: Cells | None = None

    def highest(self) -> int:
        """Give a byte value that every second byte of the value stays at or below, unless it is 0xF0 or more."""
        if self.words is None or len(self.value) % 2:
            return NO_BOUND
        if self.words and _smallest(self.value) < _LEAST:
            return NO_BOUND
        return max(_largest(self.value, signed=self.words), 0) >> 8


def native_part(image: Image, stated: Stated, header: bytes, value: memoryview) -> PixelPart:
    """Give native pixel data cut to their size, with spare bits cleared.

    Raises
    ------
    Declined
        If they are too short.
    """
    size = image.native_bytes(len(value))
    padded = size + size % 2
    if len(value) < size:
        raise Declined
    whole = value
    if len(value) != padded or (padded > size and value[-1] != 0):
        value = memoryview(bytes(value[:size]) + b"\0" * (padded - size))
    value = _cleared(value, image.cells)
    if len(value) != stated.length:
        header = header[:-4] + len(value).to_bytes(4, "little")
    words = image.cells.is_signed if image.cells.allocated == _WORD_BITS else None
    return PixelPart(image, Family.NATIVE, header, value, b"", value is not whole, words)


def awaited_part(image: Image, stated: Stated, header: bytes) -> PixelPart:
    """Give native pixel data whose value is not at hand; it must be as long as the image and even.

    Raises
    ------
    Declined
        If it is not, or if its spare bits are none that can be seen in passing.
    """
    cells = image.cells
    is_plain = cells.stored == cells.allocated or (cells.allocated == _WORD_BITS and cells.high == cells.stored - 1)
    if stated.length != image.native_bytes(stated.length) or stated.length % 2 or not is_plain:
        raise Declined
    nothing = memoryview(b"")
    return PixelPart(image, Family.NATIVE, header, nothing, b"", is_changed=False, length=stated.length, cells=cells)


def _cleared(value: memoryview, cells: Cells) -> memoryview:
    if cells.stored >= cells.allocated:
        return value
    if cells.allocated == _WORD_BITS and cells.high == cells.stored - 1:
        end = 1 << (cells.stored - cells.is_signed)
        smallest = _smallest(value) if cells.is_signed else 0
        if _largest(value, signed=cells.is_signed) < end and smallest >= -end:
            return value
    before = bytes(value)
    after = clear_spare_bits(before, cells)
    return value if after is before else memoryview(after)


def _smallest(value: memoryview) -> int:
    """Give the smallest signed word."""
    return int(np.frombuffer(value, "<i2").min()) if len(value) else 0


def _largest(value: memoryview, *, signed: bool) -> int:
    """Give the largest signed word, or all unsigned ones or'ed together."""
    if not len(value):
        return 0
    if signed:
        return int(np.frombuffer(value, "<i2").max())
    return int(np.bitwise_or.reduce(np.frombuffer(value, "<u2")))


def encapsulated_part(image: Image, layout: Layout, header: bytes, value: memoryview) -> PixelPart:
    """Give encapsulated pixel data with clean code streams; `value` ends before the sequence delimiter.

    Raises
    ------
    Refusal
        As `tasks.dicom.pixels.clean_encapsulated` does.
    """
    with silenced():
        after = clean_encapsulated(image, value, layout.family)
    return PixelPart(image, layout.family, header, memoryview(after), _SEQUENCE_END, is_changed=after is not value)


def is_native(layout: Layout) -> bool:
    """Tell whether pixel data are native."""
    return layout.family is Family.NATIVE
