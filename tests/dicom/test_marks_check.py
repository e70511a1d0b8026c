from io import BytesIO

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tasks.dicom.marks_check import Marks, read_marks


def an_object(**values: object) -> bytes:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "2.25.3"
    dataset.update(values)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def a_code(value: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    return code


def test_marks_are_read_as_they_stand() -> None:
    content = an_object(
        PatientID="SUBJECTA",
        PatientIdentityRemoved="YES",
        StudyInstanceUID="2.25.1",
        SeriesInstanceUID="2.25.2",
        DeidentificationMethodCodeSequence=[a_code("113107"), a_code("113100")],
    )
    assert read_marks(content) == Marks("SUBJECTA", "2.25.1", "2.25.2", "2.25.3", "YES", ("113100", "113107"))


def test_what_is_absent_is_empty() -> None:
    assert read_marks(an_object()) == Marks("", "", "", "2.25.3", "", ())


@pytest.mark.parametrize("content", [b"", b"no DICOM", bytes(200)])
def test_what_is_no_dicom_file_has_no_marks(content: bytes) -> None:
    assert read_marks(content) is None
