"""The words that DICOM's own concepts are named with: text made of them alone names nobody in particular."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import cast

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import keyword_dict

from config.deid.rows import rows_of

_WORD = re.compile(r"[^\W\d_]+")
_Tables = Mapping[str, Mapping[str, Mapping[str, tuple[str, list[int]]]]]
_MAX_DIGITS = 6  # a date has eight, a telephone number at least seven


@cache
def concept_names() -> Mapping[tuple[str, str], str]:
    """Give the Code Meaning of every code that pydicom knows, by coding scheme and Code Value."""
    tables = cast("_Tables", _table("_concepts_dict").concepts)
    mapping = _table("_snomed_dict").mapping
    names = {
        (scheme, value): meaning
        for scheme, keywords in tables.items()
        for codes in keywords.values()
        for value, (meaning, _groups) in codes.items()
    }
    retired = {("SRT", old): names[("SCT", new)] for old, new in mapping["SRT"].items() if ("SCT", new) in names}
    return names | retired


def _table(name: str) -> ModuleType:
    """Load one table of pydicom's, without the package around it; its memory is free when the caller is done."""
    package = find_spec("pydicom.sr")
    assert package is not None
    assert package.submodule_search_locations is not None
    spec = spec_from_file_location(name, Path(package.submodule_search_locations[0]) / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def vocabulary() -> frozenset[str]:
    """Give every word of these names, in small letters."""
    return frozenset(word for name in concept_names().values() for word in words_of(name))


@cache
def text_words() -> frozenset[str]:
    """Give the words that free text may be made of, in small letters without accents.

    These are the words of concept and attribute names and those of technique, without those that are rather surnames.
    """
    names = (entry[2] for entry in DicomDictionary.values())
    uses = {row["word"]: row["use"] for row in rows_of("words.csv")}
    known = vocabulary() | {word for name in names for word in words_of(name)}
    technique = {word for word, use in uses.items() if use == "technique"}
    return frozenset(word for word in known if uses.get(word) != "name") | technique


def words_of(text: str) -> list[str]:
    """Give the runs of letters of a text, in small letters."""
    return _WORD.findall(text.lower())


def are_known_words(text: str) -> bool:
    """Tell whether a text is made of concept words, short numbers and signs alone, or is a keyword of PS3.6."""
    if text in keyword_dict:
        return True
    if sum(character.isdigit() for character in text) > _MAX_DIGITS:
        return False
    known = vocabulary()
    return all(len(word) == 1 or word in known for word in words_of(text))
