"""Pixels of an invented patient's own: those of a real file, but for a few lowest bits of samples or of coded data.

Without that one image would lie in the studies of several people, which is what rule I-DUP-PIXEL is there to find.
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice

from pydicom import Dataset

_END_OF_IMAGE = b"\xff\xd9"
_ESCAPE = 0xFF  # what precedes a marker in coded data
_BITS = 16


def own_pixels(dataset: Dataset, *owner: str) -> None:
    """Change the pixel data of a single image so that they are those of `owner` alone.

    Of coded data the last bytes change, so that a decoder meets the change in a corner of the image at most.
    """
    value = bytearray(dataset.PixelData)
    is_coded = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    _flip(value, _coded(value) if is_coded else _samples(value), "\n".join(owner))
    dataset.PixelData = bytes(value)


def _flip(value: bytearray, places: Iterable[int], owner: str) -> None:
    for place, byte in zip(islice(places, _BITS), hashlib.sha256(owner.encode()).digest(), strict=False):
        value[place] ^= byte & 1


def _samples(value: bytearray) -> Iterator[int]:
    """Give the places of lowest bytes of samples of up to four bytes, in the middle of the image."""
    yield from range(len(value) // 8 * 4, len(value), 4)


def _coded(value: bytearray) -> Iterator[int]:
    """Give the places of bytes before the end of the image, the last first, that are of no marker and become none."""
    for place in range(value.rindex(_END_OF_IMAGE) - 2, 0, -1):
        if _ESCAPE not in {value[place - 1], value[place] | 1, value[place + 1]}:
            yield place
