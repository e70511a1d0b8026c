"""The de-identification profile: the standard's tables, which of its options are on, and our own decisions."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

from config.deid.rows import rows_of, text_of
from config.errors import ConfigError

TABLE: Final = "table_e1_1.csv"
PROFILE: Final = "profile.toml"
FULL_DATES: Final = "rtn_long_full_dates"
MODIFIED_DATES: Final = "rtn_long_modif_dates"
Types = Mapping[int, str]  # tag -> Type 1, 1C, 2 or 2C; what is not here is Type 3 or not in the IOD
Path = tuple[int, ...]  # tags of the sequences around an attribute, outermost first


@dataclass(frozen=True, slots=True)
class Attribute:
    """A row of PS3.15 Table E.1-1 under this profile.

    `code` is what is done: a code of the Basic Profile column, or K or C where an option says so; `basic` is the Basic
    Profile column, which is done where a value cannot be cleaned. `option` is the column that the code stands in;
    empty for the Basic Profile's and for our own decisions.
    """

    vr: str
    code: str
    basic: str
    option: str = ""


@dataclass(frozen=True, slots=True)
class SafePrivate:
    """A row of PS3.15 Table E.3.10-1: an element that holds no identity if its value is what the table says.

    `vr` is empty where the table states none; `vm` is written as in the table.
    """

    vr: str
    vm: str


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


@dataclass(frozen=True, slots=True)
class Structured:
    """Concepts of content items (PS3.16) that name a person or a device, as (coding scheme, Code Value).

    The value of an item so named is replaced whatever it is; `ages` are those of numbers that are ages.
    """

    identities: frozenset[tuple[str, str]]
    ages: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The profile in force; `digest` changes whenever any of its tables or decisions do.

    Two profiles are equal only if they are the same object: compare their digests.
    """

    digest: str
    edition: str
    options: frozenset[str]
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
    safe_private: Mapping[tuple[str, int, int], SafePrivate]
    structured: Structured

    def option_of(self, tag: int) -> str:
        """Give the option by which a value at this tag stays, as its column of Table E.1-1; empty for none."""
        attribute = self.attributes.get(tag)
        return attribute.option if attribute else ""

    def retains(self, tag: int) -> bool:
        """Tell whether an option keeps the values at this tag as they are."""
        attribute = self.attributes.get(tag)
        return bool(attribute and attribute.option and attribute.code == "K")


def tag_number(text: str) -> int:
    """Give the number of a tag written ``(gggg,eeee)``.

    Raises
    ------
    ValueError
        If the text is a pattern such as ``(60xx,3000)``.
    """
    return int(text[1:5] + text[6:10], 16)


def is_pattern(text: str) -> bool:
    """Tell whether a tag of Table E.1-1 stands for many."""
    return "x" in text or text.startswith("(g")


def _on(document: Mapping[str, Any]) -> frozenset[str]:
    """Give the options that are on.

    Raises
    ------
    ConfigError
        If the table has no such column, or if dates were both to be kept and to be moved (PS3.15 section E.3.6).
    """
    options = document["options"]
    columns = set(rows_of(TABLE)[0])
    unknown = sorted(set(options) - columns)
    if unknown:
        raise ConfigError(
            f"{PROFILE}: Table E.1-1 has no option {', '.join(unknown)}", next_step=f"Use a column of {TABLE}"
        )
    on = frozenset(name for name, is_on in options.items() if is_on)
    if {FULL_DATES, MODIFIED_DATES} <= on:
        raise ConfigError(
            f"{PROFILE}: {FULL_DATES} and {MODIFIED_DATES} exclude one another", next_step="Turn one of them off"
        )
    return on


def _by_option(row: Mapping[str, str], options: frozenset[str]) -> tuple[str, str]:
    """Give K or C with its option, or the Basic Profile: to retain counts more than to clean (PS3.15 section E.3)."""
    found = {row[option]: option for option in sorted(options, reverse=True) if row[option]}
    for code in ("K", "C"):
        if code in found:
            return code, found[code]
    return row["basic_profile"], ""


def _attributes(document: Mapping[str, Any], on: frozenset[str]) -> dict[int, Attribute]:
    found = {}
    for row in rows_of(TABLE):
        if not is_pattern(row["tag"]):
            code, option = _by_option(row, on)
            found[tag_number(row["tag"])] = Attribute(row["vr"], code, row["basic_profile"], option)
    overrides = (override for override in document["override"] if override.get("unless", "") not in on)
    for override in overrides:
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


def _safe_private() -> dict[tuple[str, int, int], SafePrivate]:
    """Give Table E.3.10-1 by private creator, group, and the last two digits of the element."""
    return {
        (row["private_creator"], int(row["group"], 16), int(row["element"].lower().removeprefix("xx"), 16)): (
            SafePrivate(row["vr"], row["vm"])
        )
        for row in rows_of("safe_private.csv")
    }


def _sop_classes(on: frozenset[str]) -> dict[str, SopClass]:
    """Give the SOP classes; one that needs an option which is off is held by its rule."""
    found = {}
    for row in rows_of("sop_classes.csv"):
        is_ready = row["needs"] in on
        found[row["uid"]] = SopClass(row["name"], row["iod"], "" if is_ready else row["rule_id"], row["pixels"])
    return found


def _concepts(codes: list[str]) -> frozenset[tuple[str, str]]:
    """Read concepts that are written ``scheme:value``."""
    return frozenset((scheme, value) for scheme, _, value in (code.partition(":") for code in codes))


def _digest(document: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(document["options"], sort_keys=True).encode())
    names = sorted(entry.name for entry in files("config.deid").iterdir())
    for name in names:
        if name.endswith((".csv", ".toml")):
            digest.update(f"{name}\0{text_of(name)}\0".encode())
    return digest.hexdigest()


def profile_of(document: Mapping[str, Any]) -> Profile:
    """Make a profile of a document like ``profile.toml``.

    Raises
    ------
    ConfigError
        If its options are not those of Table E.1-1, or two of them exclude one another.
    """
    on = _on(document)
    method, equipment = _method(document)
    screening, structured = document["screening"], document["structured"]
    return Profile(
        digest=_digest(document),
        edition=document["edition"],
        options=on,
        attributes=_attributes(document, on),
        removed_groups=tuple((int(row["first"], 16), int(row["last"], 16)) for row in document["removed_groups"]),
        kept={tag_number(row["tag"]): row["kept"] for row in rows_of("kept.csv")},
        sop_classes=_sop_classes(on),
        iods={row["iod"]: tuple(row["modules"].split()) for row in rows_of("iod_modules.csv")},
        module_types=_module_types(),
        coding_schemes=frozenset(row["designator"] for row in rows_of("coding_schemes.csv")),
        method=method,
        equipment=equipment,
        dates=_dates(document["dates"]),
        oldest_years=document["ages"]["oldest_years"],
        makers=frozenset(document["words"]["makers"]),
        screening=Screening(**{name: frozenset(words) for name, words in screening.items()}),
        safe_private=_safe_private(),
        structured=Structured(_concepts(structured["identities"]), _concepts(structured["ages"])),
    )


def document_of_profile(**options: bool) -> dict[str, Any]:
    """Read ``profile.toml`` with some of its options set otherwise."""
    document = tomllib.loads(text_of(PROFILE))
    document["options"] |= options
    return document


@cache
def load_profile() -> Profile:
    """Load the profile of this version."""
    return profile_of(document_of_profile())
