"""LOINC codes of imaging studies, the descriptions whose code is known, and the words of all others, as data.

LOINC content carries the notice in ``LOINC_NOTICE.txt``. What the tables must keep among themselves (L-LOINC-UNIQUE,
L-LOINC-ATTR) is checked when they are loaded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from config.errors import ConfigError
from config.rules import rows_of
from config.vocab.terms import LOINC_CONTRAST

UNIQUE = "L-LOINC-UNIQUE"
ATTRIBUTES = "L-LOINC-ATTR"
ACTIVE = "ACTIVE"
REFUSED = "refused"
FAMILIES: Mapping[str, str] = MappingProxyType(
    {"CR": "XR", "DX": "XR", "DR": "XR", "RG": "XR", "PT": "PT", "CTPT": "PT"}
    | {name: name for name in ("CT", "MG", "MR", "NM", "RF", "US")}
)
Meaning = tuple[str, str]  # a kind and a value


@dataclass(frozen=True, slots=True)
class ImagingCode:
    """A LOINC code of an imaging study; `contrast` and `laterality` are empty where the code does not say."""

    code: str
    name: str
    system: str
    method: str
    contrast: str
    laterality: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Labelled:
    """A study description whose code is known; `modality` is as it was written, `code` empty where we refuse one."""

    modality: str
    description: str
    code: str


@dataclass(frozen=True, slots=True)
class Words:
    """What a group of words means, in these families of modalities (in all where none is named)."""

    phrases: tuple[str, ...]
    families: tuple[str, ...]
    meanings: tuple[Meaning, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """The name of one or several regions in LOINC, for some kinds of imaging; `parent` is a wider region, or empty."""

    regions: frozenset[str]
    methods: tuple[str, ...]
    name: str
    parent: str


@cache
def imaging_codes() -> Mapping[str, ImagingCode]:
    """Give every known code.

    Raises
    ------
    ConfigError
        If a code is there twice, has no system or method, or has a contrast that its name does not have.
    """
    codes: dict[str, ImagingCode] = {}
    for row in rows_of("vocab/loinc_codes.csv"):
        code = ImagingCode(
            row["loinc_code"],
            row["long_common_name"],
            row["system"],
            row["method"],
            row["contrast"],
            row["laterality"],
            is_active=row["status"] == ACTIVE,
        )
        if code.code in codes:
            raise ConfigError(f"loinc_codes.csv: {code.code} is there twice ({UNIQUE})")
        if not (code.system and code.method and code.contrast in ("", *LOINC_CONTRAST)):
            raise ConfigError(f"loinc_codes.csv: {code.code} lacks an attribute ({ATTRIBUTES})")
        codes[code.code] = code
    return MappingProxyType(codes)


@cache
def codes_by_name() -> Mapping[str, ImagingCode]:
    """Give the active codes by their folded long common name."""
    return MappingProxyType({code.name.casefold(): code for code in imaging_codes().values() if code.is_active})


@cache
def labelled() -> tuple[Labelled, ...]:
    """Give the labelled descriptions as they were published, errors included."""
    rows = rows_of("vocab/loinc_study_descriptions.csv")
    return tuple(Labelled(row["modality"], row["study_description"], row["loinc_code"]) for row in rows)


@cache
def decisions() -> tuple[Labelled, ...]:
    """Give what we decided where the published table is wrong or contradicts itself; reasons stand in the file."""
    rows = rows_of("vocab/loinc_decisions.csv")
    given = [Labelled(row["modality"], row["study_description"], row["decision"]) for row in rows]
    return tuple(Labelled(one.modality, one.description, one.code.replace(REFUSED, "")) for one in given)


@cache
def word_rows() -> tuple[Words, ...]:
    """Give the words with their meanings."""
    return tuple(
        Words(tuple(row["words"].split("|")), tuple(row["families"].split()), _meanings(row["meaning"]))
        for row in rows_of("vocab/loinc_words.csv")
    )


@cache
def spellings() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Give what is rewritten in a description before it is parted into words, in order."""
    return tuple((re.compile(row["pattern"]), row["replacement"]) for row in rows_of("vocab/loinc_spellings.csv"))


@cache
def regions() -> tuple[Region, ...]:
    """Give the names of regions."""
    return tuple(
        Region(frozenset(row["regions"].split()), tuple(row["methods"].split()), row["name"], row["parent"])
        for row in rows_of("vocab/loinc_regions.csv")
    )


@cache
def region_of_body_part() -> Mapping[str, tuple[str, ...]]:
    """Give the regions of each defined term of a body part that has one."""
    rows = rows_of("vocab/body_part_regions.csv")
    return MappingProxyType({row["term"]: tuple(row["regions"].split()) for row in rows})


@cache
def area_of_body_part() -> Mapping[str, str]:
    """Give the beginning of the LOINC systems that agree with each defined term of a body part."""
    return MappingProxyType({row["term"]: row["system"] for row in rows_of("vocab/body_part_regions.csv")})


def _meanings(text: str) -> tuple[Meaning, ...]:
    parted = (one.partition(":") for one in text.split())
    return tuple((kind, value.replace("_&_", " & ")) for kind, _, value in parted)
