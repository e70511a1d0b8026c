"""The file around a data set: where it begins in the source, and preamble and file meta information of the result."""

from functools import lru_cache
from typing import NamedTuple

from tasks.deidentify.engine.declined import Declined
from tasks.dicom.elements import LONG_VRS, SHORT_VRS, looks_implicit
from tasks.dicom.file_meta import MAGIC, guessed_transfer_syntax, has_magic
from tasks.dicom.syntaxes import (
    DEFLATED_LITTLE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Family,
    encoding_of,
    family_of,
)
from tasks.dicom.writing import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, PREAMBLE

_META_GROUP = b"\x02\0"
_TRANSFER_SYNTAX = b"\x10\0"
_HEADER_BYTES, _LONG_HEADER_BYTES = 8, 12


class Layout(NamedTuple):
    """How a source is laid out; `syntax` is the one in which the result is written."""

    start: int
    implicit: bool
    syntax: str
    family: Family


def layout_of(content: bytes) -> Layout:
    """Give the layout of a source.

    Raises
    ------
    Declined
        If it is no Part 10 file with file meta information as it should be, or is deflated, big endian, in a syntax
        that we do not know, or not in the one stated.
    """
    start, syntax = _file_meta(content)
    return _layout(syntax, start, content[start : start + _HEADER_BYTES])


def _file_meta(content: bytes) -> tuple[int, str]:
    """Give where the data set begins, and the transfer syntax."""
    if not has_magic(content):
        raise Declined
    position, syntax = len(PREAMBLE) + len(MAGIC), ""
    while content[position : position + 2] == _META_GROUP:
        vr = content[position + 4 : position + 6]
        start = position + (_HEADER_BYTES if vr in SHORT_VRS else _LONG_HEADER_BYTES)
        if vr not in SHORT_VRS and vr not in LONG_VRS:
            raise Declined
        stop = start + int.from_bytes(content[start - (2 if vr in SHORT_VRS else 4) : start], "little")
        if content[position + 2 : position + 4] == _TRANSFER_SYNTAX:
            syntax = content[start:stop].decode("ascii", "replace").strip(" \0")
        position = stop
    if position > len(content):
        raise Declined
    return position, syntax


@lru_cache(maxsize=256)
def _layout(stated: str, start: int, first: bytes) -> Layout:
    family = family_of(stated)
    if family is Family.OTHER or stated in (DEFLATED_LITTLE, EXPLICIT_BIG):
        raise Declined
    implicit = encoding_of(stated).implicit
    if first and guessed_transfer_syntax(first, 0) != EXPLICIT_BIG:
        implicit = looks_implicit(first, 0)
    if family is not Family.NATIVE:
        if implicit:
            raise Declined
        return Layout(start, implicit, stated, family)
    return Layout(start, implicit, IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE, family)


def file_start(sop_class: str, sop_uid: str, syntax: str) -> bytes:
    """Give preamble and file meta information, the same bytes as `tasks.dicom.writing` writes."""
    elements = b"".join(
        (
            b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01",
            _short(2, b"UI", sop_class, b"\0"),
            _short(3, b"UI", sop_uid, b"\0"),
            _short(0x10, b"UI", syntax, b"\0"),
            _short(0x12, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),
            _short(0x13, b"SH", IMPLEMENTATION_VERSION_NAME, b" "),
        )
    )
    group_length = b"\x02\0\0\0UL\x04\0" + len(elements).to_bytes(4, "little")
    return b"".join((PREAMBLE, b"DICM", group_length, elements))


def _short(element: int, vr: bytes, text: str, pad: bytes) -> bytes:
    value = text.encode("ascii")
    value += pad * (len(value) % 2)
    return b"\x02\0" + element.to_bytes(2, "little") + vr + len(value).to_bytes(2, "little") + value
