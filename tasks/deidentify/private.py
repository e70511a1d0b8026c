"""Private elements: those of PS3.15 Table E.3.10-1 stay if their values are what the table says, with their creators.

An element is known by its creator, its group and its place in the block that the creator reserved, in whatever block
that is. What an object itself says of the safety of its private elements has no weight.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement, convert_raw_data_element

from config.deid import Profile
from config.deid.profile import SafePrivate
from config.settings import ObjectLimits
from tasks.deidentify.charsets import ASCII
from tasks.deidentify.kept import LENGTHS, LONGEST, Keeping, kept_texts, label
from tasks.deidentify.residual import has_text
from tasks.deidentify.text import Lost
from tasks.deidentify.uids import replaced_uids
from tasks.deidentify.values import BYTES_VRS, TEXT_VRS, Element, is_empty, is_number, texts_of
from tasks.dicom.elements import dictionary_vr
from tasks.dicom.refusal import Refusal
from tasks.dicom.silence import silenced
from tasks.dicom.structure import dataset_end
from tasks.dicom.syntaxes import Encoding

SAFE_PRIVATE: Final = "rtn_safe_priv"
_NUMBERS: Final = {
    "AT": "<u2", "FD": "<f8", "FL": "<f4", "OD": "<f8", "OF": "<f4", "OL": "<u4", "OV": "<u8", "SL": "<i4",
    "SS": "<i2", "SV": "<i8", "UL": "<u4", "US": "<u2", "UV": "<u8",
}  # fmt: skip
_WIDTHS: Final = {"AT": 4}
_OPAQUE: Final = BYTES_VRS | {"OW/OB"}
_FORMED: Final = frozenset({"AS", "CS", "DA", "DS", "DT", "IS", "TM"})  # a value of these has a form
_DATED: Final = frozenset({"AS", "DA", "DT"})
_WRITTEN_TEXT: Final = frozenset({"LO", "LT", "ST", "UT"})
_PLAUSIBLE: Final = (1e-9, 1e9)  # what is measured is zero or between these; letters read as a number are not
_DOUBLE_BYTES = 8
_SEQUENCE: Final = b"\x08\x00\x40\x11"  # the tag of Referenced Image Sequence
_LIMITS: Final = ObjectLimits()
_FEW = 4  # bytes that are too few to be a text


def creators_in(dataset: Dataset) -> Mapping[int, str]:
    """Give the private creators of a data set or item by the tag that names them.

    One creator may reserve several blocks; a block without a creator has none.
    """
    found = {}
    for tag in dataset.keys():  # noqa: SIM118 -- iterating a Dataset converts every element
        if tag.is_private_creator:
            texts = texts_of(dataset.get_item(tag), "LO", ASCII)
            if texts and len(texts) == 1 and texts[0]:
                found[int(tag)] = texts[0]
    return found


def creator_tag(tag: int) -> int:
    """Give where the creator of a private element is named (PS3.5 section 7.8.1)."""
    return tag & 0xFFFF0000 | (tag & 0xFF00) >> 8


def safe_row(tag: int, creator: str | None, profile: Profile) -> SafePrivate | None:
    """Give the row of Table E.3.10-1 of a private element, or null if the table does not know it or is not in force."""
    if creator is None or SAFE_PRIVATE not in profile.options:
        return None
    return profile.safe_private.get((creator, tag >> 16, tag & 0xFF))


def vr_of_private(element: Element, row: SafePrivate) -> str:
    """Give the VR of a private element: the one that is written, else the table's; empty if neither tells."""
    written = element.VR
    return written if written not in (None, "UN") else row.vr


def kept_private(element: Element, row: SafePrivate, keeping: Keeping, codecs: tuple[str, ...]) -> Element | None:
    """Give a private element as it may stay, or null if its value is not what the table says.

    Parameters
    ----------
    row
        Of the table; the element is no sequence, and the table does not say that it is one.
    codecs
        Of the character set in force.
    """
    vr = vr_of_private(element, row)
    value = element.value
    if row.vr in _OPAQUE or (not row.vr and vr not in _NUMBERS):
        return None
    if is_empty(element):
        return _as(element, vr)
    if isinstance(value, bytes):
        if vr in _NUMBERS or vr in BYTES_VRS:
            numbers = row.vr if vr in BYTES_VRS else vr
            return _as(element, vr) if are_numbers(value, numbers, row.vm) else None
        if row.vr == "DS" and is_double(value):
            return _as(element, "FD")
    return _kept_text_element(element, vr, row, keeping, codecs) if vr in TEXT_VRS else None


def _kept_text_element(
    element: Element, vr: str, row: SafePrivate, keeping: Keeping, codecs: tuple[str, ...]
) -> Element | None:
    tag = int(element.tag)
    texts = texts_of(element, vr, codecs)
    changed = None if texts is None else _kept_text(tag, vr, row, texts, keeping)
    if changed is None or changed == texts:
        return None if changed is None else _as(element, vr)
    return DataElement(tag, vr, changed[0] if len(changed) == 1 else changed)


def _as(element: Element, vr: str) -> Element:
    """Give the element with a known VR where it is written that the VR is not known."""
    return element._replace(VR=vr) if isinstance(element, RawDataElement) and element.VR == "UN" else element


def opened(element: Element) -> DataElement | None:
    """Give a private sequence with its items parsed, or null if its bytes are no items."""
    if not isinstance(element, RawDataElement):
        return element
    value = element.value or b""
    try:  # as the value of a standard sequence in implicit VR, in which it is (PS3.5 section 6.2.2)
        dataset_end(
            _SEQUENCE + len(value).to_bytes(4, "little") + value, 0, Encoding(implicit=True, little=True), _LIMITS
        )
    except Refusal:
        return None
    with silenced():
        sequence = convert_raw_data_element(element._replace(VR="SQ", is_implicit_VR=True))
        _open_sequences(sequence)
    return sequence


def _open_sequences(element: DataElement) -> None:
    for item in element.value:
        for tag in list(item.keys()):
            raw = item.get_item(tag)
            if "SQ" in (raw.VR, dictionary_vr(int(tag))) and item[tag].VR == "SQ":
                _open_sequences(item[tag])


def are_numbers(value: bytes, vr: str, vm: str) -> bool:
    """Tell whether bytes are numbers of this VR, as many as may be, and no text that is called numbers.

    Parameters
    ----------
    vm
        Value multiplicity as the table writes it: ``1``, ``3``, ``1-n`` and the like.
    """
    if vr not in _NUMBERS:
        return False
    kind = np.dtype(_NUMBERS[vr])
    width = _WIDTHS.get(vr, kind.itemsize)
    count, rest = divmod(len(value), width)
    if rest or (vm.isdigit() and count not in (0, int(vm))):
        return False
    numbers = np.frombuffer(value, kind)
    if kind.kind == "f":
        size = np.abs(numbers[numbers != 0])
        return bool(np.isfinite(size).all() and (size > _PLAUSIBLE[0]).all() and (size < _PLAUSIBLE[1]).all())
    return len(value) <= _FEW or not has_text(value)


def is_double(value: bytes) -> bool:
    """Tell whether bytes are a number in binary where the table says that it is written: both are met (ELSCINT1)."""
    return len(value) == _DOUBLE_BYTES and not has_text(value) and are_numbers(value, "FD", "1")


def _kept_text(tag: int, vr: str, row: SafePrivate, texts: list[str], keeping: Keeping) -> list[str] | None:
    """Give the values of a private element of text as they may stay, by the table's VR and by the written one."""
    if "UI" in (vr, row.vr):
        return replaced_uids(texts, tag, keeping.new_uid) if vr == row.vr else None
    if row.vr in ("DS", "IS"):
        return texts if all(is_number(text, row.vr) for text in texts) else None
    if vr in _FORMED:
        changed = kept_texts(tag, vr, texts, keeping)
        return changed if changed == texts or vr in _DATED else None
    if row.vr in _NUMBERS or (vr not in LENGTHS and vr != "UT"):
        return None
    whole = row.vr in _WRITTEN_TEXT or vr in _WRITTEN_TEXT
    return texts if all(_may_stay(text, vr, keeping, whole=whole) for text in texts) else None


def _may_stay(text: str, vr: str, keeping: Keeping, *, whole: bool) -> bool:
    if not text:
        return True
    if len(text) > LENGTHS.get(vr, LONGEST) or not text.isprintable():
        return False
    if whole:
        return label(text, keeping) is not None
    return keeping.cleaning(text).finding in (None, Lost.WORD)
