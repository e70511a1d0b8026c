"""Objects built in code, and the door through which tests de-identify them."""

from io import BytesIO
from typing import Any

import numpy as np
from pydicom import DataElement, Dataset, dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from config.deid import load_profile
from config.keys import KeyRing
from tasks.deidentify.instance import InstancePolicy, Outcome, deidentify_instance
from tasks.dicom.silence import silenced
from tasks.identity import Pseudonymizer

PROFILE = load_profile()
PEOPLE = Pseudonymizer(KeyRing(1, {1: bytes(range(32))}), "s01")
POLICY = InstancePolicy(PEOPLE, PROFILE)
ROOT = "1.2.840.99999.20200315"
PATIENT_ID = "ZZCANARY7"
SUBJECT = PEOPLE.subject(PATIENT_ID)
DAYS = PEOPLE.offset_days(SUBJECT)
REMOVED = "attribute removed"


def a_ct(**attributes: Any) -> FileDataset:
    """A small CT slice of patient ZZCANARY; `attributes` are set by keyword, and removed where None."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, None, meta)
    values: dict[str, Any] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": f"{ROOT}.1.1",
        "StudyInstanceUID": f"{ROOT}.1",
        "SeriesInstanceUID": f"{ROOT}.2",
        "FrameOfReferenceUID": f"{ROOT}.3",
        "PatientName": "ZZCANARY^ANNA",
        "PatientID": PATIENT_ID,
        "PatientBirthDate": "19270102",
        "PatientSex": "F",
        "StudyDate": "20200315",
        "StudyTime": "101112",
        "AccessionNumber": "ZZCANARYACC",
        "ReferringPhysicianName": "ZZCANARYREF^DOC",
        "StudyID": "S1",
        "SeriesNumber": "1",
        "InstanceNumber": "1",
        "Modality": "CT",
        "Manufacturer": "ACME",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 4,
        "Columns": 4,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": np.arange(16, dtype="<u2").tobytes(),
    }
    with silenced():  # values may be as wrong as they come
        for keyword, value in (values | attributes).items():
            if value is not None:
                setattr(dataset, keyword, value)
    return dataset


def an_item(**attributes: Any) -> Dataset:
    """A sequence item."""
    item = Dataset()
    with silenced():
        for keyword, value in attributes.items():
            setattr(item, keyword, value)
    return item


def a_code(value: str, scheme: str, meaning: str) -> Dataset:
    """A coded concept."""
    return an_item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def bytes_of(dataset: FileDataset) -> bytes:
    """The file of a data set, with whatever it holds."""
    out = BytesIO()
    with silenced():
        dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def outcome_of(dataset: FileDataset | bytes, policy: InstancePolicy = POLICY) -> Outcome:
    """What becomes of an object."""
    return deidentify_instance(dataset if isinstance(dataset, bytes) else bytes_of(dataset), policy)


def reread(outcome: Outcome) -> FileDataset:
    """The finished object, read again."""
    assert outcome.content is not None, (outcome.rule_id, outcome.findings)
    return dcmread(BytesIO(outcome.content))


def deidentified(dataset: FileDataset | bytes, policy: InstancePolicy = POLICY) -> FileDataset:
    """The finished object of a source that passes."""
    return reread(outcome_of(dataset, policy))


def value_after(tag: int, vr: str, value: Any, **attributes: Any) -> Any:
    """What stands at a tag of a CT after de-identification, if it held this value before."""
    dataset = a_ct(**attributes)
    with silenced():
        dataset[tag] = DataElement(tag, vr, value)
    finished = deidentified(dataset)
    return finished[tag].value if tag in finished else REMOVED
