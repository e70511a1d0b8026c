"""SHA-256 of pixels without their header: it finds the same image under other identifiers, or of another person.

Pixels that say nothing have none, since the same ones lie in the images of many people: all alike, as in an empty slice
or mask.
"""

import hashlib
import zlib
from typing import Final

import numpy as np
from pydicom.dataset import FileDataset

from tasks.dicom.encapsulation import read_fragments
from tasks.dicom.pixels import Image, image_of
from tasks.dicom.syntaxes import Family, family_of

_END_AND_PAD: Final = b"\xff\xd9\0"  # what ends a JPEG, JPEG-LS or JPEG 2000 stream, and the byte that makes it even
_TABLES_BYTES: Final = 768  # what may be left of the tables and markers of a code stream once it is deflated
_PIXELS_PER_BYTE: Final = 2048  # of what may be left of a code stream of equal pixels
_STRETCH_BYTES: Final = 1 << 16


class PixelDigest:
    """The digest of native pixels that pass by."""

    def __init__(self, pixel_bytes: int) -> None:
        self._hasher = hashlib.sha256()
        self._pixel_bytes, self._last, self._are_alike = pixel_bytes, b"", True

    def update(self, stretch: memoryview, /) -> None:
        """Take in the next bytes, wherever they were cut."""
        self._hasher.update(stretch)
        if self._are_alike:
            self._are_alike = self._repeats(self._last + bytes(stretch[: self._pixel_bytes])) and self._repeats(stretch)
            self._last = (self._last + bytes(stretch[-self._pixel_bytes :]))[-self._pixel_bytes :]

    def _repeats(self, stretch: bytes | memoryview) -> bool:
        values = np.frombuffer(stretch, np.uint8)
        return np.array_equal(values[self._pixel_bytes :], values[: -self._pixel_bytes])

    def hexdigest(self) -> str | None:
        """Give the digest, or null if all pixels are alike."""
        return None if self._are_alike else self._hasher.hexdigest()


def pixel_digest(image: Image, family: Family, value: bytes | memoryview) -> str | None:
    """Give the digest of a whole value of cleaned pixel data, or null if all pixels are alike.

    Of native pixels all but the padding byte counts. Of encapsulated ones the fragments count, joined, without a zero
    byte after the end marker of a code stream; bytes that make other streams even cannot be told from them. They count
    as alike if little more than the tables of their coding is left when they are deflated.
    """
    if family is Family.NATIVE:
        return _native(image, [memoryview(value)[: image.native_bytes(len(value))]])
    view = memoryview(value)
    parts = [_without_pad(view[part.start : part.stop]) for part in read_fragments(value).fragments]
    if family is Family.ENCAPSULATED_NATIVE:
        return _native(image, parts)
    content = b"".join(parts)
    return None if _says_nothing(image, content) else hashlib.sha256(content).hexdigest()


def pixel_digest_of(dataset: FileDataset) -> str | None:
    """Give the digest of the pixel data of a cleaned data set; null also if it has none."""
    image = image_of(dataset)
    if image is None:
        return None
    return pixel_digest(image, family_of(dataset.file_meta.TransferSyntaxUID), dataset.get_item(image.keyword).value)


def _native(image: Image, parts: list[memoryview]) -> str | None:
    digest = PixelDigest(image.pixel_bytes)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _without_pad(fragment: memoryview) -> memoryview:
    return fragment[:-1] if bytes(fragment[-len(_END_AND_PAD) :]) == _END_AND_PAD else fragment


def _says_nothing(image: Image, content: bytes) -> bool:
    """Tell whether encapsulated pixels are alike; others are told by their first stretch."""
    most = _TABLES_BYTES + image.rows * image.columns * image.frames // _PIXELS_PER_BYTE
    deflated, left = zlib.compressobj(level=1), 0
    for start in range(0, len(content), _STRETCH_BYTES):
        left += len(deflated.compress(content[start : start + _STRETCH_BYTES]))
        if left > most:
            return False
    return left + len(deflated.flush()) <= most
