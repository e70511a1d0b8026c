"""The slow and obvious search: is any of these texts in any of these objects, however it is packed?

Every object is looked at as it is, and again as what it holds: columns, statistics and metadata of Parquet, members of
ZIP, TAR and GZIP, deflated DICOM, rows of SQLite, JSON, HTML and URLs without their escapes. Letters of ASCII match in
either case. Pixels are not decoded.
"""

import gzip
import html
import io
import json
import sqlite3
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from urllib.parse import unquote_to_bytes

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

ENCODINGS = (
    "utf-8", "latin-1", "utf-16-le", "utf-16-be", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "shift-jis",
    "iso2022-jp", "euc-kr", "iso2022-kr", "gb18030", "gbk",
)  # fmt: skip
TAIL = 6  # bytes at the end of a needle that it is looked up by
CHUNK = 1 << 20
DEEPEST = 8
TEXT_STARTS = (b"{", b"[", b"<", b'"')
View = tuple[str, bytes]


def leaks(objects: Iterable[tuple[str, bytes]], needles: Sequence[str]) -> list[tuple[str, int]]:
    """Give where which needle was found, by its place in `needles`; the key of an object is searched as well.

    Raises
    ------
    ValueError
        If a needle is too short to be found by.
    """
    haystack = _Needles(needles)
    found: set[tuple[str, int]] = set()
    for key, content in objects:
        for where, data in ((f"{key} (its key)", key.encode()), *views(key, content)):
            found.update((where, index) for index in haystack.found_in(data.lower()))
    return sorted(found)


def views(where: str, data: bytes, depth: int = 0) -> Iterator[View]:
    """Give an object as it is and as everything that it holds, each with a name that says where that is."""
    yield where, data
    if depth == DEEPEST:
        return
    for inner, content in _inside(data):
        if content != data:
            yield from views(f"{where}!{inner}", content, depth + 1)


def _inside(data: bytes) -> Iterator[View]:
    if data[:4] == b"PAR1":
        yield from _parquet(data)
    elif data[128:132] == b"DICM":
        yield from _dicom(data)
    elif data[:2] == b"\x1f\x8b":
        yield "gzip", gzip.decompress(data)
    elif data[:16] == b"SQLite format 3\0":
        yield from _sqlite(data)
    elif data[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(data)):
        yield from _zip(data)
    elif data[257:262] == b"ustar":
        yield from _tar(data)
    else:
        yield from _unescaped(data)


def _parquet(data: bytes) -> Iterator[View]:
    file = pq.ParquetFile(io.BytesIO(data))
    facts = [str(file.metadata.metadata), str(file.schema_arrow.metadata), file.metadata.created_by]
    facts += [f"{field.name} {field.metadata}" for field in file.schema_arrow]
    for group in range(file.metadata.num_row_groups):
        for number in range(file.metadata.num_columns):
            statistics = file.metadata.row_group(group).column(number).statistics
            if statistics is not None and statistics.has_min_max:
                facts.append(f"{statistics.min} {statistics.max}")
    yield "metadata", "\n".join(facts).encode()
    for name, column in zip(file.schema_arrow.names, file.read().columns, strict=True):
        yield name, b"\n".join(_as_bytes(value) for value in column.to_pylist())


def _dicom(data: bytes) -> Iterator[View]:
    if DeflatedExplicitVRLittleEndian.encode() in data[:1024]:
        dataset = dcmread(io.BytesIO(data))
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        yield "inflated", buffer.getvalue()


def _sqlite(data: bytes) -> Iterator[View]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(data[:18] + b"\1\1" + data[20:])  # a copy in memory cannot be in write-ahead mode
        database.text_factory = bytes
        names = [row[0].decode() for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            for number, row in enumerate(database.execute(f'SELECT * FROM "{name}"')):  # noqa: S608 -- its own table
                yield f"{name}[{number}]", b"\n".join(_as_bytes(value) for value in row)
                yield from ((f"{name}[{number}]", value) for value in row if isinstance(value, bytes))


def _zip(data: bytes) -> Iterator[View]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield "comment", archive.comment
        for member in archive.infolist():
            yield f"{member.filename} (about it)", member.filename.encode() + member.comment + member.extra
            yield member.filename, archive.read(member)


def _tar(data: bytes) -> Iterator[View]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            yield member.name, file.read() if file else b""


def _unescaped(data: bytes) -> Iterator[View]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    if "%" in text:
        yield "url", unquote_to_bytes(text)
    if "&" in text:
        yield "html", html.unescape(text).encode()
    if "\\" in text and data.lstrip().startswith(TEXT_STARTS):
        yield "json", b"\n".join(_json_texts(text))


def _json_texts(text: str) -> Iterator[bytes]:
    for document in (text, *text.splitlines()):
        try:
            yield json.dumps(json.loads(document), ensure_ascii=False).encode()
        except ValueError:
            continue


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


class _Needles:
    """Texts in every encoding, looked up by their last bytes, all at once."""

    def __init__(self, needles: Sequence[str]) -> None:
        self._by_tail: dict[int, set[tuple[bytes, int]]] = {}
        self._short: set[tuple[bytes, int]] = set()
        for index, needle in enumerate(needles):
            for form in _encoded(needle):
                if len(form) < TAIL:
                    self._short.add((form, index))
                else:
                    self._by_tail.setdefault(_number(form[-TAIL:]), set()).add((form, index))
        self._tails = np.array(sorted(self._by_tail), dtype=np.uint64)

    def found_in(self, data: bytes) -> set[int]:
        """Give the places of the needles that some bytes, in small letters, hold."""
        found = {index for form, index in self._short if form in data}
        for end in self._candidates(data):
            tail = _number(data[end - TAIL : end])
            found.update(index for form, index in self._by_tail[tail] if data.endswith(form, 0, end))
        return found

    def _candidates(self, data: bytes) -> Iterator[int]:
        """Give the ends of all places where the bytes are some needle's last ones."""
        for start in range(0, len(data), CHUNK):
            chunk = np.frombuffer(data[start : start + CHUNK + TAIL - 1], dtype=np.uint8).astype(np.uint64)
            if len(chunk) >= TAIL and len(self._tails):
                numbers = _windows(chunk)
                places = np.minimum(np.searchsorted(self._tails, numbers), len(self._tails) - 1)
                hits: npt.NDArray[np.int64] = np.flatnonzero(self._tails[places] == numbers)
                yield from (start + int(hit) + TAIL for hit in hits)


def _windows(chunk: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    numbers = np.zeros(len(chunk) - TAIL + 1, dtype=np.uint64)
    for place in range(TAIL):
        numbers = (numbers << np.uint64(8)) | chunk[place : len(chunk) - TAIL + 1 + place]
    return numbers


def _number(tail: bytes) -> int:
    return int.from_bytes(tail, "big")


def _encoded(needle: str) -> set[bytes]:
    forms = set()
    for encoding in ENCODINGS:
        try:
            forms.add(needle.encode(encoding).lower())
        except UnicodeEncodeError:
            continue
    if not needle or min(map(len, forms)) < 3:
        raise ValueError("a needle is too short")
    return forms
