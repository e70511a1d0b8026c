"""Pixel data as slices of the source: checked, cut and cleaned like `tasks.dicom.pixels` does, copied only if changed."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
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
_UNKNOWN = 0xFF


@dataclass(frozen=True, slots=True)
class PixelPart:
    """Pixel data of the result: header, value, what closes it.

    `highest` is a byte value that every second byte of the value stays at or below, unless it is above ASCII; 255 if
    that is not known.
    """

    header: bytes
    value: memoryview
    closing: bytes
    highest: int
    is_changed: bool


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
    value, highest = _cleared(value, image.cells)
    if len(value) != stated.length:
        header = header[:-4] + len(value).to_bytes(4, "little")
    return PixelPart(header, value, b"", highest, value is not whole)


def _cleared(value: memoryview, cells: Cells) -> tuple[memoryview, int]:
    if cells.allocated != _WORD_BITS or len(value) % 2:
        return _cleared_slowly(value, cells), _UNKNOWN
    low, high = _range(value, signed=cells.is_signed)
    half = 1 << (cells.stored - 1)
    fits = cells.high == cells.stored - 1 and (-half <= low and high < half if cells.is_signed else high < 2 * half)
    if not fits:
        value = _cleared_slowly(value, cells)
        low, high = _range(value, signed=cells.is_signed)
    return value, max(high, 0) >> 8


def _range(value: memoryview, *, signed: bool) -> tuple[int, int]:
    """Give bounds of the words: the smallest and largest signed ones, or 0 and all unsigned ones or'ed together."""
    if not len(value):
        return 0, 0
    if signed:
        numbers: NDArray[np.int16] = np.frombuffer(value, "<i2")
        return int(numbers.min()), int(numbers.max())
    return 0, int(np.bitwise_or.reduce(np.frombuffer(value, "<u2")))


def _cleared_slowly(value: memoryview, cells: Cells) -> memoryview:
    if cells.stored >= cells.allocated:
        return value
    before = bytes(value)
    after = clear_spare_bits(before, cells)
    return value if after is before else memoryview(after)


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
    return PixelPart(header, memoryview(after) if is_changed else value, _SEQUENCE_END, _UNKNOWN, is_changed)


def is_native(layout: Layout) -> bool:
    """Tell whether pixel data are native."""
    return layout.family is Family.NATIVE


