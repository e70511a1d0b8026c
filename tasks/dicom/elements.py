"""Headers of data elements as bytes (PS3.5 section 7.1), the same for recognition and for reading."""

from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pydicom.datadict import dictionary_VR

from tasks.dicom.refusal import Refusal
from tasks.dicom.syntaxes import Encoding

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
HEADER_BYTES = 8
_IMPLICIT = {True: Struct("<HHL"), False: Struct(">HHL")}
_EXPLICIT = {True: Struct("<HH2sH"), False: Struct(">HH2sH")}
_LONG = {True: Struct("<L"), False: Struct(">L")}


class Header(NamedTuple):
    """What stands before a value: `vr` is empty where none is written, `value` is the offset of the value."""

    tag: int
    vr: bytes
    length: int
    value: int

    def holds_items(self) -> bool:
        """Tell whether the value is a sequence of items, be it said by the VR or known of the tag."""
        if self.vr == b"SQ" or (self.vr == b"UN" and self.length == UNDEFINED):
            return True
        if self.vr not in (b"", b"UN"):
            return False
        known = dictionary_vr(self.tag)
        return known == "SQ" or (self.length == UNDEFINED and not known)


def header_at(content: bytes, position: int, end: int, encoding: Encoding) -> Header:
    """Read the header of the element at `position`; where an explicit VR should stand and none does, it is implicit.

    Raises
    ------
    Refusal
        DE-PARSE if it does not fit before `end`, or states a VR that the standard does not know.
    """
    if position + HEADER_BYTES > end:
        raise Refusal("DE-PARSE")
    if encoding.implicit:
        return _implicit_at(content, position, encoding)
    group, element, vr, length = _EXPLICIT[encoding.little].unpack_from(content, position)
    tag = group << 16 | element
    if vr in SHORT_VRS:
        return Header(tag, vr, length, position + HEADER_BYTES)
    if vr in LONG_VRS:
        if position + HEADER_BYTES + 4 > end:
            raise Refusal("DE-PARSE")
        (length,) = _LONG[encoding.little].unpack_from(content, position + HEADER_BYTES)
        return Header(tag, vr, length, position + HEADER_BYTES + 4)
    if b"AA" <= vr <= b"ZZ":
        raise Refusal("DE-PARSE")
    return _implicit_at(content, position, encoding)


def _implicit_at(content: bytes, position: int, encoding: Encoding) -> Header:
    group, element, length = _IMPLICIT[encoding.little].unpack_from(content, position)
    return Header(group << 16 | element, b"", length, position + HEADER_BYTES)


def looks_implicit(content: bytes, position: int) -> bool:
    """Tell whether no VR, two capital letters, stands in the element at `position` (no value is that long)."""
    vr = content[position + 4 : position + 6]
    return not (len(vr) == 2 and all(0x41 <= letter <= 0x5A for letter in vr))  # noqa: PLR2004 -- A to Z


@lru_cache(maxsize=65536)
def dictionary_vr(tag: int) -> str:
    """Give the VR of a tag by PS3.6, or the empty string if it is not there or private."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""
