"""Archives opened in memory under limits: every member becomes a row, nothing is ever written to disk.

Names of members are names only, whatever ``..`` or ``/`` they hold.
"""

import gzip
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePosixPath
from stat import S_ISLNK
from typing import Protocol, Self, cast

from config.settings import ArchiveLimits
from tasks.dicom.recognition import TAR_BLOCK_BYTES, Kind, is_tar, kind_of
from tasks.dicom.refusal import Refusal

MAX_NESTING = 2  # an archive in an archive happens; deeper ones are made by hand or by malice
RATIO_COUNTS_FROM = 64 << 20  # empty slices shrink by 1000; an inflated size that does no harm is no bomb
_CHUNK_BYTES = 1 << 20
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000  # traditional, strong, and masked headers (APPNOTE 4.4.4)
_ARCHIVES = frozenset({Kind.ZIP, Kind.TAR, Kind.GZIP})
_RULES = {
    Kind.EMPTY: "IN-EMPTY",
    Kind.DICOMDIR: "IN-DICOMDIR",
    Kind.OTHER: "IN-NOT-DICOM",
    Kind.UNOPENED_ARCHIVE: "IN-ARCHIVE-KIND",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One object as it lies in the raw bucket or in an archive.

    `name` is the raw key, or ``<key>!<member>`` inside an archive; it is the contributor's and private. Either
    `content` is the bytes of a DICOM object, or `rule_id` says why there is none. `size_bytes` is the size stated.
    """

    name: str
    size_bytes: int
    content: bytes | None = field(default=None, repr=False)
    rule_id: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A member as the archive tells of it."""

    name: str
    size_bytes: int
    content: bytes | None = None
    rule_id: str = ""


@dataclass(slots=True)
class _Budget:
    """What is left of the limits of one raw object, over all archives in it."""

    limits: ArchiveLimits
    packed_bytes: int
    members: int = 0
    inflated_bytes: int = 0
    names: dict[str, int] = field(default_factory=dict)

    def take_member(self) -> None:
        """Count a member.

        Raises
        ------
        Refusal
            IN-ARCHIVE-LIMIT if there are too many.
        """
        self.members += 1
        if self.members > self.limits.max_members:
            raise Refusal("IN-ARCHIVE-LIMIT")

    def take_bytes(self, count: int) -> None:
        """Count inflated bytes.

        Raises
        ------
        Refusal
            IN-ARCHIVE-LIMIT if they are too many, or too many for the packed ones.
        """
        self.inflated_bytes += count
        allowed = max(self.limits.max_ratio * self.packed_bytes, RATIO_COUNTS_FROM)
        if self.inflated_bytes > min(self.limits.max_total_bytes, allowed):
            raise Refusal("IN-ARCHIVE-LIMIT")

    def unique(self, name: str) -> str:
        """Give a name that no other member has: a repeated one gets ``#2``, ``#3`` and so on."""
        printable = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        number = self.names.get(printable, 0) + 1
        candidate = printable if number == 1 else f"{printable}#{number}"
        while number > 1 and candidate in self.names:
            number += 1
            candidate = f"{printable}#{number}"
        self.names[printable] = number
        self.names.setdefault(candidate, 1)
        return candidate


def unpack(name: str, content: bytes, limits: ArchiveLimits) -> Iterator[Member]:
    """Give a raw object, or every member of the archive that it is and then the archive itself, one at a time.

    Every member gets one row, in the order of the archive: DICOM objects with their content, all else with the rule
    that says where it ends. An archive that cannot be read to its end, or passes a limit, ends with that rule;
    members read before are given. Folders are no members.

    Parameters
    ----------
    name
        The raw key.
    content
        The whole raw object.
    """
    yield from _unpack(name, content, _Budget(limits, len(content)), depth=0)


def _unpack(name: str, content: bytes, budget: _Budget, *, depth: int) -> Iterator[Member]:
    kind = kind_of(content, name)
    if kind is Kind.DICOM:
        yield Member(name, len(content), content)
    elif kind is Kind.TABLE:
        yield Member(name, len(content), rule_id="IN-TABLE-IN-ARCHIVE" if depth else "IN-TABLE")
    elif kind not in _ARCHIVES:
        yield Member(name, len(content), rule_id=_RULES[kind])
    elif depth == MAX_NESTING:
        yield Member(name, len(content), rule_id="IN-ARCHIVE-LIMIT")
    else:
        yield from _open(name, content, budget, kind=kind, depth=depth)


def _open(name: str, content: bytes, budget: _Budget, *, kind: Kind, depth: int) -> Iterator[Member]:
    rule = "IN-ARCHIVE"
    try:
        for entry in _entries(name, content, budget, kind):
            budget.take_member()
            member = budget.unique(f"{name}!{entry.name}")
            if entry.content is None:
                yield Member(member, entry.size_bytes, rule_id=entry.rule_id)
            else:
                yield from _unpack(member, entry.content, budget, depth=depth + 1)
    except Refusal as refusal:
        rule = refusal.rule_id
    except Exception:  # noqa: BLE001 -- hostile bytes can raise anything in zipfile, tarfile and zlib
        rule = "IN-ARCHIVE-BAD"
    yield Member(name, len(content), rule_id=rule)


def _entries(name: str, content: bytes, budget: _Budget, kind: Kind) -> Iterator[_Entry]:
    if kind is Kind.ZIP:
        return _zip_entries(content, budget)
    if kind is Kind.TAR:
        return _tar_entries(BytesIO(content), budget)
    return _gzip_entries(name, content, budget)


def _zip_entries(content: bytes, budget: _Budget) -> Iterator[_Entry]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for info in archive.infolist():
            if info.is_dir() and not info.file_size:
                continue
            rule = _zip_rule(info, budget.limits)
            if rule:
                yield _Entry(info.filename, info.file_size, rule_id=rule)
                continue
            budget.take_bytes(info.file_size)
            yield _zip_entry(archive, info)


def _zip_rule(info: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    if info.flag_bits & _ENCRYPTED:
        return "IN-ARCHIVE-ENCRYPTED"
    if S_ISLNK(info.external_attr >> 16):
        return "IN-LINK"
    return "IN-ARCHIVE-LIMIT" if info.file_size > limits.max_member_bytes else ""


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Entry:
    """Read one member; it is never read past its stated size, and its checksum is checked."""
    rule = ""
    try:
        content = archive.read(info)
    except NotImplementedError:
        rule = "IN-ARCHIVE-KIND"
    except Exception:  # noqa: BLE001 -- one damaged member does not spoil the others
        rule = "IN-ARCHIVE-BAD"
    if rule or len(content) != info.file_size:
        return _Entry(info.filename, info.file_size, rule_id=rule or "IN-ARCHIVE-BAD")
    return _Entry(info.filename, info.file_size, content)


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class _StrictTarInfo(tarfile.TarInfo):
    """Headers of a tar that must go on to its end marker: the standard library takes damage for the end."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # missing in typeshed
            raise
        except tarfile.HeaderError:
            raise Refusal("IN-ARCHIVE-BAD") from None


def _tar_entries(stream: _Readable, budget: _Budget) -> Iterator[_Entry]:
    with tarfile.open(fileobj=cast("BytesIO", stream), mode="r|", tarinfo=_StrictTarInfo) as archive:
        for info in archive:
            archive.members.clear()  # type: ignore[attr-defined]  # in typeshed missing; tarfile keeps every header
            if info.isdir():
                continue
            rule = _tar_rule(info, budget.limits)
            if info.issparse():
                budget.take_bytes(info.size)
            content = None if rule else _tar_content(archive, info)
            yield _Entry(info.name, info.size, content, rule)


def _tar_rule(info: tarfile.TarInfo, limits: ArchiveLimits) -> str:
    if not info.isreg():
        return "IN-LINK"
    return "IN-ARCHIVE-LIMIT" if info.size > limits.max_member_bytes else ""


def _tar_content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    assert file is not None, "a regular file has content"
    return file.read()


@dataclass(frozen=True, slots=True)
class _Inflating:
    """A gzip stream whose bytes are counted as they are inflated."""

    stream: _Readable
    budget: _Budget

    def read(self, size: int = _CHUNK_BYTES, /) -> bytes:
        """Give at most `size` bytes."""
        chunk = self.stream.read(size)
        self.budget.take_bytes(len(chunk))
        return chunk


def _gzip_entries(name: str, content: bytes, budget: _Budget) -> Iterator[_Entry]:
    with gzip.GzipFile(fileobj=BytesIO(content)) as start:
        holds_tar = is_tar(start.read(TAR_BLOCK_BYTES))
    with gzip.GzipFile(fileobj=BytesIO(content)) as file:
        stream = _Inflating(file, budget)
        if holds_tar:
            yield from _tar_entries(stream, budget)
            while stream.read():  # what follows the end marker is padding; a checksum stands behind it
                pass
        else:
            yield _gzip_entry(_inner_name(name), stream, budget.limits)


def _gzip_entry(name: str, stream: _Readable, limits: ArchiveLimits) -> _Entry:
    parts: list[bytes] = []
    size = 0
    while chunk := stream.read(_CHUNK_BYTES):
        size += len(chunk)
        if size > limits.max_member_bytes:
            return _Entry(name, size, rule_id="IN-ARCHIVE-LIMIT")
        parts.append(chunk)
    return _Entry(name, size, b"".join(parts))


def _inner_name(name: str) -> str:
    """Give the name of what a gzip holds: that of the gzip without its suffix."""
    last = PurePosixPath(name.rpartition("!")[2]).name
    return last[: -len(".gz")] if last.lower().endswith(".gz") and len(last) > len(".gz") else last
