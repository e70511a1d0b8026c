"""What a cleaned code stream is known by."""

from typing import NamedTuple


class Picture(NamedTuple):
    """A code stream and the size that it states; `rows` is 0 where the stream leaves it open."""

    stream: bytes | memoryview
    rows: int
    columns: int
    samples: int
