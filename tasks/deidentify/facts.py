"""Facts of a finished header: the columns of the instance table, read from what is released and from nothing else."""

from math import isfinite
from typing import Any, Final

from pydicom import Dataset
from pydicom.dataset import FileDataset

from config.deid import Profile
from tasks.deidentify.ages import completed_years
from tasks.deidentify.charsets import ASCII
from tasks.deidentify.dates import read_date
from tasks.deidentify.persons import Person
from tasks.deidentify.values import codecs_in, text_of

LOCALIZER: Final = "LOCALIZER"
PROCEDURE_SCHEMES: Final = ("C4", "C5", "CPT", "LN", "RADLEX")  # CPT, LOINC, and RadLex with its Playbook
SAME_DIRECTION: Final = 3  # decimals to which orientations are equal
SEXES: Final = ("M", "F", "O")
ANSWERS: Final = ("YES", "NO")
_SHARED, _PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
_FUNCTIONAL_GROUPS = (_SHARED, _PER_FRAME)
_GROUPS_OF_IMAGE_PLANE = ("PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence")
_GROUPS = (*_GROUPS_OF_IMAGE_PLANE, "CTReconstructionSequence", "FrameAnatomySequence")
_PER_INTEGER = {"int16": 1 << 15, "int32": 1 << 31}


def facts_of(dataset: FileDataset, person: Person, pixels: str, profile: Profile) -> dict[str, Any]:
    """Give a row of `expectations.schemas.pipeline.INSTANCES`, without source id, size and digests.

    Parameters
    ----------
    dataset
        The finished data set; values that are not what the standard says count as absent.
    pixels
        What was done about text in the pixels.
    """
    return (
        {
            "subject_id": person.subject,
            "study_uid": person.study_uid,
            "series_uid": person.series_uid,
            "sop_uid": person.sop_uid,
            "sop_class_uid": str(dataset.SOPClassUID),
            "transfer_syntax_uid": str(dataset.file_meta.TransferSyntaxUID),
            "deid_pixel": pixels,
            "deid_method_codes": [code.value for code in profile.method],
        }
        | _facts_of_patient(dataset, profile.oldest_years)
        | _facts_of_acquisition(dataset)
        | _facts_of_pixels(dataset)
        | _facts_of_plane(dataset)
        | {"frame_depths_mm": _frame_depths(dataset), "procedure_codes": procedure_codes_of(dataset)}
    )


def _facts_of_patient(dataset: Dataset, oldest_years: int) -> dict[str, Any]:
    years = completed_years(_text(dataset, "PatientAge") or "")
    is_older = years is not None and years > oldest_years
    return {
        "patient_sex": _one_of(dataset, "PatientSex", SEXES),
        "patient_age_years": None if is_older else years,
        "patient_age_gt89": None if years is None else is_older,
        "study_date_shifted": read_date(_text(dataset, "StudyDate") or ""),
    }


def _facts_of_acquisition(dataset: Dataset) -> dict[str, Any]:
    return {
        "modality": _text(dataset, "Modality") or "",
        "is_localizer": is_localizer(_texts(dataset, "ImageType")),
        "body_part_raw": _text(dataset, "BodyPartExamined"),
        "laterality": _text(dataset, "Laterality") or _text(dataset, "ImageLaterality"),
        "view_position": _text(dataset, "ViewPosition"),
        "study_description": _text(dataset, "StudyDescription"),
        "series_description": _text(dataset, "SeriesDescription"),
        "manufacturer_raw": _text(dataset, "Manufacturer"),
        "manufacturer_model": _text(dataset, "ManufacturerModelName"),
        "instance_number": _integer(dataset, "InstanceNumber", "int32"),
        "contrast_agent": _text(dataset, "ContrastBolusAgent"),
    }


def _facts_of_pixels(dataset: Dataset) -> dict[str, Any]:
    return {
        "rows": _integer(dataset, "Rows", "int32"),
        "columns": _integer(dataset, "Columns", "int32"),
        "frames": _integer(dataset, "NumberOfFrames", "int32") or 1,
        "bits_stored": _integer(dataset, "BitsStored", "int16"),
        "photometric": _text(dataset, "PhotometricInterpretation"),
        "lossy": _text(dataset, "LossyImageCompression") == "01",
        "burned_in_annotation": _one_of(dataset, "BurnedInAnnotation", ANSWERS),
    }


def _facts_of_plane(dataset: Dataset) -> dict[str, Any]:
    """Give geometry and kernel: those of the first frame where an object has functional groups (PS3.3 C.7.6.16)."""
    places = [dataset, *_first_frame(dataset)]
    spacing = _numbers(places, "PixelSpacing", 2)
    imager_spacing = None if spacing else _numbers(places, "ImagerPixelSpacing", 2)
    thickness = _numbers(places, "SliceThickness", 1)
    kernels = (_texts(place, "ConvolutionKernel") for place in places)
    return {
        "pixel_spacing_mm": spacing or imager_spacing,
        "spacing_source": "PixelSpacing" if spacing else "ImagerPixelSpacing" if imager_spacing else None,
        "slice_thickness_mm": thickness[0] if thickness else None,
        "image_position_mm": _numbers(places, "ImagePositionPatient", 3),
        "image_orientation": _numbers(places, "ImageOrientationPatient", 6),
        "convolution_kernel": next((kernel for kernel in kernels if kernel), None),
    }


def is_localizer(image_type: list[str]) -> bool | None:
    """Tell whether one of the values of Image Type names a localizer (PS3.3 C.8.2.1.1.1), or null if there are none."""
    return LOCALIZER in image_type if image_type else None


def procedure_codes_of(dataset: Dataset) -> list[str] | None:
    """Give the codes of the procedure as ``<scheme> <value>``, of public schemes for procedures alone."""
    codes = set()
    for keyword in ("ProcedureCodeSequence", "RequestedProcedureCodeSequence"):
        for item in dataset[keyword].value or () if keyword in dataset else ():
            scheme, value = _text(item, "CodingSchemeDesignator"), _text(item, "CodeValue")
            if scheme in PROCEDURE_SCHEMES and value:
                codes.add(f"{scheme} {value}")
    return sorted(codes) or None


def _frame_depths(dataset: Dataset) -> list[float] | None:
    """Give the place of every frame along the normal of all frames (PS3.3 C.7.6.16.2.3 and C.7.6.16.2.4)."""
    frames = [dataset[_PER_FRAME].value] if _PER_FRAME in dataset else []
    shared = [dataset[_SHARED].value[0]] if _SHARED in dataset and dataset[_SHARED].value else []
    places = [[_groups_of(frame, *shared) for frame in sequence or ()] for sequence in frames]
    depths: list[float] = []
    orientations = set()
    for groups in places[0] if places else ():
        position = _numbers(groups, "ImagePositionPatient", 3)
        orientation = _numbers(groups, "ImageOrientationPatient", 6)
        if position is None or orientation is None:
            return None
        orientations.add(tuple(round(cosine, SAME_DIRECTION) + 0.0 for cosine in orientation))
        depths.append(sum(one * other for one, other in zip(position, _normal_of(orientation), strict=True)))
    return depths if len(depths) > 1 and len(orientations) == 1 else None


def _groups_of(*frames: Dataset) -> list[Dataset]:
    names = ("PlanePositionSequence", "PlaneOrientationSequence")
    return [frame[name].value[0] for frame in frames for name in names if name in frame and frame[name].value]


def _normal_of(cosines: list[float]) -> tuple[float, float, float]:
    a, b, c, d, e, f = cosines
    return b * f - c * e, c * d - a * f, a * e - b * d


def _first_frame(dataset: Dataset) -> list[Dataset]:
    frames = [dataset[name].value[0] for name in _FUNCTIONAL_GROUPS if name in dataset and dataset[name].value]
    return [frame[name].value[0] for frame in frames for name in _GROUPS if name in frame and frame[name].value]


def _texts(dataset: Dataset, keyword: str) -> list[str]:
    if keyword not in dataset:
        return []
    element = dataset[keyword]
    written = text_of(dataset, int(element.tag), element.VR, codecs_in(dataset, ASCII))
    return [text for text in (written or "").split("\\") if text]


def _text(dataset: Dataset, keyword: str) -> str | None:
    return "\\".join(_texts(dataset, keyword)) or None


def _one_of(dataset: Dataset, keyword: str, choices: tuple[str, ...]) -> str | None:
    text = _text(dataset, keyword)
    return text if text in choices else None


def _integer(dataset: Dataset, keyword: str, kind: str) -> int | None:
    texts = _texts(dataset, keyword)
    number = int(texts[0]) if texts else None
    return number if number is not None and abs(number) < _PER_INTEGER[kind] else None


def _numbers(places: list[Dataset], keyword: str, count: int) -> list[float] | None:
    for place in places:
        numbers = [float(text) for text in _texts(place, keyword)]
        if len(numbers) == count and all(map(isfinite, numbers)):
            return numbers
    return None
