"""Pixel data against the image's own description, and what they can carry besides pixels taken out of them."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.dataset import FileDataset

from tasks.dicom.codestreams import STARTS, clean_code_stream, is_code_stream
from tasks.dicom.elements import UNDEFINED
from tasks.dicom.encapsulation import encapsulate, frames_of
from tasks.dicom.picture import Picture
from tasks.dicom.refusal import Refusal
from tasks.dicom.rle import masked_frame, segments_of
from tasks.dicom.silence import silenced
from tasks.dicom.spare_bits import Cells, byte_tables, clear_spare_bits
from tasks.dicom.syntaxes import Family, family_of

_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}
_ALLOWED_BITS = (1, 8, 16, 32, 64)
_MAX_SAMPLES = 4
_Value = TypeVar("_Value", bytes, memoryview)


@dataclass(frozen=True, slots=True)
class Image:
    """The image as its header describes it (PS3.3 section C.7.6.3)."""

    keyword: str
    rows: int
    columns: int
    samples: int
    frames: int
    cells: Cells
    is_subsampled: bool

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame, without padding."""
        return self.rows * self.columns * self.samples * self.cells.allocated

    @property
    def pixel_bytes(self) -> int:
        """Bytes after which native pixels that are all alike repeat; 4:2:2 has four of them, or three, to a pair."""
        samples = 12 if self.is_subsampled else self.samples
        return max(samples * self.cells.allocated // 8, 1)

    def native_bytes(self, actual: int) -> int:
        """Give the bytes of all native frames; 4:2:2 counts only where `actual` is too short for full sampling."""
        full = (self.frame_bits * self.frames + 7) // 8
        return full * 2 // 3 if self.is_subsampled and actual < full else full


def check_pixels(dataset: FileDataset) -> None:
    """Check pixel data against rows, columns, samples, frames and bits; nothing is changed or decoded.

    Native data may be longer than described (`clean_pixel_carriers` cuts them), not shorter. Encapsulated data must
    have a code stream for every frame, each sound from its first to its last marker and of the image's size. A data
    set without pixel data passes.

    Parameters
    ----------
    dataset
        As `tasks.dicom.reading.read_dataset` gave it, with its ``file_meta``.

    Raises
    ------
    Refusal
        DE-PIXELS if they do not fit, DE-CODESTREAM if a code stream holds what we cannot judge.
    """
    _examined(dataset)


def clean_pixel_carriers(dataset: FileDataset) -> None:
    """Take out of the pixel data what is no pixel; decoded pixels stay equal, and untouched data stay byte-identical.

    Native data are cut to the described length, padded to an even one with zero, and bits outside Bits Stored are
    cleared (in signed data, set to the sign). From code streams comments and application data are stripped
    (`tasks.dicom.codestreams`), and the frames are wrapped again under a correct offset table if any changed.

    Raises
    ------
    Refusal
        As `check_pixels` does.
    """
    cleaned = _examined(dataset)
    if cleaned is None:
        return
    keyword, value = cleaned
    if value is not _value(dataset, keyword):
        element = dataset[keyword]
        dataset[keyword] = DataElement(element.tag, element.VR, value, already_converted=True)
        dataset[keyword].is_undefined_length = family_of(dataset.file_meta.TransferSyntaxUID) is not Family.NATIVE
        for table in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            dataset.pop(table, None)


def _examined(dataset: FileDataset) -> tuple[str, bytes] | None:
    """Give the keyword of the pixel data and their cleaned value (the same object if nothing changed)."""
    with silenced():
        image = image_of(dataset)
        if image is None:
            return None
        value = _value(dataset, image.keyword)
        family = family_of(dataset.file_meta.TransferSyntaxUID)
        if _is_encapsulated(dataset, image.keyword) == (family is Family.NATIVE):
            raise Refusal("DE-PIXELS")
        cleaned = _native(image, value) if family is Family.NATIVE else clean_encapsulated(image, value, family)
        return image.keyword, cleaned


def _value(dataset: Dataset, keyword: str) -> bytes:
    value = dataset.get_item(keyword).value or b""
    if not isinstance(value, bytes):
        raise Refusal("DE-PIXELS")
    return value


def _is_encapsulated(dataset: Dataset, keyword: str) -> bool:
    element = dataset.get_item(keyword)
    if isinstance(element, DataElement):
        return bool(element.is_undefined_length)
    return element.length == UNDEFINED


def image_of(dataset: Dataset) -> Image | None:
    """Give the image that a data set describes, or null if it has no pixel data.

    Raises
    ------
    Refusal
        DE-PIXELS if the description is no possible one, or there are pixel data of two kinds.
    """
    present = [keyword for keyword in ("PixelData", *_BITS) if keyword in dataset]
    if not present:
        return None
    if len(present) > 1:
        raise Refusal("DE-PIXELS")
    return _described(dataset, present[0])


def _described(dataset: Dataset, keyword: str) -> Image:
    allocated = _BITS.get(keyword) or _whole(dataset, "BitsAllocated")
    stored = allocated if keyword in _BITS else _whole(dataset, "BitsStored")
    high = allocated - 1 if keyword in _BITS else _whole(dataset, "HighBit", stored - 1)
    image = Image(
        keyword,
        rows=_whole(dataset, "Rows"),
        columns=_whole(dataset, "Columns"),
        samples=_whole(dataset, "SamplesPerPixel", 1),
        frames=_whole(dataset, "NumberOfFrames", 1),
        cells=Cells(allocated, stored, high, is_signed=_whole(dataset, "PixelRepresentation", 0) == 1),
        is_subsampled=_text(dataset, "PhotometricInterpretation") == "YBR_FULL_422",
    )
    fits = stored <= high + 1 <= allocated and allocated in _ALLOWED_BITS and image.samples <= _MAX_SAMPLES
    if not fits or 0 in (image.rows, image.columns, image.samples, image.frames, stored):
        raise Refusal("DE-PIXELS")
    return image


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        value = dataset.get(keyword)
        return "" if value is None else str(value).strip()
    except Exception:  # noqa: BLE001 -- a value that pydicom cannot convert, whatever it says about it
        raise Refusal("DE-PIXELS") from None


def _whole(dataset: Dataset, keyword: str, absent: int = -1) -> int:
    """Give a whole number of 0 or more; `absent` stands for a missing one, and what is below 0 is refused."""
    text = _text(dataset, keyword)
    if text and not (text.isascii() and text.isdigit()):
        raise Refusal("DE-PIXELS")
    number = int(text) if text else absent
    if number < 0:
        raise Refusal("DE-PIXELS")
    return number


def _native(image: Image, value: bytes) -> bytes:
    size = image.native_bytes(len(value))
    if len(value) < size:
        raise Refusal("DE-PIXELS")
    padded = size + size % 2
    if len(value) != padded or (padded > size and value[-1] != 0):
        value = value[:size] + b"\0" * (padded - size)
    return clear_spare_bits(value, image.cells)


def clean_encapsulated(image: Image, value: _Value, family: Family) -> _Value | bytes:
    """Give the value of encapsulated pixel data, without its delimiter, as `clean_pixel_carriers` leaves it.

    Gives the same object if nothing changed.

    Raises
    ------
    Refusal
        As `check_pixels` does.
    """
    streams, is_table_sound = frames_of(value, image.frames, STARTS.get(family, b""))
    cleaned = [_clean_frame(image, stream, family) for stream in streams]
    unchanged = all(_is_padded(stream, clean) for stream, clean in zip(streams, cleaned, strict=True))
    return value if unchanged and is_table_sound else encapsulate(cleaned)


def _is_padded(stream: memoryview, clean: bytes | memoryview) -> bool:
    """Tell whether a stream is the clean one and zero bytes after it."""
    start, rest = np.frombuffer(stream[: len(clean)], np.uint8), np.frombuffer(stream[len(clean) :], np.uint8)
    return (clean is stream or np.array_equal(start, np.frombuffer(clean, np.uint8))) and not rest.any()


def _clean_frame(image: Image, stream: memoryview, family: Family) -> bytes | memoryview:
    if is_code_stream(family):
        picture = clean_code_stream(stream, family)
        _expect_size(image, picture)
        return picture.stream
    if family is Family.RLE:
        tables = byte_tables(image.cells) * image.samples
        return masked_frame(stream, segments_of(stream, len(tables)), tables)
    size = (image.frame_bits + 7) // 8
    if len(stream) < size:
        raise Refusal("DE-PIXELS")
    return clear_spare_bits(bytes(stream[:size]), image.cells)


def _expect_size(image: Image, picture: Picture) -> None:
    sizes = (image.columns, image.samples), (picture.columns, picture.samples)
    if sizes[0] != sizes[1] or picture.rows not in (0, image.rows):
        raise Refusal("DE-PIXELS")
