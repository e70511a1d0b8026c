"""The words of sites, devices and registries as data, each file with its source; loaded once, never changed."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from config.rules import rows_of

_ASSAY = {"naat_quantitative": "naat", "unclassified": "not_reported"}
_UNIVERSAL = "any"
_ACCENTS = re.compile("[\u0300-\u036f]")  # of Latin letters; marks of other scripts are letters of their own
_SHORTEST_CUT = 4  # letters of a truncated word that still tell it from others


def fold(text: str) -> str:
    """Give the form in which words are compared: NFKC, one blank between words, no case."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@cache
def _synonyms() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    by_field: dict[str, dict[str, dict[str, str]]] = {}
    for row in (*rows_of("vocab/value_synonyms.csv"), *rows_of("vocab/measurement_words.csv")):
        for language in row["language"].split("/"):
            words = by_field.setdefault(row["field"], {}).setdefault(language, {})
            words[fold(row["raw_value"])] = row["canonical"]
            words.setdefault(_unaccented(row["raw_value"]), row["canonical"])
    return MappingProxyType(by_field)


def _unaccented(text: str) -> str:
    """Give the folded form of a text as sites write it that have no accents."""
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", fold(text))))


@cache
def code_sets() -> Mapping[str, Mapping[str, str]]:
    """Give every built-in code set: ``<field>.<language>`` to folded word to canonical value.

    A language's set holds the words that are no language's own as well.
    """
    sets: dict[str, Mapping[str, str]] = {}
    for field, languages in _synonyms().items():
        universal = languages.get(_UNIVERSAL, {})
        for language, words in languages.items():
            sets[f"{field}.{language}"] = MappingProxyType({**universal, **words})
    return MappingProxyType(sets)


@cache
def candidate_sets(field: str) -> tuple[str, ...]:
    """Give the names of the sets that a column of this field may follow when its site declares none.

    Sets of survey codes and of damaged data have to be declared.
    """
    declared_only = {f"{field}.coded", f"{field}.corrupt"}
    return tuple(name for name in sorted(code_sets()) if name.startswith(f"{field}.") and name not in declared_only)


@cache
def missing_words() -> frozenset[str]:
    """Give the folded texts that stand for a missing value in any column; no number is among them."""
    return frozenset({"", *missing_reasons()})


@cache
def missing_reasons() -> Mapping[str, str]:
    """Give why a value is missing, as a code of FHIR's data-absent-reason, by folded word."""
    return MappingProxyType({fold(row["word"]): row["reason"] for row in rows_of("vocab/missing_words.csv")})


@cache
def covid_assays() -> Mapping[str, str]:
    """Give the class of assay of every known SARS-CoV-2 test by its LOINC code (see the notice in the file)."""
    rows = rows_of("vocab/sars_cov2_loinc.csv")
    return MappingProxyType({row["loinc_code"]: _ASSAY.get(row["assay_class"], row["assay_class"]) for row in rows})


@cache
def contrast_agents() -> Mapping[str, str]:
    """Give what the words beside a contrast agent mean, by folded word: none, by_mouth or by_vein."""
    return MappingProxyType({fold(row["word"]): row["meaning"] for row in rows_of("vocab/contrast_agents.csv")})


@cache
def small_zip3() -> frozenset[str]:
    """Give the three-digit zip areas too small to be released (45 CFR 164.514(b)(2)(i)(B))."""
    return frozenset(row["zip3"] for row in rows_of("vocab/hipaa_zip3_restricted.csv"))


@cache
def _vendor_prefixes() -> tuple[tuple[str, str], ...]:
    rows = rows_of("vocab/manufacturers.csv")
    return tuple(sorted(((row["prefix"], row["vendor"]) for row in rows), key=lambda pair: -len(pair[0])))


def contrast_of_agent(text: str) -> str | None:
    """Tell whether a Contrast/Bolus Agent was given by vein: ``W``, or null where none was or nobody can tell."""
    folded = fold(text)
    said = {contrast_agents().get(word) for word in (folded, *folded.replace(",", " ").replace(";", " ").split())}
    is_elsewhere = "by_mouth" in said and "by_vein" not in said
    return None if not folded or "none" in said or is_elsewhere else "W"


def vendor_of(manufacturer: str) -> str | None:
    """Give the one spelling of a manufacturer's name, or None if it is not known."""
    folded = fold(manufacturer.replace('"', " ").replace("_", " "))
    for prefix, vendor in _vendor_prefixes():
        if folded == prefix or folded.startswith((prefix + " ", prefix + ",")):
            return vendor
    return None


@cache
def _view_positions() -> Mapping[str, tuple[str, str]]:
    rows = rows_of("vocab/view_positions.csv")
    return MappingProxyType({fold(row["spelling"]): (row["term"], row["word"]) for row in rows})


def view_position_of(text: str) -> str | None:
    """Give the defined term of a View Position, or None if it has none."""
    found = _view_positions().get(fold(text.replace("_", " ")))
    return found[0] if found else None


@cache
def words_of_views() -> Mapping[str, str]:
    """Give, for each term of a view position, the name that words of descriptions have for it."""
    return MappingProxyType(dict(_view_positions().values()))


@cache
def _body_parts() -> Mapping[str, str]:
    return MappingProxyType({fold(row["spelling"]): row["term"] for row in rows_of("vocab/body_parts.csv")})


def body_part_of(text: str) -> str | None:
    """Give the defined term (PS3.16 Annex L) of a Body Part Examined, or None if it has none."""
    spelling = fold(text.replace("_", " "))
    return _body_parts().get(spelling) or _body_parts().get(fold(text)) or _truncated(spelling)


@cache
def _truncated(spelling: str) -> str | None:
    """Give the term of a value that was cut off, where every spelling that begins so means the same."""
    terms = {term for known, term in _body_parts().items() if known.startswith(spelling)}
    return terms.pop() if len(spelling) >= _SHORTEST_CUT and len(terms) == 1 else None
