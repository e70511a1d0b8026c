"""JPEG Lossless without an encoder library: ISO 10918-1 process 14, selection value 1."""

import struct

import numpy as np
import numpy.typing as npt

# A canonical Huffman table that suits smooth images: categories 3 to 6 in 3 bits, then ever longer.
_SYMBOLS = (3, 4, 5, 6, 1, 2, 0, 7, 8, 9, 10, 11, 12, 13)
_LENGTHS = (3, 3, 3, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10, 11)

Integers = npt.NDArray[np.int64]


def jpeg_lossless(image: npt.NDArray[np.int16] | npt.NDArray[np.uint16], precision: int) -> bytes:
    """Encode a greyscale image of `precision` bits as one JPEG Lossless frame."""
    rows, columns = image.shape
    differences = _differences(image.astype(np.int64), precision)
    scan = _scan(differences)
    counts = bytes(_LENGTHS.count(length) for length in range(1, 17))
    table = b"\0" + counts + bytes(_SYMBOLS)
    return b"".join(
        [
            b"\xff\xd8",
            b"\xff\xc3" + struct.pack(">HBHHB3B", 11, precision, rows, columns, 1, 1, 0x11, 0),
            b"\xff\xc4" + struct.pack(">H", 2 + len(table)) + table,
            b"\xff\xda" + struct.pack(">HB2B3B", 8, 1, 1, 0, 1, 0, 0),
            scan,
            b"\xff\xd9",
        ]
    )


def _differences(image: Integers, precision: int) -> Integers:
    predicted = np.empty_like(image)
    predicted[0, 0] = 1 << (precision - 1)
    predicted[0, 1:] = image[0, :-1]
    predicted[1:, 0] = image[:-1, 0]
    predicted[1:, 1:] = image[1:, :-1]
    return (image - predicted).ravel()


def _codes() -> tuple[Integers, Integers]:
    codes, lengths = np.zeros(17, np.int64), np.zeros(17, np.int64)
    code, previous = 0, _LENGTHS[0]
    for symbol, length in zip(_SYMBOLS, _LENGTHS, strict=True):
        code <<= length - previous
        codes[symbol], lengths[symbol], previous = code, length, length
        code += 1
    return codes, lengths


def _scan(differences: Integers) -> bytes:
    category = np.zeros(differences.shape, np.int64)
    for bit in range(17):
        category += np.abs(differences) >= (1 << bit)
    codes, lengths = _codes()
    extra = np.where(differences < 0, differences + (1 << category) - 1, differences)
    word = (codes[category] << category) | extra
    width = lengths[category] + category
    ends = np.cumsum(width)
    bits = np.ones((int(ends[-1]) + 7) // 8 * 8, np.uint8)  # the last byte is padded with ones
    for shift in range(int(width.max())):
        chosen = width > shift
        bits[ends[chosen] - 1 - shift] = (word[chosen] >> shift) & 1
    return np.packbits(bits).tobytes().replace(b"\xff", b"\xff\x00")
