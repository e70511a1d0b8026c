"""What is written is ours from the first byte to the last element."""

from collections.abc import Callable
from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset

from config.settings import ObjectLimits
from tasks.dicom.reading import read_dataset
from tasks.dicom.writing import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, write_dataset

LIMITS = ObjectLimits()


def test_file_meta_and_preamble_are_made_from_nothing(
    image: Callable[..., Dataset], part10: Callable[..., bytes]
) -> None:
    source = bytearray(part10(image(), preamble=b"ZZCANARY" * 16))
    dataset = read_dataset(bytes(source), LIMITS)
    del dataset.PatientName
    written = write_dataset(dataset)
    assert b"ZZCANARY" not in written
    assert written[:132] == bytes(128) + b"DICM"
    meta = pydicom.dcmread(BytesIO(written)).file_meta
    assert {
        element.keyword: element.value for element in meta if element.keyword != "FileMetaInformationGroupLength"
    } == {
        "FileMetaInformationVersion": b"\0\1",
        "MediaStorageSOPClassUID": dataset.SOPClassUID,
        "MediaStorageSOPInstanceUID": "1.2.3.4",
        "TransferSyntaxUID": "1.2.840.10008.1.2.1",
        "ImplementationClassUID": IMPLEMENTATION_CLASS_UID,
        "ImplementationVersionName": IMPLEMENTATION_VERSION_NAME,
    }


def test_our_constants_are_legal() -> None:
    assert pydicom.uid.UID(IMPLEMENTATION_CLASS_UID).is_valid
    assert len(IMPLEMENTATION_VERSION_NAME) <= 16


def test_writing_leaves_the_data_set_as_it_is_and_repeats_itself(
    image: Callable[..., Dataset], part10: Callable[..., bytes]
) -> None:
    dataset = read_dataset(part10(image()), LIMITS)
    first = write_dataset(dataset)
    assert list(dataset.file_meta.keys()) == [0x00020010]
    assert write_dataset(dataset) == first


def test_a_changed_character_set_is_written(image: Callable[..., Dataset], part10: Callable[..., bytes]) -> None:
    source = image(SpecificCharacterSet="ISO_IR 100", PatientName="J\xe4ger")
    dataset = read_dataset(part10(source), LIMITS)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientComments = "\u5c71"
    again = pydicom.dcmread(BytesIO(write_dataset(dataset)))
    assert (again.PatientName, again.PatientComments) == ("J\xe4ger", "\u5c71")


def test_a_data_set_without_identity_cannot_be_written(
    image: Callable[..., Dataset], part10: Callable[..., bytes]
) -> None:
    dataset = read_dataset(part10(image()), LIMITS)
    del dataset.SOPInstanceUID
    with pytest.raises(AttributeError):
        write_dataset(dataset)
