"""What a tool left: every planted value searched in the bytes of every file that it wrote; and whether series hold."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

PIXEL_DATA = bytes.fromhex("e07f1000")
CODECS = ("utf-8", "latin-1")
ENDS = 256 * 1024  # bytes at either end of a file that hold header, comments of a code stream, and what follows pixels


@dataclass(frozen=True)
class Planted:
    """One value that was planted, how it may be spelled in bytes, and what must not stand before and after it."""

    kind: str
    spellings: tuple[bytes, ...]
    pattern: re.Pattern[bytes]

    def is_in(self, content: bytes) -> bool:
        """Tell whether the value stands in the content; the pattern is slow and only asked when a spelling is there."""
        return any(spelling in content for spelling in self.spellings) and bool(self.pattern.search(content))


def planted_values(planted: Mapping[str, Sequence[str]]) -> list[Planted]:
    """Give the planted values to search for.

    A UID must end where it ends, so that one is not found in a longer one; a date must not stand within a number.
    """
    found = []
    for kind, values in planted.items():
        before, after = {"uid": (b"(?<![0-9.])", b"(?![0-9.])"), "date": (b"(?<![0-9.])", b"")}.get(kind, (b"", b""))
        for value in values:
            spellings = tuple(sorted({value.encode(codec, "replace") for codec in CODECS}))
            pattern = re.compile(before + b"(?:" + b"|".join(map(re.escape, spellings)) + b")" + after)
            found.append(Planted(kind, spellings, pattern))
    return found


def left_in(folders: Iterable[Path], searched: Sequence[Planted], native_pixel_bytes: Sequence[int]) -> dict[str, int]:
    """Give how many different planted values, by kind, stand in the files below folders."""
    waiting, left = list(searched), dict[str, int]()
    for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
        if path.is_file():
            content = without_pixels(path.read_bytes(), native_pixel_bytes)
            found = [one for one in waiting if one.is_in(content)]
            waiting = [one for one in waiting if one not in found]
            for one in found:
                left[one.kind] = left.get(one.kind, 0) + 1
    return left


def without_pixels(content: bytes, native_pixel_bytes: Sequence[int]) -> bytes:
    """Cut out native pixels, which are noise of a known length, and the middle of compressed ones."""
    for length in native_pixel_bytes:
        size = length.to_bytes(4, "little")
        for header in (PIXEL_DATA + b"OW\0\0" + size, PIXEL_DATA + b"OB\0\0" + size, PIXEL_DATA + size):
            start = content.find(header)
            if start >= 0:
                return content[:start] + content[start + len(header) + length :]
    return content if len(content) <= 2 * ENDS else content[:ENDS] + content[-ENDS:]


def series_in(folder: Path) -> int:
    """Give the number of different Series Instance UIDs in the files below a folder; no UID is no series."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            try:
                dataset = dcmread(path, stop_before_pixels=True, force=True, specific_tags=["SeriesInstanceUID"])
            except (InvalidDicomError, OSError, ValueError):
                continue
            found.add(str(dataset.get("SeriesInstanceUID", "")))
    return len(found - {""})
