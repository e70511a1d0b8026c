"""The search for needles, in a text that is about to be kept and in the bytes of the finished object."""

from collections.abc import Iterable, Iterator

import numpy as np

from tasks.deidentify.charsets import ASCII
from tasks.identifiers.needle import Kind, Needle
from tasks.identifiers.search import stands_free

ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "shift_jis", "iso2022_jp", "euc_kr", "gb18030")
SHORTEST_IN_PIXELS = 6  # in bytes; shorter ones are met in pixels by chance
SHORTEST_OUTSIDE_TEXT = 4
PRINTABLE = range(0x20, 0x7F)
CHUNK = 1 << 22  # bytes of pixels looked at in one go
_ESCAPE_TO_ASCII = b"\x1b(B"
_ESCAPE_BYTES = 3


def spelled(needle: Needle, codecs: tuple[str, ...]) -> Iterator[bytes]:
    """Give a needle in every encoding that can write it, once each."""
    if needle.text.isascii():
        names: tuple[str, ...] = ("ascii", "utf-16-le", "utf-16-be")
    else:
        names = ENCODINGS + tuple(codec for codec in codecs if codec not in ASCII)
    for spelling in dict.fromkeys(_encoded(needle.text, name) for name in names):
        if len(spelling) >= SHORTEST_OUTSIDE_TEXT:
            yield spelling


def _encoded(text: str, name: str) -> bytes:
    try:
        spelling = text.encode(name)
    except (LookupError, UnicodeError):
        return b""
    if spelling.startswith(b"\x1b"):
        spelling = spelling[_ESCAPE_BYTES:].removesuffix(_ESCAPE_TO_ASCII)
    return spelling


def found_in_header(header: bytes, needles: Iterable[Needle], codecs: tuple[str, ...] = ASCII) -> list[Needle]:
    """Give the needles that stand in the bytes of a finished object, pixel data left out.

    Parameters
    ----------
    codecs
        Those of the source's character sets, besides the usual ones.
    """
    hay = header.lower().decode("latin-1")
    found = []
    for needle in needles:
        texts = (spelling.lower().decode("latin-1") for spelling in spelled(needle, codecs))
        if any(text in hay and stands_free(hay, text, needle) for text in texts):
            found.append(needle)
    return found


def found_in_pixels(pixels: bytes, needles: Iterable[Needle]) -> list[Needle]:
    """Give the names and identifiers that stand in pixel data as plain text; of those that hold another, the other."""
    wanted = {needle.text.encode("utf-8"): needle for needle in needles if needle.kind in (Kind.NAME, Kind.IDENTIFIER)}
    spellings = [spelling for spelling in sorted(wanted, key=len) if len(spelling) >= SHORTEST_IN_PIXELS]
    if not has_text(pixels):
        spellings = [spelling for spelling in spellings if not spelling.isascii()]
    if not spellings:
        return []
    hay = pixels.lower()
    return [wanted[spelling] for spelling in _shortest(spellings) if spelling in hay]


def _shortest(spellings: list[bytes]) -> list[bytes]:
    """Give those of some spellings, ordered by length, that hold none of the others."""
    kept: list[bytes] = []
    for spelling in spellings:
        if not any(other in spelling for other in kept):
            kept.append(spelling)
    return kept


def has_text(pixels: bytes) -> bool:
    """Tell whether enough printable ASCII characters for a needle stand in a row anywhere."""
    for start in range(0, len(pixels), CHUNK):
        cells = np.frombuffer(pixels[start : start + CHUNK + SHORTEST_IN_PIXELS], np.uint8)
        two = (cells - PRINTABLE[0]) < len(PRINTABLE)  # below the first printable one it wraps around
        two = two[:-1] & two[1:]
        four = two[:-2] & two[2:]
        if (four[:-2] & two[4:]).any():
            return True
    return False
