"""The bytes of a release, file by file: no identifier of a source, no name of a raw object and no key may be in them.

Tables are read back from the bytes that will be published, with their metadata and statistics; of other files every
word is looked at. Values are compared as a whole: what may stand inside a text is searched for in `texts`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.release.disclosure.known import Known
from tasks.release.rows import INSTANCES, OnDisk

LINKAGE = "P-LINKAGE"
PARQUET: Final = ".parquet"
CHUNK = 1 << 24
LONGEST_NUMBER_OF_OURS = 12  # digits; counts and sizes in manifests and reports are shorter
MOST_TEXTS = 1 << 17  # different values of a column of free text; a column of our own has millions
_AROUND: Final = b"\"'<>,;=|(){}[]/:"  # what stands around words, and parts paths and addresses
_SPLITTING = bytes.maketrans(_AROUND, b" " * len(_AROUND))


@dataclass(frozen=True, slots=True)
class _Searched:
    """Identifiers to search for; `anchors` holds them by the longest part of each that can stand as a word."""

    identifiers: pa.Array
    anchors: Mapping[str, Sequence[bytes]]
    words: pa.Array


def leaking_files(files: Mapping[str, Path], known: Known) -> dict[str, int]:
    """Count, by key of a file, the different identifiers of sources that it holds.

    Parameters
    ----------
    files
        Where what will be published lies, by key; the keys are looked at as well.
    """
    searched, found, texts = _searched(known.identifiers()), dict[str, int](), dict[str, pa.Array]()
    for key, path in files.items():
        words = _words_in(key.encode(), searched)
        if not key.endswith(PARQUET):
            found[key] = len(words | _in_text(path, searched))
            continue
        with pq.ParquetFile(path) as file:
            in_table, texts[key] = _in_table(file, searched)
        found[key] = len(words | in_table)
        if key.endswith(f"{INSTANCES}{PARQUET}"):
            found[key] += known.old_instances(OnDisk((path,)))
    for names in known.old_names():
        for key, values in texts.items():
            found[key] += _count(names, values)
    return {key: count for key, count in sorted(found.items()) if count}


def _searched(identifiers: pa.Array) -> _Searched:
    anchors: dict[str, list[bytes]] = {}
    for text in identifiers.to_pylist():
        parts = text.encode().translate(_SPLITTING).split()
        anchors.setdefault(max(parts, key=len, default=b"").decode("utf-8", "replace"), []).append(text.encode())
    return _Searched(identifiers, anchors, pa.array(list(anchors), pa.string()))


def _count(values: pa.Array, among: pa.Array) -> int:
    return int(pc.sum(pc.is_in(values, value_set=among)).as_py() or 0)


def _columns(file: pq.ParquetFile) -> Iterator[str]:
    """Name the columns of text."""
    for name, kind in zip(file.schema_arrow.names, file.schema_arrow.types, strict=True):
        if pa.types.is_string(kind.value_type if pa.types.is_list(kind) else kind):
            yield name


def _values(file: pq.ParquetFile, name: str) -> Iterator[pa.Array]:
    """Give the different values of a column in small letters, group of rows by group of rows."""
    for group in range(file.num_row_groups):
        column = file.read_row_group(group, columns=[name])[name].combine_chunks()
        values = pc.list_flatten(column) if pa.types.is_list(column.type) else column
        yield pc.utf8_lower(pc.unique(values.cast(pa.string())).drop_null())


def _in_table(file: pq.ParquetFile, searched: _Searched) -> tuple[set[bytes], pa.Array]:
    """Give the identifiers in a table and its notes, and the values of those columns that are not our own keys."""
    found, texts = _words_in("\n".join(_notes(file)).encode(), searched), [pa.array([], pa.string())]
    for name in _columns(file):
        seen = pa.array([], pa.string())
        for values in _values(file, name):
            met = values.filter(pc.is_in(values, value_set=searched.identifiers))
            found.update(text.encode() for text in met.to_pylist())
            if len(seen) <= MOST_TEXTS:
                seen = pc.unique(pa.concat_arrays([seen, values]))
        if len(seen) <= MOST_TEXTS:
            texts.append(seen)
    return found, pc.unique(pa.chunked_array(texts))


def _in_text(path: Path, searched: _Searched) -> set[bytes]:
    chunks = (_words_in(chunk, searched) for chunk in _chunks(path))
    return {word for words in chunks for word in words if not _is_number_of_ours(word)}


def _is_number_of_ours(word: bytes) -> bool:
    return word.isdigit() and len(word) <= LONGEST_NUMBER_OF_OURS


def _notes(file: pq.ParquetFile) -> Iterator[str]:
    """Give what a table says beside its values: metadata of file and columns, and the bounds of column chunks."""
    schema = file.schema_arrow
    notes = [file.metadata.metadata or {}, schema.metadata or {}, *(field.metadata or {} for field in schema)]
    for note in notes:
        for name, text in note.items():
            if name != b"ARROW:schema":  # holds the notes that are read here, packed
                yield f"{name.decode()} {text.decode()}"
    yield file.metadata.created_by
    for group in range(file.metadata.num_row_groups):
        for place in range(file.metadata.num_columns):
            bounds = file.metadata.row_group(group).column(place).statistics
            if bounds is not None and bounds.has_min_max:
                yield from (bound for bound in (bounds.min, bounds.max) if isinstance(bound, str))


def _chunks(path: Path) -> Iterator[bytes]:
    """Give a file in pieces that end with a line."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk + file.readline()


def _words_in(content: bytes, searched: _Searched) -> set[bytes]:
    """Give the identifiers that stand in a text as words, or as parts of a path or an address."""
    small = content.lower() if content.isascii() else content.decode("utf-8", "replace").lower().encode()
    text = pa.array([small.translate(_SPLITTING).decode()], pa.string())
    words = pc.list_flatten(pc.ascii_split_whitespace(text))
    met = pc.unique(words.filter(pc.is_in(words, value_set=searched.words)))
    return {whole for word in met.to_pylist() for whole in searched.anchors[word] if whole in small}
