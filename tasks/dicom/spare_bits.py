"""Bits of a pixel cell that hold no pixel (PS3.5 section 8.1.1): once used for overlays, they can carry a text."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK_BYTES = 1 << 24  # temporary arrays stay small however large the image is


@dataclass(frozen=True, slots=True)
class Cells:
    """How pixels lie in their cells: bits allocated, bits stored, number of the highest bit, and the sign."""

    allocated: int
    stored: int
    high: int
    is_signed: bool

    @property
    def used(self) -> int:
        """Mask of the bits that hold the pixel."""
        return ((1 << self.stored) - 1) << (self.high + 1 - self.stored)


def byte_tables(cells: Cells) -> list[tuple[bytes, bytes]]:
    """Give two byte tables for each byte of a cell, most significant byte first, for data that lie in byte planes.

    The first clears the spare bits. The second does what `clear_spare_bits` does: in signed pixels it repeats the sign
    in the bits above it; a whole byte above the sign is made all ones or all zeros, by its own highest bit.
    """
    size = (cells.allocated + 7) // 8
    masks = cells.used.to_bytes(size, "big")
    tables = []
    for place, mask in enumerate(masks):
        zeros = bytes(value & mask for value in range(256))
        sign_bit = cells.high - 8 * (size - 1 - place)
        tables.append((zeros, _repeat_sign(zeros, sign_bit) if cells.is_signed else zeros))
    return tables


def _repeat_sign(zeros: bytes, sign_bit: int) -> bytes:
    """Give the table that repeats bit `sign_bit` in the bits above it; below zero, the sign is in a lower byte."""
    if sign_bit < 0:
        return bytes(0xFF * (value >> 7) for value in range(256))
    above = 0xFF << (sign_bit + 1) & 0xFF
    return bytes(value | above if sign_bit < 8 and value >> sign_bit & 1 else value for value in zeros)  # noqa: PLR2004


def clear_spare_bits(value: bytes, cells: Cells) -> bytes:
    """Clear the spare bits of native little endian pixel data; give the same object if none holds anything.

    The spare high bits of signed pixels may all repeat the sign, as many writers do; if they are neither all that nor
    all zero, they are made to repeat the sign.
    """
    if cells.stored >= cells.allocated or not _has_spare_bits(value, cells):
        return value
    out = bytearray(value)
    for chunk in range(0, len(value), _CHUNK_BYTES):
        numbers = _numbers(out, cells, chunk)
        numbers[:] = _cleared(numbers, cells)
    return value if out == value else bytes(out)


def _numbers(value: bytes | bytearray, cells: Cells, chunk: int) -> NDArray[np.unsignedinteger]:
    size = cells.allocated // 8
    count = min(_CHUNK_BYTES, len(value) - chunk) // size
    return np.frombuffer(value, dtype=f"<u{size}", count=count, offset=chunk)


def _has_spare_bits(value: bytes, cells: Cells) -> bool:
    spare = ~cells.used & ((1 << cells.allocated) - 1)
    chunks = range(0, len(value), _CHUNK_BYTES)
    return any(int(np.bitwise_or.reduce(_numbers(value, cells, chunk))) & spare for chunk in chunks)


def _cleared(numbers: NDArray[np.unsignedinteger], cells: Cells) -> NDArray[np.unsignedinteger]:
    kept = numbers & numbers.dtype.type(cells.used)
    if not cells.is_signed:
        return kept
    shift = cells.allocated - 1 - cells.high
    signed = (kept << shift).view(f"<i{cells.allocated // 8}") >> shift
    return signed.view(numbers.dtype)
