"""Facts of a finished header, read from its bytes: the same row as `tasks.deidentify.facts` gives."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from config.deid import Profile
from tasks.deidentify.ages import completed_years
from tasks.deidentify.dates import read_date
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.exact import read_elements
from tasks.deidentify.engine.levels import Level, stated_header
from tasks.deidentify.facts import ANSWERS, SEXES, is_localizer, procedure_codes_of
from tasks.deidentify.values import texts_of
from tasks.dicom.refusal import Refusal

_TEXTS: Final = {
    "modality": 0x00080060,
    "body_part_raw": 0x00180015,
    "view_position": 0x00185101,
    "study_description": 0x00081030,
    "series_description": 0x0008103E,
    "manufacturer_raw": 0x00080070,
    "manufacturer_model": 0x00081090,
    "contrast_agent": 0x00180010,
    "photometric": 0x00280004,
}
_INTEGERS: Final = {
    "rows": (0x00280010, 1 << 31),
    "columns": (0x00280011, 1 << 31),
    "frames": (0x00280008, 1 << 31),
    "bits_stored": (0x00280101, 1 << 15),
}
INSTANCE_NUMBER, IMAGE_POSITION = 0x00200013, 0x00200032  # differ from slice to slice
_THICKNESS, _ORIENTATION = 0x00180050, 0x00200037
_LATERALITY, _IMAGE_LATERALITY = 0x00200060, 0x00200062
_AGE, _SEX, _STUDY_DATE, _BURNED_IN, _LOSSY = 0x00101010, 0x00100040, 0x00080020, 0x00280301, 0x00282110
_PIXEL_SPACING, _IMAGER_SPACING, _KERNEL = 0x00280030, 0x00181164, 0x00181210
_IMAGE_TYPE, _PROCEDURE_CODES = 0x00080008, (0x00081032, 0x00321064)
FUNCTIONAL_GROUPS: Final = frozenset({0x52009229, 0x52009230})  # facts may stand in them
FACT_TAGS: Final = frozenset(
    {
        *_TEXTS.values(),
        *(tag for tag, _ in _INTEGERS.values()),
        *(INSTANCE_NUMBER, IMAGE_POSITION, _THICKNESS, _ORIENTATION),
        *(_LATERALITY, _IMAGE_LATERALITY, _AGE, _SEX, _STUDY_DATE, _BURNED_IN, _LOSSY),
        *(_PIXEL_SPACING, _IMAGER_SPACING, _KERNEL),
        *(_IMAGE_TYPE, *_PROCEDURE_CODES),
    }
)

_SHARED: Final = tuple(sorted(FACT_TAGS - {INSTANCE_NUMBER, IMAGE_POSITION}))

Finished = Mapping[int, bytes]  # elements as released, by tag


class Reader:
    """Reads the values of the elements released at one level; what was read is remembered by the elements' bytes."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._seen: dict[bytes, list[str]] = {}
        self._facts: dict[tuple[bytes, ...], dict[str, Any]] = {}

    def shared(self, elements: Finished, profile: Profile) -> dict[str, Any]:
        """Give the columns that the instances of a series have in common, more often than not."""
        key = tuple([elements.get(tag, b"") for tag in _SHARED])
        found = self._facts.get(key)
        if found is None:
            found = self._level.memory.keep(self._facts, key, _shared(elements, self, profile), sum(map(len, key)))
        return found

    def texts(self, elements: Finished, tag: int) -> list[str]:
        """Give the values of an element that are not empty.

        Raises
        ------
        Declined
            If they are neither short integers nor text without code extensions.
        """
        raw = elements.get(tag)
        if not raw:
            return []
        found = self._seen.get(raw)
        if found is None:
            found = self._level.memory.keep(self._seen, raw, self._read(raw), 2 * len(raw))
        return found

    def procedure_codes(self, elements: Finished) -> list[str] | None:
        """Give the codes of the procedure, as the other road reads them.

        Raises
        ------
        Declined
            If a sequence of codes is not sound.
        """
        raw = b"".join(elements.get(tag, b"") for tag in _PROCEDURE_CODES)
        if not raw:
            return None
        try:
            return procedure_codes_of(read_elements(raw, implicit=self._level.place.implicit))
        except Refusal:
            raise Declined from None

    def _read(self, raw: bytes) -> list[str]:
        stated = stated_header(raw[:12], implicit=self._level.place.implicit)
        vr = self._level.verdict(stated.tag, stated.vr).vr
        value = raw[stated.start :]
        if vr == "US":
            return [str(int.from_bytes(value[at : at + 2], "little")) for at in range(0, len(value), 2)]
        element = RawDataElement(BaseTag(stated.tag), stated.vr, len(value), value, 0, self._level.place.implicit, True)  # noqa: FBT003 -- pydicom's order
        texts = texts_of(element, vr, self._level.place.codecs)
        if texts is None or (not value.isascii() and len(self._level.place.codecs) > 1) or b"\x1b" in value:
            raise Declined
        return [text for text in texts if text]


def facts_from(elements: Finished, reader: Reader, profile: Profile) -> dict[str, Any]:
    """Give the columns that are read from the header.

    Raises
    ------
    Declined
        If a value is not what its VR says.
    """
    return reader.shared(elements, profile) | differing_facts(elements, reader)


def differing_facts(elements: Finished, reader: Reader) -> dict[str, Any]:
    """Give the columns in which the instances of a series differ.

    Raises
    ------
    Declined
        If a value is not what its VR says.
    """
    return {
        "instance_number": _integer(reader.texts(elements, INSTANCE_NUMBER), 1 << 31),
        "image_position_mm": _numbers(reader.texts(elements, IMAGE_POSITION), 3),
    }


def _shared(elements: Finished, reader: Reader, profile: Profile) -> dict[str, Any]:
    """Give the columns that the instances of a series have in common, more often than not."""
    text = {name: "\\".join(reader.texts(elements, tag)) or None for name, tag in _TEXTS.items()}
    years = completed_years("\\".join(reader.texts(elements, _AGE)))
    is_older = years is not None and years > profile.oldest_years
    spacing = _numbers(reader.texts(elements, _PIXEL_SPACING), 2)
    imager_spacing = None if spacing else _numbers(reader.texts(elements, _IMAGER_SPACING), 2)
    integers = {name: _integer(reader.texts(elements, tag), limit) for name, (tag, limit) in _INTEGERS.items()}
    laterality = reader.texts(elements, _LATERALITY) or reader.texts(elements, _IMAGE_LATERALITY)
    thickness = _numbers(reader.texts(elements, _THICKNESS), 1)
    return {
        **text,
        **integers,
        "modality": text["modality"] or "",
        "frames": integers["frames"] or 1,
        "slice_thickness_mm": thickness[0] if thickness else None,
        "image_orientation": _numbers(reader.texts(elements, _ORIENTATION), 6),
        "patient_sex": _one_of(reader.texts(elements, _SEX), SEXES),
        "patient_age_years": None if is_older else years,
        "patient_age_gt89": None if years is None else is_older,
        "study_date_shifted": read_date("\\".join(reader.texts(elements, _STUDY_DATE))),
        "laterality": "\\".join(laterality) or None,
        "lossy": reader.texts(elements, _LOSSY) == ["01"],
        "burned_in_annotation": _one_of(reader.texts(elements, _BURNED_IN), ANSWERS),
        "pixel_spacing_mm": spacing or imager_spacing,
        "spacing_source": "PixelSpacing" if spacing else "ImagerPixelSpacing" if imager_spacing else None,
        "convolution_kernel": reader.texts(elements, _KERNEL) or None,
        "frame_depths_mm": None,
        "is_localizer": is_localizer(reader.texts(elements, _IMAGE_TYPE)),
        "procedure_codes": reader.procedure_codes(elements),
    }


def _one_of(texts: list[str], choices: tuple[str, ...]) -> str | None:
    text = "\\".join(texts)
    return text if text in choices else None


def _integer(texts: list[str], limit: int) -> int | None:
    try:
        number = int(texts[0]) if texts else None
    except ValueError:
        raise Declined from None
    return number if number is not None and abs(number) < limit else None


def _numbers(texts: list[str], count: int) -> list[float] | None:
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        raise Declined from None
    return numbers if len(numbers) == count and all(map(isfinite, numbers)) else None
