"""Descriptions whose code is known: the published table, with our decisions in place of its errors."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from config.errors import ConfigError
from config.vocab.loinc import ATTRIBUTES, FAMILIES, UNIQUE, Labelled, decisions, imaging_codes, labelled
from tasks.harmonize.loinc.text import words_of

BLANK = "[blank]"
Key = tuple[str, tuple[str, ...]]  # a family of modalities, and the words of a description


def key_of(row: Labelled) -> Key | None:
    """Give what a row is found by, or null where its modality is none of ours; a blank description has no words."""
    family = FAMILIES.get(row.modality.split(",")[0].strip())
    if family is None:
        return None
    return family, () if row.description == BLANK else words_of(row.description)


@cache
def known_codes() -> Mapping[Key, str]:
    """Give the code of each known description; where we refuse one, the empty text.

    Raises
    ------
    ConfigError
        If a key has several codes and no decision (L-LOINC-UNIQUE), or a code is not one of ours or not active
        (L-LOINC-ATTR).
    """
    codes: dict[Key, str] = {}
    decided = {key: row.code for row in decisions() if (key := key_of(row))}
    for row in labelled():
        key = key_of(row)
        if key is None:
            continue
        code = decided.get(key, row.code)
        if codes.setdefault(key, code) != code:
            raise ConfigError(f"loinc_study_descriptions.csv: {' '.join(key[1])!r} has two codes ({UNIQUE})")
        if code and not (code in imaging_codes() and imaging_codes()[code].is_active):
            raise ConfigError(
                f"loinc_study_descriptions.csv: {code} is not an active code with attributes ({ATTRIBUTES})"
            )
    return MappingProxyType(codes)
