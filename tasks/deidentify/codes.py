"""Coded concepts: a code of a public scheme keeps its value and gets the scheme's own meaning, a local one goes.

The meaning that a contributor writes beside a code is free text, and a local scheme's name and values name its owner.
"""

import re
from collections.abc import Mapping
from typing import Final

from pydicom import Dataset

from tasks.deidentify.kept import LENGTHS, Keeping
from tasks.deidentify.values import text_of
from tasks.deidentify.words import are_known_words, concept_names

CODE_VALUE: Final = 0x00080100
SCHEME: Final = 0x00080102
SCHEME_VERSION: Final = 0x00080103
MEANING: Final = 0x00080104
LONG_CODE_VALUE: Final = 0x00080119
URN_CODE_VALUE: Final = 0x00080120
CODE_TAGS: Final = frozenset({CODE_VALUE, SCHEME, SCHEME_VERSION, MEANING, LONG_CODE_VALUE, URN_CODE_VALUE})
LOCAL: Final = {CODE_VALUE: "LOCAL", SCHEME: "99LOCAL", MEANING: "Local code"}
MAX_MEANING: Final = 64  # characters of an LO (PS3.5 section 6.2)
_RETAINED: Final = {CODE_VALUE: "SH", SCHEME: "SH", MEANING: "LO"}
_CODE = re.compile(r"[A-Za-z0-9%{\[][A-Za-z0-9 ./:^_{}\[\]%*'()-]*")
_CODES = {  # schemes whose codes have one form
    "DCM": re.compile(r"\d{6}|[A-Z]{2,16}"),
    "LN": re.compile(r"(?:LA|LP)?\d{1,8}-\d"),
    "SCT": re.compile(r"\d{6,18}"),
    "SRT": re.compile(r"[A-Z0-9]{1,2}-[A-Z0-9]{1,8}"),
}
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,16}")


def is_code(item: Dataset) -> bool:
    """Tell whether an item is a coded concept (PS3.3 section 8.1)."""
    return any(tag in item for tag in CODE_TAGS)


def cleaned_code(
    item: Dataset, keeping: Keeping, codecs: tuple[str, ...], *, retained: bool = False
) -> Mapping[int, str]:
    """Give the attributes of a coded concept as they may stay; those not given go.

    A URN as a code is taken for local: it can be any address.

    Parameters
    ----------
    retained
        Whether an option keeps what the code names, a device or an institution: then local codes stay too.
    """
    if retained:
        return _retained(item, keeping, codecs)
    scheme = text_of(item, SCHEME, "SH", codecs)
    value = text_of(item, CODE_VALUE, "SH", codecs) or text_of(item, LONG_CODE_VALUE, "UC", codecs)
    if not value or scheme not in keeping.profile.coding_schemes:
        return dict(LOCAL)
    if not _CODES.get(scheme, _CODE).fullmatch(value) or not keeping.is_free_of_needles(value):
        return dict(LOCAL)
    place = CODE_VALUE if text_of(item, CODE_VALUE, "SH", codecs) else LONG_CODE_VALUE
    kept = {
        place: value,
        SCHEME: scheme,
        MEANING: _meaning(scheme, value, text_of(item, MEANING, "LO", codecs), keeping),
    }
    version = text_of(item, SCHEME_VERSION, "SH", codecs)
    if version and _VERSION.fullmatch(version):
        kept[SCHEME_VERSION] = version
    return kept


def _retained(item: Dataset, keeping: Keeping, codecs: tuple[str, ...]) -> Mapping[int, str]:
    texts = {tag: text_of(item, tag, vr, codecs) for tag, vr in _RETAINED.items()}
    kept = {tag: text for tag, text in texts.items() if text}
    are_legal = all(text.isprintable() and len(text) <= LENGTHS[_RETAINED[tag]] for tag, text in kept.items())
    if len(kept) < len(_RETAINED) or not are_legal or not keeping.is_free_of_needles(" ".join(kept.values())):
        return LOCAL
    return kept


def _meaning(scheme: str, value: str, written: str | None, keeping: Keeping) -> str:
    """Give the scheme's own meaning where it is known, else the written one if it is made of concept words."""
    official = concept_names().get((scheme, value), "")
    if official and len(official) <= MAX_MEANING and official.isascii():
        return official if keeping.is_free_of_needles(official) else value[:MAX_MEANING]
    if written and written.isascii() and len(written) <= MAX_MEANING and are_known_words(written):
        return written if keeping.is_free_of_needles(written) else value[:MAX_MEANING]
    return value[:MAX_MEANING]
