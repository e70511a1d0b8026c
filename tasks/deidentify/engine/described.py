"""What an object says of itself in the elements that were set aside: whose it is, its new UIDs, its image."""

from datetime import date
from functools import lru_cache
from typing import Final

from pydicom import Dataset
from pydicom.tag import Tag

from config.deid.profile import SopClass
from tasks.deidentify.dates import read_date
from tasks.deidentify.engine.context import Context, Head
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.exact import read_elements
from tasks.deidentify.engine.facts import FACT_TAGS, FUNCTIONAL_GROUPS, IMAGE_POSITION, INSTANCE_NUMBER
from tasks.deidentify.engine.fileparts import Layout
from tasks.deidentify.engine.levels import Level, stated_header
from tasks.deidentify.engine.opened import Opened
from tasks.deidentify.engine.pixels import DESCRIPTION, OFFSET_TABLES
from tasks.deidentify.instance import BIRTH_DATE
from tasks.deidentify.marks import CONTRIBUTING_EQUIPMENT, METHOD
from tasks.deidentify.needles import BASIC_DATE
from tasks.deidentify.persons import PATIENT_ID, SERIES, SOP_CLASS, SOP_INSTANCE, STUDY, Person
from tasks.deidentify.screening import PIXEL_TAGS, screened
from tasks.deidentify.values import CHARACTER_SET
from tasks.dicom.pixels import Image, image_of
from tasks.dicom.silence import silenced

SCREENED: Final = (0x00080008, 0x00080060, 0x00080064, 0x00280004, 0x00280301, 0x00281051)
_OWN_UIDS = (STUDY, SERIES, SOP_INSTANCE)
_FRAMES = 0x00280008
_HEADER_BYTES = 12
_UID_BYTES = 64
_UID_CHARACTERS = b"0123456789."
DIFFERING: Final = frozenset({SOP_INSTANCE, INSTANCE_NUMBER, IMAGE_POSITION})  # of the slots, in a series
SLOTS: Final = (
    frozenset({CHARACTER_SET, SOP_CLASS, PATIENT_ID, BIRTH_DATE, METHOD, CONTRIBUTING_EQUIPMENT, *_OWN_UIDS, *SCREENED})
    | {*DESCRIPTION, *OFFSET_TABLES}
    | FACT_TAGS
    | FUNCTIONAL_GROUPS
)


class _Watched(Dataset):
    """A part of a data set that does not let itself be asked for more than the slots hold."""

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, int) or (name not in SLOTS and name not in PIXEL_TAGS):
            raise Declined
        return super().__contains__(Tag(name))


def head_in(layout: Layout, found: Opened) -> Head:
    """Give the elements that decide, as the walk met them."""
    return Head(layout.implicit, found.raw(CHARACTER_SET), found.raw(SOP_CLASS), found.raw(PATIENT_ID))


def person_in(context: Context, found: Opened) -> Person:
    """Give the subject with the new UIDs of an object.

    Raises
    ------
    Declined
        If one of its three UIDs is none.
    """
    subject, slots = context.person, found.trail.slots
    study, series, sop = [new_uid(*slots.get(tag, (b"", None)), context.level.place.implicit) for tag in _OWN_UIDS]
    return Person(subject.subject, subject.offset_days, study, series, sop)


@lru_cache(maxsize=64)
def new_uid(raw: bytes, out: bytes | None, implicit: bool) -> str:  # noqa: FBT001 -- a key of the cache
    """Give the UID that an element with a UID was given.

    Raises
    ------
    Declined
        If it had none.
    """
    old = _value(raw, implicit=implicit) if out else b""
    if not out or not 0 < len(old) <= _UID_BYTES or old.strip(_UID_CHARACTERS):
        raise Declined
    return _value(out, implicit=implicit).decode("ascii")


def _value(raw: bytes, *, implicit: bool) -> bytes:
    """Give the value of an element without padding."""
    return raw[stated_header(raw[:_HEADER_BYTES], implicit=implicit).start :].strip(b" \0")


def birth_in(found: Opened, *, implicit: bool) -> date | None:
    """Give the date of birth, or null if there is none."""
    return _birth(found.raw(BIRTH_DATE), implicit)


@lru_cache(maxsize=64)
def _birth(raw: bytes, implicit: bool) -> date | None:  # noqa: FBT001 -- a key of the cache
    value = _value(raw, implicit=implicit) if raw else b""
    return read_date(value[:BASIC_DATE].decode("ascii", "replace"))


def expect_frames(found: Opened, level: Level, most: int) -> None:
    """Decline an object with more frames than this, or with no number of them."""
    raw = found.unchanged(_FRAMES)
    if raw:
        value = _value(raw, implicit=level.place.implicit)
        if value and not (value.isdigit() and int(value) <= most):
            raise Declined


def _pixel_element(tag: bytes, *, implicit: bool) -> bytes:
    """Give an empty element that stands for pixel data."""
    return tag + (b"\0\0\0\0" if implicit else b"OW\0\0\0\0\0\0")


def screened_class(context: Context, found: Opened, raws: tuple[bytes, ...]) -> SopClass:
    """Give the SOP class of an object whose elements in `SCREENED` these are.

    Raises
    ------
    Refusal
        If it does not pass.
    """
    implicit = context.level.place.implicit
    pixels = [] if found.pixels is None else [_pixel_element(found.pixels.header[:4], implicit=implicit)]
    elements = read_elements(b"".join((*_in_order(raws), *pixels)), implicit=implicit)
    with silenced():
        return screened(_Watched(dict(elements.items())), context.level.policy.profile)


def described(raws: tuple[bytes, ...], tag: bytes, *, implicit: bool) -> Image:
    """Give the image that these elements describe."""
    pixels = _pixel_element(tag, implicit=implicit)
    with silenced():
        image = image_of(read_elements(b"".join((*raws, pixels)), implicit=implicit))
    if image is None:
        raise Declined
    return image


def _in_order(raws: tuple[bytes, ...]) -> list[bytes]:
    return sorted((raw for raw in raws if raw), key=lambda raw: raw[1::-1] + raw[3:1:-1])
