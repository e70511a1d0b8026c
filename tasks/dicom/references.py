"""What a released object refers to: instances, series, studies and frames of reference, at any depth, pixels unread."""

from typing import NamedTuple

from pydicom._uid_dict import UID_dictionary

from config.settings import ObjectLimits
from tasks.dicom.elements import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Header,
    header_at,
    looks_implicit,
)
from tasks.dicom.file_meta import has_magic, read_file_meta
from tasks.dicom.refusal import Refusal
from tasks.dicom.structure import element_end
from tasks.dicom.syntaxes import DEFLATED_LITTLE, EXPLICIT_BIG, Encoding, encoding_of

INSTANCE, SERIES, STUDY, FRAME = "instance", "series", "study", "frame of reference"
NEW_ROOT = "2.25."
_REFERENCED_CLASS = 0x00081150
_REFERENCED_INSTANCE = 0x00081155
_STUDY_UID = 0x0020000D
_SERIES_UID = 0x0020000E
_FRAMES = (0x00200052, 0x30060024, 0x00640003)
_WANTED = frozenset({_REFERENCED_CLASS, _REFERENCED_INSTANCE, _STUDY_UID, _SERIES_UID, *_FRAMES})
_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"  # of references to a study as such (PS3.3 C.7.2.1.1)
_FIRST_PIXELS = 0x7FE00008  # what comes after the pixels refers to nothing
_IMPLICIT = Encoding(implicit=True, little=True)
_LIMITS = ObjectLimits()


class Reference(NamedTuple):
    """A UID by which an object refers to another, and the series and study that stand around it, empty if none do."""

    kind: str
    uid: str
    series_uid: str = ""
    study_uid: str = ""


def references_in(content: bytes) -> frozenset[Reference] | None:
    """Give all references of a DICOM object; None if its structure cannot be followed.

    The UIDs of the object itself are none, but for its frame of reference.

    Parameters
    ----------
    content
        A Part 10 file in a little endian layout, as all released objects are.
    """
    try:
        meta = read_file_meta(content)
        if not has_magic(content) or meta.transfer_syntax in {DEFLATED_LITTLE, EXPLICIT_BIG}:
            return None
        found, _ = _item(content, (meta.dataset_start, len(content)), encoding_of(meta.transfer_syntax), depth=0)
    except Refusal:
        return None
    return frozenset(found)


def is_new_or_registered(uid: str) -> bool:
    """Tell whether a UID may be one that de-identification made, or is one that the standard registers."""
    return uid.startswith(NEW_ROOT) or uid in UID_dictionary


def _item(
    content: bytes, place: tuple[int, int], encoding: Encoding, *, depth: int, is_open: bool = False
) -> tuple[list[Reference], int]:
    """Give the references in a data set or item, and the offset after it.

    Parameters
    ----------
    place
        Offset of the first element, and the end that no element may pass.
    is_open
        Whether it ends at its delimiter.
    """
    if depth > _LIMITS.max_depth:
        raise Refusal("DE-LIMIT")
    position, end = place
    own: dict[int, str] = {}
    inner: list[Reference] = []
    while is_open or position < end:
        header = header_at(content, position, end, encoding)
        if header.tag == ITEM_END and is_open:
            position = header.value
            break
        if depth == 0 and header.tag >= _FIRST_PIXELS:
            break
        if header.holds_items():
            found, position = _sequence(content, header, end, encoding, depth=depth + 1)
            inner += found
            continue
        position = element_end(content, position, encoding, _LIMITS) if header.length == UNDEFINED else _after(header)
        if position > end:
            raise Refusal("DE-PARSE")
        if header.tag in _WANTED:
            own[header.tag] = content[header.value : position].decode("ascii", "replace").strip(" \0")
    return list(_named(own, inner, depth)), position


def _after(header: Header) -> int:
    return header.value + header.length


def _named(own: dict[int, str], inner: list[Reference], depth: int) -> list[Reference]:
    """Give the references of an item and of what is in it, each in the series and study that stand closest around."""
    frames = [Reference(FRAME, own[tag]) for tag in _FRAMES if own.get(tag)]
    if depth == 0:
        return [*inner, *frames]
    uid, series, study = (own.get(tag, "") for tag in (_REFERENCED_INSTANCE, _SERIES_UID, _STUDY_UID))
    if own.get(_REFERENCED_CLASS) == _STUDY_CLASS:
        uid, study = "", study or uid
    mine = [Reference(kind, one) for kind, one in ((INSTANCE, uid), (SERIES, series)) if one]
    studies = [Reference(STUDY, study)] if study else []
    return [*(_within(one, series, study) for one in (*mine, *inner)), *studies, *frames]


def _within(one: Reference, series: str, study: str) -> Reference:
    if one.kind == INSTANCE:
        return one._replace(series_uid=one.series_uid or series, study_uid=one.study_uid or study)
    return one._replace(study_uid=one.study_uid or study) if one.kind == SERIES else one


def _sequence(
    content: bytes, header: Header, end: int, encoding: Encoding, *, depth: int
) -> tuple[list[Reference], int]:
    """Give the references in the items of a sequence, and the offset after it."""
    is_open = header.length == UNDEFINED
    stop = end if is_open else _after(header)
    if stop > end:
        raise Refusal("DE-PARSE")
    position, found = header.value, list[Reference]()
    inside = _IMPLICIT if header.vr == b"UN" else encoding
    while is_open or position < stop:
        item = header_at(content, position, stop, _IMPLICIT)
        if item.tag == SEQUENCE_END:
            return found, item.value
        if item.tag != ITEM or (item.length != UNDEFINED and _after(item) > stop):
            raise Refusal("DE-PARSE")
        layout = _IMPLICIT if looks_implicit(content, item.value) else inside
        last = stop if item.length == UNDEFINED else _after(item)
        more, position = _item(content, (item.value, last), layout, depth=depth, is_open=item.length == UNDEFINED)
        found += more
    return found, position
