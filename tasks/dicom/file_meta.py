"""Where the data set of an object begins and in which transfer syntax it says it is (PS3.10 section 7.1)."""

from typing import NamedTuple

from tasks.dicom.elements import UNDEFINED, header_at, looks_implicit
from tasks.dicom.refusal import Refusal
from tasks.dicom.syntaxes import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding

PREAMBLE_BYTES = 128
MAGIC = b"DICM"
_META_GROUP = 0x0002
_STORAGE_CLASS = 0x00020002
_TRANSFER_SYNTAX = 0x00020010


class FileMeta(NamedTuple):
    """The part of the file meta information that is of use; the rest is the contributor's and is not read.

    `transfer_syntax` and `storage_class` are empty where none is stated.
    """

    transfer_syntax: str
    storage_class: str
    dataset_start: int


def has_magic(content: bytes) -> bool:
    """Tell whether a preamble and ``DICM`` stand at the start."""
    return content[PREAMBLE_BYTES : PREAMBLE_BYTES + len(MAGIC)] == MAGIC


def read_file_meta(content: bytes) -> FileMeta:
    """Read the group 0002 elements at the start, with or without preamble, whatever their group length says.

    Raises
    ------
    Refusal
        DE-PARSE if they are cut off or do not parse.
    """
    position = PREAMBLE_BYTES + len(MAGIC) if has_magic(content) else 0
    encoding = Encoding(implicit=looks_implicit(content, position), little=True)
    stated = {_TRANSFER_SYNTAX: "", _STORAGE_CLASS: ""}
    while int.from_bytes(content[position : position + 2], "little") == _META_GROUP:
        header = header_at(content, position, len(content), encoding)
        position = header.value + header.length
        if header.length == UNDEFINED or position > len(content):
            raise Refusal("DE-PARSE")
        if header.tag in stated:
            stated[header.tag] = content[header.value : position].decode("ascii", "replace").strip(" \0")
    return FileMeta(stated[_TRANSFER_SYNTAX], stated[_STORAGE_CLASS], position)


def guessed_transfer_syntax(content: bytes, position: int) -> str:
    """Give the uncompressed transfer syntax that the element at `position` is laid out in."""
    if content[position : position + 1] == b"\0" and content[position + 1 : position + 2] != b"\0":
        return EXPLICIT_BIG
    return IMPLICIT_LITTLE if looks_implicit(content, position) else EXPLICIT_LITTLE
