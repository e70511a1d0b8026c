"""What a contributor declares about a batch: names, sizes and digests of its files, in one of three forms.

A declaration lies at the root of its batch. Nothing of its content may reach an error: a file name can be a patient's.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tasks.errors import BatchNotReadyError

MAX_BYTES = 1 << 30  # about five million lines; a larger one is no list of one batch's files
NEXT_STEP = "ask the site to correct or remove the declaration and to write the marker again"


class Form(StrEnum):
    """A form of declaration, named in errors."""

    JSON = "declaration.json"
    TSV = "manifest table (.tsv)"
    CSV = "manifest table (.csv)"
    CHECKSUMS = "checksum list"


_NAMES = {
    Form.JSON: re.compile(r"declaration\.json"),
    Form.TSV: re.compile(r"[^/]*manifest[^/]*\.tsv"),
    Form.CSV: re.compile(r"[^/]*manifest[^/]*\.csv"),
    # the output of `sha256sum` and `md5sum`, and the payload manifests of BagIt (RFC 8493, section 2.1.3)
    Form.CHECKSUMS: re.compile(r"(?:sha256|md5)sums?(?:\.txt)?|manifest-(?:sha256|md5)\.txt"),
}
_COLUMNS = {
    "path": ("file_name", "filename", "path"),
    "size_bytes": ("file_size", "size", "size_bytes"),
    "sha256": ("sha256", "sha256sum"),
    "md5": ("md5", "md5sum"),
}
_FIELDS = {alias: field for field, aliases in _COLUMNS.items() for alias in aliases}
_DIGESTS = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}
_CHECKSUM_LINE = re.compile(r"(?P<escaped>\\?)(?P<digest>[0-9a-fA-F]{64}|[0-9a-fA-F]{32})(?: [ *]|[ \t]+)(?P<path>.+)")
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}  # of GNU coreutils, in lines that begin with a backslash


@dataclass(frozen=True, slots=True)
class Declared:
    """What is declared about one file; None where nothing is."""

    path: str
    size_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None


Declaration = Mapping[str, Declared]


def form_of(path: str) -> Form | None:
    """Give the form of declaration that an object's name, relative to its batch, stands for; None for other objects."""
    return next((form for form, name in _NAMES.items() if name.fullmatch(path.lower())), None)


def parse_declaration(form: Form, content: bytes) -> Declaration:
    """Give what one declaration says, by path relative to the batch.

    Parameters
    ----------
    content
        JSON: ``{"files": [{"path": …, "size_bytes": …, "sha256": …, "md5": …}]}``, all but the path optional.
        A table: columns ``file_name``, ``file_size``, ``md5sum``, ``sha256``, as RSNA and MIDRC write them; others
        are passed over. A checksum list: lines of digest and path. All in UTF-8.

    Raises
    ------
    BatchNotReadyError
        If it is not of its form, or says two things about one file; says how many entries are wrong and which is
        the first, and none of their content.
    """
    if len(content) > MAX_BYTES:
        raise BatchNotReadyError(f"the {form} of the batch is larger than {MAX_BYTES} bytes", next_step=NEXT_STEP)
    try:
        entries = list(_READERS[form](content.decode("utf-8-sig")))
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error, RecursionError):
        raise BatchNotReadyError(f"the {form} of the batch cannot be read", next_step=NEXT_STEP) from None
    wrong = [number for number, entry in enumerate(entries, 1) if entry is None]
    if wrong:
        raise BatchNotReadyError(
            f"the {form} of the batch is wrong in {len(wrong)} of {len(entries)} entries, first in entry {wrong[0]}",
            next_step=NEXT_STEP,
        )
    return _joined(entry for entry in entries if entry is not None)


def merge_declarations(declarations: Iterable[Declaration]) -> Declaration:
    """Give what several declarations of one batch say together.

    Raises
    ------
    BatchNotReadyError
        If two of them say different things about one file.
    """
    return _joined(declared for declaration in declarations for declared in declaration.values())


def _joined(entries: Iterable[Declared]) -> Declaration:
    joined: dict[str, Declared] = {}
    contradicted: set[str] = set()
    for entry in entries:
        earlier = joined.setdefault(entry.path, entry)
        both = _together(earlier, entry)
        if both is None:
            contradicted.add(entry.path)
        else:
            joined[entry.path] = both
    if contradicted:
        raise BatchNotReadyError(
            f"the batch declares two different things about {len(contradicted)} of its files", next_step=NEXT_STEP
        )
    return joined


def _together(one: Declared, other: Declared) -> Declared | None:
    facts: dict[str, Any] = {}
    for name in ("size_bytes", "sha256", "md5"):
        values = {getattr(one, name), getattr(other, name)} - {None}
        if len(values) > 1:
            return None
        facts[name] = next(iter(values), None)
    return Declared(one.path, **facts)


def _read_json(text: str) -> Iterator[Declared | None]:
    document = json.loads(text)
    if set(document) != {"files"} or not isinstance(document["files"], list):
        raise ValueError("not our form")
    for file in document["files"]:
        yield _declared(file) if isinstance(file, dict) else None


def _read_table(text: str, *, delimiter: str) -> Iterator[Declared | None]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header = [_FIELDS.get(name.strip().lower(), "") for name in next(rows, [])]
    known = [field for field in header if field]
    if "path" not in known or len(set(known)) != len(known):
        raise ValueError("no column of file names, or two columns of one kind")
    for row in rows:
        if row:
            yield _from_row(header, row)


def _from_row(header: list[str], row: list[str]) -> Declared | None:
    if len(row) != len(header):
        return None
    facts: dict[str, object] = {field: cell.strip() for field, cell in zip(header, row, strict=True) if field}
    size = facts.get("size_bytes")
    if isinstance(size, str) and re.fullmatch(r"[0-9]{1,18}", size):
        facts["size_bytes"] = int(size)
    return _declared({field: fact for field, fact in facts.items() if fact != ""})


def _read_checksums(text: str) -> Iterator[Declared | None]:
    for line in text.splitlines():
        found = _CHECKSUM_LINE.fullmatch(line)
        if found:
            path = found["path"]
            if found["escaped"]:
                path = re.sub(r"\\[\\nr]", lambda escape: _ESCAPES[escape[0]], path)
            yield _declared({"path": path, "sha256" if len(found["digest"]) == 64 else "md5": found["digest"]})  # noqa: PLR2004 -- digits of a SHA-256
        elif line.strip():
            yield None


def _declared(facts: Mapping[str, object]) -> Declared | None:
    """Give a checked entry, or None if a fact is unknown or not of its kind."""
    path, size = _clean_path(facts.get("path")), facts.get("size_bytes")
    digests = {name: _clean_digest(name, facts.get(name)) for name in _DIGESTS}
    is_size = size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 0)
    if path is None or not is_size or not _COLUMNS.keys() >= facts.keys() or "" in digests.values():
        return None
    return Declared(path, size if isinstance(size, int) else None, digests["sha256"], digests["md5"])


def _clean_path(path: object) -> str | None:
    """Give a path relative to the batch, or None if it leads out of it."""
    if not isinstance(path, str):
        return None
    path = path.removeprefix("./")
    parts = path.split("/")
    return None if not path or "" in parts or "." in parts or ".." in parts else path


def _clean_digest(name: str, digest: object) -> str | None:
    """Give a digest in small letters, None if none is given, the empty string if it is none."""
    if digest is None:
        return None
    digest = digest.lower() if isinstance(digest, str) else ""
    return digest if _DIGESTS[name].fullmatch(digest) else ""


_READERS: Mapping[Form, Callable[[str], Iterator[Declared | None]]] = {
    Form.JSON: _read_json,
    Form.TSV: lambda text: _read_table(text, delimiter="\t"),
    Form.CSV: lambda text: _read_table(text, delimiter=","),
    Form.CHECKSUMS: _read_checksums,
}
