"""Elements as they come from the reader: which VR they really have, and which text they hold."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement

from config.deid.profile import Attribute
from tasks.deidentify.charsets import codecs_of, decoded

Element = DataElement | RawDataElement

CHARACTER_SET: Final = 0x00080005
FREE_TEXT_VRS: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})  # in the declared character set
TEXT_VRS: Final = FREE_TEXT_VRS | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
UNDIVIDED_VRS: Final = frozenset({"LT", "ST", "UR", "UT"})  # a backslash is text in these
BYTES_VRS: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_PAD = " \0"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)?")
_INTEGER = re.compile(r"[+-]?\d+")


@lru_cache(maxsize=65536)
def _dictionary_vr(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def known_vr(tag: int, attributes: Mapping[int, Attribute]) -> str:
    """Give the VR of a standard tag, such as ``LO`` or ``US or SS``, or nothing for an unknown tag.

    Table E.1-1 is newer than pydicom's dictionary, so it is asked too.
    """
    attribute = attributes.get(tag)
    return _dictionary_vr(tag) or (attribute.vr if attribute else "")


def settled_vr(element: Element, known: str) -> str:
    """Give the VR that the value of an element has, or nothing if the one that it states contradicts the dictionary.

    An unstated or unknown VR is the dictionary's; so is another VR of text where text belongs, since both are read as
    text and the dictionary's decides how long and in which form it may be.
    """
    choices = known.split(" or ")
    stated = element.VR
    if stated in choices:
        return stated
    if stated in (None, "UN"):
        return choices[-1]
    return choices[0] if stated in TEXT_VRS and choices[0] in TEXT_VRS else ""


def is_empty(element: Element) -> bool:
    """Tell whether an element has no value."""
    value = element.value
    if isinstance(value, bytes):
        return not value.strip(b" \0")
    return value is None or (hasattr(value, "__len__") and len(value) == 0)


def texts_of(element: Element, vr: str, codecs: tuple[str, ...]) -> list[str] | None:
    """Give the values of a text element without padding, or null if they cannot be decoded."""
    value = b"" if element.value is None else element.value
    if not isinstance(value, bytes):
        parts = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
        return [str(part).strip(_PAD) for part in parts]
    if vr not in FREE_TEXT_VRS and not value.isascii():
        return None
    text = decoded(value, codecs)
    if text is None:
        return None
    text = text.rstrip(_PAD)
    return [text] if vr in UNDIVIDED_VRS else [part.strip(_PAD) for part in text.split("\\")]


def text_of(dataset: Dataset, tag: int, vr: str, codecs: tuple[str, ...]) -> str | None:
    """Give the value of a text element as one string, or null if there is none or it cannot be decoded."""
    if tag not in dataset:
        return None
    texts = texts_of(dataset.get_item(tag), vr, codecs)
    return "\\".join(texts) or None if texts else None


def codecs_in(dataset: Dataset, inherited: tuple[str, ...]) -> tuple[str, ...]:
    """Give the codecs of a data set or item: its own Specific Character Set, else that of what it stands in."""
    if CHARACTER_SET not in dataset:
        return inherited
    return codecs_of(texts_of(dataset.get_item(CHARACTER_SET), "CS", inherited) or [])


def is_number(text: str, vr: str) -> bool:
    """Tell whether a text is a DS or IS value (PS3.5 section 6.2); empty values of several are."""
    pattern = _INTEGER if vr == "IS" else _NUMBER
    return not text or bool(pattern.fullmatch(text))
