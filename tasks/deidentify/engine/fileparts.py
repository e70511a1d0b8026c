"""The file around a data set: where it begins in the source, and preamble and file meta information of the result."""

from typing import NamedTuple

from tasks.deidentify.engine.declined import Declined
from tasks.dicom.elements import looks_implicit
from tasks.dicom.file_meta import guessed_transfer_syntax, has_magic, read_file_meta
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
        If it is no Part 10 file, or is deflated, big endian, in a syntax that we do not know, or not in the one stated.
    Refusal
        If the file meta information is not sound.
    """
    if not has_magic(content):
        raise Declined
    meta = read_file_meta(content)
    family = family_of(meta.transfer_syntax)
    if family is Family.OTHER or meta.transfer_syntax in (DEFLATED_LITTLE, EXPLICIT_BIG):
        raise Declined
    implicit = encoding_of(meta.transfer_syntax).implicit
    if meta.dataset_start < len(content) and guessed_transfer_syntax(content, meta.dataset_start) != EXPLICIT_BIG:
        implicit = looks_implicit(content, meta.dataset_start)
    if family is not Family.NATIVE:
        if implicit:
            raise Declined
        return Layout(meta.dataset_start, implicit, meta.transfer_syntax, family)
    return Layout(meta.dataset_start, implicit, IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE, family)


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
