"""Every column of free text of a release: forms that name someone, and the identifiers of the very subject."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.release import Disclosure
from config.release.texts import TextColumn, TextKind, text_columns
from tasks.identifiers.patterns import PATTERNS
from tasks.identifiers.search import found_in_text
from tasks.release.disclosure.detail import rare_values
from tasks.release.disclosure.known import Known, telling
from tasks.release.model import Tables

FREE_TEXT = "P-FREETEXT"
RARE_VALUE = "P-RARE-VALUE"
Counts = dict[str, int]


def columns_of(tables: Tables) -> Iterator[tuple[TextColumn, pa.Table]]:
    """Give each column that is not our own writing with the different pairs of subject_id and text in it."""
    for column in text_columns():
        if column.kind is not TextKind.OWN:
            yield column, _pairs(tables[column.table], column.column)


def _pairs(rows: pa.Table, name: str) -> pa.Table:
    subjects, texts = rows["subject_id"], rows[name].combine_chunks()
    if pa.types.is_list(texts.type):
        subjects, texts = subjects.take(pc.list_parent_indices(texts)), pc.list_flatten(texts)
    pairs = pa.table({"subject_id": subjects, "text": texts.cast(pa.string())})
    return pairs.filter(pc.is_valid(pairs["text"])).group_by(["subject_id", "text"], use_threads=False).aggregate([])


def named_by_form(tables: Tables) -> Counts:
    """Count, by place, the subjects of whom a text has the form of a name, a number, a contact or a date."""
    found = {}
    for column, pairs in columns_of(tables):
        if column.kind is TextKind.TEXT:
            texts = pc.unique(pairs["text"])
            named = [text for text in texts.to_pylist() if PATTERNS.search(text)]
            found[_place(column)] = int(
                pc.sum(pc.is_in(pairs["text"], value_set=pa.array(named, pa.string()))).as_py() or 0
            )
    return {place: count for place, count in found.items() if count}


def rare_texts(tables: Tables, policy: Disclosure) -> Counts:
    """Count, by place, the texts and codes that few subjects have."""
    found = {_place(column): rare_values(pairs, policy.rare) for column, pairs in columns_of(tables)}
    return {place: count for place, count in found.items() if count}


def telling_of_themselves(tables: Tables, known: Known) -> Counts:
    """Count, by place, the subjects of whom a text holds what is known of who they are."""
    columns = [(_place(column), column.kind is TextKind.TEXT, _Texts(pairs)) for column, pairs in columns_of(tables)]
    found: dict[str, set[str]] = {}
    for subject, needles in known.needles():
        searched = {has_words: telling(needles, words=has_words) for has_words in (True, False)}
        for place, has_words, texts in columns:
            if any(found_in_text(text, searched[has_words]) for text in texts.of(subject)):
                found.setdefault(place, set()).add(subject)
    return {place: len(subjects) for place, subjects in sorted(found.items())}


class _Texts:
    """The texts of a column by subject, as columns, which hold millions where rows would not."""

    def __init__(self, pairs: pa.Table) -> None:
        ordered = pairs.sort_by([("subject_id", "ascending"), ("text", "ascending")])
        self._texts = ordered["text"].combine_chunks()
        encoded = ordered["subject_id"].combine_chunks().dictionary_encode()
        counts = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))
        self._ends = np.cumsum(counts)
        self._places = {subject: place for place, subject in enumerate(encoded.dictionary.to_pylist())}

    def of(self, subject: str) -> list[str]:
        """Give the texts of a subject."""
        place = self._places.get(subject)
        if place is None:
            return []
        start = int(self._ends[place - 1]) if place else 0
        texts: list[str] = self._texts.slice(start, int(self._ends[place]) - start).to_pylist()
        return texts


def _place(column: TextColumn) -> str:
    return f"{column.table}.{column.column}"
