"""One door to the code streams: strip from a frame what is no picture, and say which size the picture has.

Entropy-coded data stay as they are, byte for byte, so that decoded pixels are equal before and after.
"""

from collections.abc import Callable

from tasks.dicom.jpeg import clean_jpeg, clean_jpeg_ls
from tasks.dicom.jpeg2000 import clean_jpeg_2000
from tasks.dicom.picture import Picture
from tasks.dicom.syntaxes import Family

STARTS = {Family.JPEG: b"\xff\xd8", Family.JPEG_LS: b"\xff\xd8", Family.JPEG_2000: b"\xff\x4f\xff\x51"}
_CLEANERS: dict[Family, Callable[[memoryview], Picture]] = {
    Family.JPEG: clean_jpeg,
    Family.JPEG_LS: clean_jpeg_ls,
    Family.JPEG_2000: lambda stream: clean_jpeg_2000(bytes(stream)),
}


def is_code_stream(family: Family) -> bool:
    """Tell whether frames of this family are code streams with markers."""
    return family in _CLEANERS


def clean_code_stream(stream: bytes | memoryview, family: Family) -> Picture:
    """Give a code stream without comments, application data and bytes after its end, and the picture's size.

    Raises
    ------
    Refusal
        DE-PIXELS if the stream is cut off or broken, DE-CODESTREAM if it holds what we cannot judge.
    """
    return _CLEANERS[family](memoryview(stream))
