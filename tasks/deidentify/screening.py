"""Whether an object may pass at all, by what it is and by what its header says of text in its pixels."""

import re
from typing import Final

from pydicom import Dataset

from config.deid.profile import Profile, Screening, SopClass
from tasks.deidentify.charsets import ASCII
from tasks.deidentify.persons import SOP_CLASS
from tasks.deidentify.values import text_of
from tasks.dicom.refusal import Refusal

NOT_CHECKED: Final = "not_checked"
NOT_NEEDED: Final = "not_needed"
_MODALITY = 0x00080060
_IMAGE_TYPE = 0x00080008
_CONVERSION_TYPE = 0x00080064
_BURNED_IN = 0x00280301
_PHOTOMETRIC = 0x00280004
_WINDOW_WIDTH = 0x00281051
PIXEL_TAGS: Final = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_WORD = re.compile(r"[A-Z]+")
_DRAWN_WINDOW = 2.0  # a window this narrow shows black and white only: a page


def screened(dataset: Dataset, profile: Profile) -> SopClass:
    """Give the SOP class of a source data set that may pass.

    Raises
    ------
    Refusal
        The class's own rule, DE-SOP-CLASS for a class that the profile does not know, or DE-BURNED-IN.
    """
    sop_class = profile.sop_classes.get(text_of(dataset, SOP_CLASS, "UI", ASCII) or "")
    if sop_class is None:
        raise Refusal("DE-SOP-CLASS")
    if sop_class.rule_id:
        raise Refusal(sop_class.rule_id)
    if has_pixels(dataset) and may_show_text(dataset, profile.screening):
        raise Refusal("DE-BURNED-IN")
    return sop_class


def has_pixels(dataset: Dataset) -> bool:
    """Tell whether there is pixel data of any kind."""
    return any(tag in dataset for tag in PIXEL_TAGS)


def may_show_text(dataset: Dataset, screening: Screening) -> bool:
    """Tell whether the header hints at text in the pixels; that it does not is no proof that there is none."""
    modality = _upper(dataset, _MODALITY)
    image_type = _upper(dataset, _IMAGE_TYPE)
    words = {*image_type.split("\\"), *_WORD.findall(image_type)}
    return (
        _upper(dataset, _BURNED_IN) not in ("", "NO")
        or modality in screening.modalities
        or bool(words & screening.image_type_words)
        or bool(_upper(dataset, _CONVERSION_TYPE))
        or (modality in screening.cross_sectional and _is_drawn(dataset))
    )


def _is_drawn(dataset: Dataset) -> bool:
    photometric = _upper(dataset, _PHOTOMETRIC)
    if photometric and not photometric.startswith("MONOCHROME"):
        return True
    try:
        widths = [float(width) for width in _upper(dataset, _WINDOW_WIDTH, "DS").split("\\") if width]
    except ValueError:
        return False
    return any(width <= _DRAWN_WINDOW for width in widths)


def _upper(dataset: Dataset, tag: int, vr: str = "CS") -> str:
    return (text_of(dataset, tag, vr, ASCII) or "").upper()
