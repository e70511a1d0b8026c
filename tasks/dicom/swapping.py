"""Big endian data sets made little endian (PS3.5 section 7.3): everything after reading knows one byte order."""

from pydicom import Dataset

_PIXEL_DATA = 0x7FE00010
_WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def swap_to_little(dataset: Dataset) -> None:
    """Convert every value of a big endian data set, at any depth, and mark the data set as little endian.

    Pixel cells of more than 16 bits are swapped as a whole. Values of unknown VR are bytes and stay as they are.

    Raises
    ------
    ValueError
        If the length of a value is no multiple of its words.
    """
    bits_allocated = dataset.get("BitsAllocated", 0)
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                swap_to_little(item)
        elif element.VR in _WORD_BYTES and element.value:
            word = _WORD_BYTES[element.VR]
            if element.tag == _PIXEL_DATA and isinstance(bits_allocated, int):
                word = max(word, bits_allocated // 8)
            element.value = swapped(element.value, word)
    dataset.set_original_encoding(False, True)  # noqa: FBT003 -- pydicom's order: implicit, little


def swapped(value: bytes, word_bytes: int) -> bytes:
    """Reverse the bytes of every word.

    Raises
    ------
    ValueError
        If the length is no multiple of `word_bytes`.
    """
    if len(value) % word_bytes:
        raise ValueError("not a whole number of words")
    turned = bytearray(len(value))
    for place in range(word_bytes):
        turned[place::word_bytes] = value[word_bytes - 1 - place :: word_bytes]
    return bytes(turned)
