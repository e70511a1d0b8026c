"""One object from where it is read to where it is written, hashed on the way.

Most images end with native pixel data. Of these only the header is looked into; the pixels pass through one buffer and
are checked there. Whatever does not hold while they pass ends the attempt, and the object is then read as a whole,
where every other road is open to it.
"""

from dataclasses import dataclass, field
from struct import Struct
from typing import Final, Protocol

from tasks.deidentify.digests import DIGESTS, Digests
from tasks.deidentify.engine.pixel_search import REACH
from tasks.deidentify.engine.pixels import Awaited
from tasks.deidentify.engine.run import Engine
from tasks.deidentify.instance import Outcome

BUFFER_BYTES: Final = 1 << 18  # stays in a processor's own cache
HEADER_BYTES: Final = 1 << 16  # an object with a longer header is read as a whole
_PIXEL_DATA: Final = b"\xe0\x7f\x10\x00"
_LENGTH = Struct("<L")
_LONG_VRS = (b"OW\0\0", b"OB\0\0")
_SHORT_HEADER, _LONG_HEADER = 8, 12


class Source(Protocol):
    """What bytes are read from, from first to last."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a part of the buffer and give its size; 0 at the end."""
        ...


class Sink(Protocol):
    """What bytes are written to, from first to last."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Write all of these bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """Where an object ended; if it passed, it was written: `digests` are those of `tasks.deidentify.digests`.

    `outcome` is without content.
    """

    outcome: Outcome
    size_bytes: int = 0
    digests: dict[str, str | None] = field(default_factory=dict)


class _Hashed:
    """A sink with the digests of what it was given."""

    def __init__(self, sink: Sink, digests: Digests) -> None:
        self._sink, self._size, self._digests = sink, 0, digests

    def write(self, data: bytes | memoryview) -> None:
        if len(data):
            self._size += len(data)
            self._digests.update(data)
            self._sink.write(data)

    def write_pixels(self, stretch: memoryview) -> None:
        self._size += len(stretch)
        self._digests.update_pixels(stretch)
        self._sink.write(stretch)

    def written(self, outcome: Outcome) -> Written:
        return Written(outcome, self._size, self._digests.texts())


class Streaming:
    """De-identifies objects with one engine, from sources to sinks."""

    def __init__(self, engine: Engine, digests: tuple[str, ...] = DIGESTS) -> None:
        self._engine, self._digests = engine, digests
        self._buffer = memoryview(bytearray(BUFFER_BYTES))

    def passing(self, source: Source, size_bytes: int, sink: Sink) -> Written | None:
        """De-identify and write an object while it is read, or give null where it must be read as a whole.

        In that case some of the source was read, and some bytes may have been written.

        Parameters
        ----------
        size_bytes
            The size of the source.
        """
        count = _filled(source, self._buffer[:HEADER_BYTES])
        head = bytes(self._buffer[:count])
        start = _pixels_at_the_end(head, size_bytes)
        finished = self._engine.deidentify(head[:start], size_bytes - start) if start else None
        if finished is None or finished.awaited is None:
            return None
        hashed = _Hashed(sink, Digests(self._digests, finished.awaited.pixel_bytes))
        for part in finished.parts:
            hashed.write(part)
        is_whole = self._pumped(source, hashed, finished.awaited, (start, count))
        return hashed.written(finished.outcome) if is_whole else None

    def _pumped(self, source: Source, sink: _Hashed, awaited: Awaited, filled: tuple[int, int]) -> bool:
        """Pass the pixels on; tell whether they are all there and nothing else is in them.

        Parameters
        ----------
        filled
            The part of the buffer that holds the first of them.
        """
        start, stop = filled
        cell, seam, left = max(awaited.cells.allocated // 8, 1), b"", awaited.length
        while left:
            whole = start + (stop - start) // cell * cell
            stretch = self._buffer[start:whole]
            if whole > start:
                if not awaited.lets_pass(stretch, seam):
                    return False
                sink.write_pixels(stretch)
                left -= len(stretch)
                seam = bytes(stretch[-REACH:])
            kept = stop - whole
            self._buffer[:kept] = bytes(self._buffer[whole:stop])
            more = _filled(source, self._buffer[kept:])
            if left and not more:
                return False
            start, stop = 0, kept + more
        return stop == 0


def _filled(source: Source, buffer: memoryview) -> int:
    """Fill a buffer as far as the source goes."""
    count = 0
    while count < len(buffer) and (more := source.readinto(buffer[count:])):
        count += more
    return count


def _pixels_at_the_end(head: bytes, size_bytes: int) -> int:
    """Give where the value of pixel data begins that reach to the end of an object, or 0."""
    place = head.find(_PIXEL_DATA)
    while place >= 0:
        start = place + (_LONG_HEADER if head[place + 4 : place + 8] in _LONG_VRS else _SHORT_HEADER)
        if start <= len(head) and start + _LENGTH.unpack_from(head, start - 4)[0] == size_bytes:
            return start
        place = head.find(_PIXEL_DATA, place + 1)
    return 0
