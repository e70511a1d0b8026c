"""A corpus with planted values and its answer key: what should become of each value is stated as it is planted."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.deidentify.objects import ROOT, a_code, a_ct, an_item
from tests.scoring.keys import Checks, asked

GOLDEN = Path(__file__).parents[1] / "golden" / "deid_canaries"
NAME, ID, ACCESSION, STAFF = "ZZCANARY^ANNA", "ZZCANARY7", "ZZCANARYACC", "ZZCANARYREF^DOC"
OTHER_PERSON = {"PatientID": "ZZCANARY8", "PatientName": "ZZCANARY^BERT"}


@dataclass(frozen=True)
class Planted:
    """A source object and the checks that belong to what was planted in it."""

    name: str
    dataset: FileDataset
    checks: Checks


def hidden(place: str, text: str) -> Checks:
    """A value that must be gone, at its place and from every byte."""
    return [asked("text_removed", place, text=text, hipaa_z="HIPAA-Z"), asked("canary_absent", text=text)]


def date(place: str, value: str) -> dict[str, Any]:
    return asked("date_shifted", place, value=value)


def kept(place: str, text: str) -> dict[str, Any]:
    return asked("text_retained", place, text=text, tcia_p15="TCIA-P15-K")


def uid(place: str, value: str) -> Checks:
    return [asked("uid_changed", place, value=value), asked("uid_consistent", place, value=value)]


def common(dataset: FileDataset) -> Checks:
    """What holds for every object: its identity changes consistently, its acquisition stays."""
    own = {"<(0008,0018)>": dataset.SOPInstanceUID, "<(0020,000d)>": dataset.StudyInstanceUID}
    own |= {"<(0020,000e)>": dataset.SeriesInstanceUID}
    digest = hashlib.md5(dataset.PixelData, usedforsecurity=False).hexdigest()
    return [
        *hidden("<(0010,0010)>", str(dataset.PatientName).partition("^")[2]),
        asked("patid_consistent", "<(0010,0020)>", value=dataset.PatientID),
        *(check for place, value in own.items() for check in uid(place, value)),
        date("<(0008,0020)>", dataset.StudyDate),
        asked("tag_retained", "<(0008,0060)>", dicom_iod="DICOM-IOD-1"),
        asked("text_notnull", "<(0020,0013)>", dicom_iod="DICOM-IOD-2"),
        kept("<(0008,0060)>", dataset.Modality),
        *([] if dataset.Modality == "DX" else [asked("pixels_retained", text=digest)]),
    ]


def planted_corpus() -> Iterator[Planted]:
    """Give the objects one by one."""
    for name, (dataset, checks) in _objects().items():
        yield Planted(name, dataset, [*common(dataset), *checks])


def _ct(number: int, **attributes: Any) -> FileDataset:
    return a_ct(**{"SOPInstanceUID": f"{ROOT}.1.{number}", "InstanceNumber": str(number)} | attributes)


def _objects() -> dict[str, tuple[FileDataset, Checks]]:
    return {
        "plain": _plain(),
        "referring": _referring(),
        "later": (_ct(3, StudyDate="20200401", AcquisitionDateTime="20200401101112.5+0100"), [
            date("<(0008,002a)>", "20200401101112.5+0100"),
        ]),
        "nested": _nested(),
        "private": _private(),
        "compressed": _compressed(),
        "japanese": _japanese(),
        "deflated": _in_syntax(8, DeflatedExplicitVRLittleEndian),
        "implicit": _in_syntax(9, ImplicitVRLittleEndian),
        "other person": (_ct(10, **OTHER_PERSON, StudyInstanceUID=f"{ROOT}.9", SeriesInstanceUID=f"{ROOT}.9.1"), [
            *uid("<(0020,0052)>", f"{ROOT}.3"),
        ]),
        "commented": (_ct(11, ImageComments="seen by ZZCANARYREF", PatientComments="call 0171 5550199"), [
            *hidden("<(0020,4000)>", "ZZCANARYREF"), *hidden("<(0010,4000)>", "5550199"),
        ]),
    }  # fmt: skip


def _plain() -> tuple[FileDataset, Checks]:
    dataset = _ct(1, KVP="120", SliceThickness="1.25", BodyPartExamined="CHEST", PatientAge="045Y")
    dataset.preamble = b"ZZCANARYPREAMBLE".ljust(128, b"\0")
    dataset.file_meta.SourceApplicationEntityTitle = "ZZCANARYAE"
    return dataset, [
        *hidden("<(0008,0050)>", ACCESSION),
        *hidden("<(0008,0090)>", "DOC"),
        asked("canary_absent", text="ZZCANARYPREAMBLE"),
        asked("canary_absent", text="ZZCANARYAE"),
        asked("text_removed", "<(0010,0030)>", text="19270102", hipaa_z="HIPAA-C"),
        kept("<(0018,0060)>", "120.0"),
        kept("<(0018,0050)>", "1.25"),
        kept("<(0018,0015)>", "CHEST"),
        kept("<(0010,1010)>", "045Y"),
        kept("<(0010,0040)>", "F"),
        kept("<(0008,0008)>", "original primary axial"),
        asked("tag_retained", "<(0008,0050)>", dicom_iod="DICOM-IOD-2"),
    ]


def _referring() -> tuple[FileDataset, Checks]:
    item = an_item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=f"{ROOT}.1.1")
    return _ct(2, ReferencedImageSequence=[item]), [
        *uid("<(0008,1140)>[<0000>]<(0008,1155)>", f"{ROOT}.1.1"),
        asked("tag_retained", "<(0008,1140)>[<0000>]<(0008,1150)>", dicom_iod="DICOM-IOD-1"),
    ]


def _nested() -> tuple[FileDataset, Checks]:
    procedure = a_code("77477000", "SCT", "CT for ZZCANARYCODE")
    request = an_item(RequestedProcedureID="ZZCANARYRP", RequestedProcedureDescription="for ZZCANARYRPD")
    return _ct(4, RequestAttributesSequence=[request], ProcedureCodeSequence=[procedure]), [
        *hidden("<(0040,0275)>[<0000>]<(0040,1001)>", "ZZCANARYRP"),
        *hidden("<(0040,0275)>[<0000>]<(0032,1060)>", "ZZCANARYRPD"),
        *hidden("<(0008,1032)>[<0000>]<(0008,0104)>", "ZZCANARYCODE"),
        kept("<(0008,1032)>[<0000>]<(0008,0100)>", "77477000"),
    ]


def _private() -> tuple[FileDataset, Checks]:
    dataset = _ct(5)
    block = dataset.private_block(0x0029, "ACME", create=True)
    block.add_new(0x01, "LO", "ZZCANARYPRIVATE")
    block.add_new(0x02, "SQ", [an_item(PatientName="ZZCANARYDEEP^X")])
    return dataset, [
        *hidden('<(0029,"ACME",01)>', "ZZCANARYPRIVATE"),
        *hidden('<(0029,"ACME",02)>[<0000>]<(0010,0010)>', "ZZCANARYDEEP"),
    ]


def _compressed() -> tuple[FileDataset, Checks]:
    """A JPEG image with a comment in its stream, stated to be an X-ray, which is not held as an ultrasound is."""
    dataset = dcmread(GOLDEN / "us.dcm")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.Modality, dataset.BurnedInAnnotation = "DX", "NO"
    dataset.PatientID, dataset.PatientName, dataset.InstanceNumber = ID, NAME, "6"
    dataset.StudyDate = "20200316"
    return dataset, [asked("canary_absent", text="QZ60KXV")]


def _japanese() -> tuple[FileDataset, Checks]:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    dataset = _ct(7, SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=name, OtherPatientNames="山田")
    return dataset, [*hidden("<(0010,0010)>", "山田"), *hidden("<(0010,1001)>", "山田")]


def _in_syntax(number: int, syntax: str) -> tuple[FileDataset, Checks]:
    dataset = _ct(number, ImageComments="ZZCANARYTEXT")
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset, hidden("<(0020,4000)>", "ZZCANARYTEXT")
