"""The bytes of a release, file by file: no identifier of a source, no name of a raw object and no key may be in them.

Tables are read back from the bytes that will be published, with their metadata and statistics; of other files every
word is looked at. Values are compared as a whole: what may stand inside a text is searched for in `texts`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.release.disclosure.known import Known

LINKAGE = "P-LINKAGE"
PARQUET: Final = ".parquet"
CHUNK = 1 << 20
LONGEST_NUMBER_OF_OURS = 12  # digits; counts and sizes in manifests and reports are shorter
_WORD = re.compile(r"[^\s\"'<>,;=|(){}\[\]]+")
_PART = re.compile(r"[^\s\"'<>,;=|(){}\[\]/:]+")


def leaking_files(files: Mapping[str, bytes], known: Known) -> dict[str, int]:
    """Count, by key of a file, the different identifiers of sources that it holds.

    Parameters
    ----------
    files
        What will be published, by key; the keys are looked at as well.
    """
    identifiers = known.identifiers()
    old = list(known.old_instances())
    if not len(identifiers) and not old:
        return {}
    words = frozenset(identifiers.to_pylist())
    found = {key: len(_in_file(key, content, identifiers, words)) for key, content in files.items()}
    for key, content in files.items():
        if key.endswith("imaging_instance" + PARQUET):
            sops = pq.read_table(pa.BufferReader(content), columns=["sop_uid"])["sop_uid"]
            found[key] += sum(int(pc.sum(pc.is_in(sops, value_set=uids)).as_py() or 0) for uids in old)
    return {key: count for key, count in sorted(found.items()) if count}


def _in_file(key: str, content: bytes, identifiers: pa.Array, words: frozenset[str]) -> set[str]:
    found = _words_in([key], words)
    if key.endswith(PARQUET):
        return found | _in_table(content, identifiers, words)
    return found | {word for word in _words_in(_chunks(content), words) if not _is_number_of_ours(word)}


def _is_number_of_ours(word: str) -> bool:
    return word.isdigit() and len(word) <= LONGEST_NUMBER_OF_OURS


def _in_table(content: bytes, identifiers: pa.Array, words: frozenset[str]) -> set[str]:
    file = pq.ParquetFile(pa.BufferReader(content))
    found = _words_in(_notes(file), words)
    for name, kind in zip(file.schema_arrow.names, file.schema_arrow.types, strict=True):
        if not pa.types.is_string(kind.value_type if pa.types.is_list(kind) else kind):
            continue
        column = file.read(columns=[name])[name].combine_chunks()
        values = pc.unique(pc.list_flatten(column) if pa.types.is_list(kind) else column).cast(pa.string())
        small = pc.utf8_lower(values)
        found.update(small.filter(pc.is_in(small, value_set=identifiers)).to_pylist())
    return found


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


def _chunks(content: bytes) -> Iterator[str]:
    """Give a file in pieces that end with a line."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start + CHUNK)
        end = len(content) if end < 0 else end + 1
        yield content[start:end].decode("utf-8", "replace")
        start = end


def _words_in(texts: Iterable[str], words: frozenset[str]) -> set[str]:
    """Give the words of texts that are among some, also where a word is a part of a path or an address."""
    found: set[str] = set()
    for text in texts:
        small = text.lower()
        found |= words.intersection(_WORD.findall(small))
        found |= words.intersection(_PART.findall(small))
    return found
