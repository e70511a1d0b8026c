"""The de-identification profile: the standard's tables, which of its options are on, and our own decisions."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

from config.deid.rows import rows_of, text_of

TABLE: Final = "table_e1_1.csv"
Types = Mapping[int, str]  # tag -> Type 1, 1C, 2 or 2C; what is not here is Type 3 or not in the IOD
Path = tuple[int, ...]  # tags of the sequences around an attribute, outermost first


@dataclass(frozen=True, slots=True)
class Attribute:
    """A row of PS3.15 Table E.1-1 under this profile.

    `code` is what is done: a code of the Basic Profile column, or K or C where an option says so; `basic` is the Basic
    Profile column, which is done where a value cannot be cleaned.
    """

    vr: str
    code: str
    basic: str


@dataclass(frozen=True, slots=True)
class SopClass:
    """What is done with the instances of a SOP class: they pass, or `rule_id` holds them.

    `pixels` is the ``deid_pixel`` of one that passes; `iod` names its IOD.
    """

    name: str
    iod: str
    rule_id: str
    pixels: str


@dataclass(frozen=True, slots=True)
class Dates:
    """Which dates are dates of care: all others are placeholders, and shifted they would tell the offset."""

    earliest: date
    latest: date
    placeholders: frozenset[date]
    dummy: str

    def is_real(self, day: date) -> bool:
        """Tell whether something can have happened on this day."""
        return self.earliest <= day <= self.latest and day not in self.placeholders


@dataclass(frozen=True, slots=True)
class Screening:
    """What in a header tells that there may be text in the pixels."""

    modalities: frozenset[str]
    image_type_words: frozenset[str]
    cross_sectional: frozenset[str]


@dataclass(frozen=True, slots=True)
class MethodCode:
    """A code of PS3.16 CID 7050, or the one of CID 7005 for de-identifying equipment."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The profile in force; `digest` changes whenever any of its tables or decisions do.

    Two profiles are equal only if they are the same object: compare their digests.
    """

    digest: str
    edition: str
    attributes: Mapping[int, Attribute]
    removed_groups: tuple[tuple[int, int], ...]
    kept: Mapping[int, str]
    sop_classes: Mapping[str, SopClass]
    iods: Mapping[str, tuple[str, ...]]
    module_types: Mapping[str, Mapping[Path, Types]]
    coding_schemes: frozenset[str]
    method: tuple[MethodCode, ...]
    equipment: MethodCode
    dates: Dates
    oldest_years: int
    makers: frozenset[str]
    screening: Screening


def tag_number(text: str) -> int:
    """Give the number of a tag written ``(gggg,eeee)``.

    Raises
    ------
    ValueError
        If the text is a pattern such as ``(60xx,3000)``.
    """
    return int(text[1:5] + text[6:10], 16)


def _is_pattern(text: str) -> bool:
    return "x" in text or text.startswith("(g")


def _option_of(row: Mapping[str, str], options: list[str]) -> str:
    """Give K, C or nothing: to retain counts more than to clean (PS3.15 section E.3)."""
    cells = {row[option] for option in options}
    return "K" if "K" in cells else "C" if "C" in cells else ""


def _attributes(document: Mapping[str, Any]) -> dict[int, Attribute]:
    options = [name for name, on in document["options"].items() if on]
    found = {}
    for row in rows_of(TABLE):
        if not _is_pattern(row["tag"]):
            basic = row["basic_profile"]
            found[tag_number(row["tag"])] = Attribute(row["vr"], _option_of(row, options) or basic, basic)
    for override in document["override"]:
        for tag in map(tag_number, override["tags"]):
            row_of_tag = found.get(tag, Attribute("", override["action"], override["action"]))
            code = row_of_tag.basic if override["action"] == "basic" else override["action"]
            found[tag] = Attribute(row_of_tag.vr, code, row_of_tag.basic)
    return found


def _module_types() -> dict[str, dict[Path, dict[int, str]]]:
    found: dict[str, dict[Path, dict[int, str]]] = {}
    for row in rows_of("module_types.csv"):
        path = tuple(int(step, 16) for step in row["path"].split(">") if step)
        types = (entry.split("=") for entry in row["types"].split())
        found.setdefault(row["module"], {})[path] = {int(tag, 16): kind for tag, kind in types}
    return found


def _method(document: Mapping[str, Any]) -> tuple[tuple[MethodCode, ...], MethodCode]:
    options = document["options"]
    rows = rows_of("cid_7050.csv")
    codes = {
        row["code_value"]: MethodCode(row["code_value"], row["coding_scheme"], row["code_meaning"]) for row in rows
    }
    on = (row for row in rows if row["e1_1_column"] == "basic_profile" or options.get(row["e1_1_column"], False))
    return tuple(codes[row["code_value"]] for row in on), codes["109104"]


def _dates(table: Mapping[str, Any]) -> Dates:
    placeholders = frozenset(map(date.fromisoformat, table["placeholders"]))
    earliest, latest = date.fromisoformat(table["earliest"]), date.fromisoformat(table["latest"])
    return Dates(earliest, latest, placeholders, table["dummy"])


def _digest() -> str:
    digest = hashlib.sha256()
    names = sorted(entry.name for entry in files("config.deid").iterdir())
    for name in names:
        if name.endswith((".csv", ".toml")):
            digest.update(f"{name}\0{text_of(name)}\0".encode())
    return digest.hexdigest()


@cache
def load_profile() -> Profile:
    """Load the profile of this version."""
    document = tomllib.loads(text_of("profile.toml"))
    method, equipment = _method(document)
    screening = document["screening"]
    return Profile(
        digest=_digest(),
        edition=document["edition"],
        attributes=_attributes(document),
        removed_groups=tuple((int(row["first"], 16), int(row["last"], 16)) for row in document["removed_groups"]),
        kept={tag_number(row["tag"]): row["kept"] for row in rows_of("kept.csv")},
        sop_classes={
            row["uid"]: SopClass(row["name"], row["iod"], row["rule_id"], row["pixels"])
            for row in rows_of("sop_classes.csv")
        },
        iods={row["iod"]: tuple(row["modules"].split()) for row in rows_of("iod_modules.csv")},
        module_types=_module_types(),
        coding_schemes=frozenset(row["designator"] for row in rows_of("coding_schemes.csv")),
        method=method,
        equipment=equipment,
        dates=_dates(document["dates"]),
        oldest_years=document["ages"]["oldest_years"],
        makers=frozenset(document["words"]["makers"]),
        screening=Screening(**{name: frozenset(words) for name, words in screening.items()}),
    )
