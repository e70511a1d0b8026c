"""What an object is, told by its content: neither names nor media types are believed about DICOM."""

from enum import StrEnum
from pathlib import PurePosixPath
from tarfile import TarError, TarInfo

from tasks.dicom.elements import Header, dictionary_vr, header_at, looks_implicit
from tasks.dicom.file_meta import has_magic, read_file_meta
from tasks.dicom.refusal import Refusal
from tasks.dicom.syntaxes import Encoding

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".xlsx", ".parquet", ".json", ".jsonl"})
TAR_BLOCK_BYTES = 512
_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage (PS3.6 table A-1)
_FIRST_GROUPS = (0x0002, 0x0008)
_PLAUSIBLE_ELEMENTS = 3
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_GZIP = b"\x1f\x8b\x08"
_UNOPENED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")


class Kind(StrEnum):
    """What an object is."""

    DICOM = "dicom"
    DICOMDIR = "dicomdir"
    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"
    UNOPENED_ARCHIVE = "unopened archive"
    EMPTY = "empty"
    TABLE = "table"
    OTHER = "other"


def kind_of(content: bytes, name: str) -> Kind:
    """Tell what an object is.

    Parameters
    ----------
    content
        The whole object, or enough of its start: 64 KB tell as much as all of it, but for a tar's first block.
    name
        Tells clinical tables apart from other content, and nothing else.

    Returns
    -------
    Kind
        ``DICOM`` for Part 10 files, whatever follows ``DICM``, and for bare data sets that begin with elements of
        group 0002 or 0008. ``UNOPENED_ARCHIVE`` for 7z, rar, bzip2, xz and zstd. A table is what has the name of one
        and is neither DICOM nor a packed file; ``.xlsx`` is a zip inside.
    """
    if not content:
        return Kind.EMPTY
    if has_magic(content) or _is_bare_dataset(content):
        return Kind.DICOMDIR if _is_directory(content) else Kind.DICOM
    suffix = PurePosixPath(name).suffix.lower()
    packed = _packed(content)
    if packed is Kind.ZIP and suffix == ".xlsx":
        return Kind.TABLE
    if packed is not None:
        return packed
    return Kind.TABLE if suffix in TABLE_SUFFIXES else Kind.OTHER


def _packed(content: bytes) -> Kind | None:
    if content.startswith(_ZIP):
        return Kind.ZIP
    if content.startswith(_GZIP):
        return Kind.GZIP
    if content.startswith(_UNOPENED):
        return Kind.UNOPENED_ARCHIVE
    return Kind.TAR if is_tar(content) else None


def is_tar(content: bytes) -> bool:
    """Tell whether a tar begins here: by its magic number, or by the checksum of an old header without one."""
    block = content[:TAR_BLOCK_BYTES]
    if block[257:262] == b"ustar":
        return True
    try:
        TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except TarError:
        return False
    return True


def _is_directory(content: bytes) -> bool:
    try:
        return read_file_meta(content).storage_class == _DIRECTORY_CLASS
    except Refusal:
        return False


def _is_bare_dataset(content: bytes) -> bool:
    """Tell whether the first elements are ascending, known, and within the content (PS3.5 section 7.1)."""
    for little in (True, False):
        encoding = Encoding(implicit=looks_implicit(content, 0), little=little)
        if int.from_bytes(content[:2], "little" if little else "big") in _FIRST_GROUPS:
            return _starts_plausibly(content, encoding)
    return False


def _starts_plausibly(content: bytes, encoding: Encoding) -> bool:
    position = before = 0
    for _ in range(_PLAUSIBLE_ELEMENTS):
        try:
            header = header_at(content, position, len(content), encoding)
        except Refusal:
            return False
        if header.tag <= before or not _is_plausible(header, len(content)):
            return False
        before, position = header.tag, header.value + header.length
        if position == len(content):
            return True
    return True


def _is_plausible(header: Header, end: int) -> bool:
    known = dictionary_vr(header.tag) if header.tag & 0xFFFF else "UL"
    stated = header.vr.decode("ascii")
    return bool(known) and (not stated or stated in known) and header.value + header.length <= end
