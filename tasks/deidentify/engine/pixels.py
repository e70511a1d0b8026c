"""Pixel data as slices of the source: checked and cleaned as in `tasks.dicom.pixels`, and copied only if changed."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from pydicom import DataElement, Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID

from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.fileparts import Layout
from tasks.deidentify.engine.levels import Stated
from tasks.dicom.pixels import Image, clean_pixel_carriers
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
_UNKNOWN = 0x100
_LEAST = -0x1000  # its high byte is 0xF0


@dataclass(frozen=True, slots=True)
class PixelPart:
    """Pixel data of the result: header, value, what closes it.

    `words` tells that the value are words of 16 bits, and whether they are signed; null that they are not.
    """

    header: bytes
    value: memoryview
    closing: bytes
    is_changed: bool
    words: bool | None = None

    def highest(self) -> int:
        """Give a byte value that every second byte of the value stays at or below, unless it is 0xF0 or more."""
        if self.words is None or len(self.value) % 2:
            return _UNKNOWN
        if self.words and _smallest(self.value) < _LEAST:
            return _UNKNOWN
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
    return PixelPart(header, value, b"", value is not whole, words)


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


def encapsulated_part(description: Dataset, layout: Layout, tag: int, header: bytes, value: memoryview) -> PixelPart:
    """Give encapsulated pixel data with clean code streams; `value` ends before the sequence delimiter.

    Raises
    ------
    Refusal
        As `tasks.dicom.pixels.clean_pixel_carriers` does.
    """
    dataset = FileDataset("", dict(description.items()), None, FileMetaDataset())
    dataset.file_meta.TransferSyntaxUID = UID(layout.syntax)
    before = bytes(value)
    dataset[tag] = DataElement(tag, "OB", before, already_converted=True)
    dataset[tag].is_undefined_length = True
    clean_pixel_carriers(dataset)
    after = dataset[tag].value
    is_changed = after is not before
    return PixelPart(header, memoryview(after) if is_changed else value, _SEQUENCE_END, is_changed)


def is_native(layout: Layout) -> bool:
    """Tell whether pixel data are native."""
    return layout.family is Family.NATIVE
