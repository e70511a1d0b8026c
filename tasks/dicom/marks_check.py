"""What the header of a released object says of itself, so that anyone can hold it against the manifest."""

from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset, dcmread

from tasks.dicom.silence import silenced

_TAGS = (
    "PatientID",
    "PatientIdentityRemoved",
    "DeidentificationMethodCodeSequence",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
)


@dataclass(frozen=True, slots=True)
class Marks:
    """Identifiers and marks of de-identification of an object; the empty string stands for what is absent.

    `identity_removed` is (0012,0062), `method_codes` the sorted code values of (0012,0064).
    """

    subject_id: str
    study_uid: str
    series_uid: str
    sop_uid: str
    identity_removed: str
    method_codes: tuple[str, ...]


def read_marks(content: bytes) -> Marks | None:
    """Give the marks of a DICOM object; None if it cannot be read as a Part 10 file.

    Not for several threads at a time: pydicom's warnings are kept quiet for the whole process.
    """
    with silenced():
        try:
            header = dcmread(BytesIO(content), stop_before_pixels=True, specific_tags=list(_TAGS))
            codes = header.get("DeidentificationMethodCodeSequence") or []
            return Marks(
                _text(header, "PatientID"),
                _text(header, "StudyInstanceUID"),
                _text(header, "SeriesInstanceUID"),
                _text(header, "SOPInstanceUID"),
                _text(header, "PatientIdentityRemoved"),
                tuple(sorted(_text(item, "CodeValue") for item in codes)),
            )
        except Exception:  # noqa: BLE001 -- whatever pydicom meets, the object is no sound one
            return None


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "")
