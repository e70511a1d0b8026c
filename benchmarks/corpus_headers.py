"""The headers of the benchmark's corpus: made-up people and planted identifiers."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
CR_STORAGE = "1.2.840.10008.5.1.4.1.1.1"
DX_STORAGE = "1.2.840.10008.5.1.4.1.1.1.1"
_MODELS = {"SIEMENS": "Example Flash", "GE MEDICAL SYSTEMS": "Example VCT", "Philips": "Example iCT"}
_FAMILIES = ("Ångström", "Müller", "Okafor", "Nguyen", "Smith", "Delacroix", "Yamada", "Haddad", "Kowalska")
_GIVEN = ("Zoë", "Ibrahim", "Marie-Claire", "Tarō", "John", "Łucja", "Amina", "Pedro", "Ann")
_CITIES = ("Springfield", "Rivertown", "Bad Musterstadt", "Port Example", "Nouvelleville")


@dataclass
class Person:
    """The made-up person behind one folder.

    `planted` collects by kind every identifying value that was written for them.
    """

    index: int
    rng: random.Random
    uid_root: str
    planted: dict[str, set[str]] = field(default_factory=dict)
    uids: int = 0

    def __post_init__(self) -> None:
        pick, number = self.rng.choice, self.rng.randrange
        self.family, self.given = f"{pick(_FAMILIES)}{self.index}", pick(_GIVEN)
        self.name = self.plant("name", f"{self.family}^{self.given}^Q")
        self.mrn = self.plant("id", f"MRN{number(10**8):08d}")
        self.ssn = self.plant("id", f"{number(900, 999)}-{number(10, 99)}-{number(1000, 9999)}")
        self.birth = date(1930, 1, 1) + timedelta(days=number(365 * 70))
        self.plant("date", dicom_date(self.birth))
        self.sex = pick("MFO")
        self.address = self.plant("address", f"{number(1, 400)} Example Street {self.index}, {pick(_CITIES)}")
        self.phone = self.plant("phone", f"+1-555-{number(1000, 9999)}-{self.index:04d}")
        self.hospital = self.plant("institution", f"{pick(_CITIES)} General Hospital {number(100)}")
        self.referrer, self.operator, self.reader = (
            self.plant("name", f"{role}{number(1000)}^{given}")
            for role, given in (("Referrer", "Rae"), ("Operator", "Olu"), ("Reader", "Ren"))
        )
        self.first_study = date(2020, 3, 1) + timedelta(days=number(600))

    def plant(self, kind: str, value: str) -> str:
        """Note an identifying value and give it back."""
        self.planted.setdefault(kind, set()).add(value)
        return value

    def uid(self) -> str:
        """Give a new UID, planted."""
        self.uids += 1
        return self.plant("uid", f"{self.uid_root}.{self.index}.{self.uids}")

    def age(self, day: date) -> str:
        """Give the age on a day as an AS value."""
        return f"{(day - self.birth).days // 365:03d}Y"


@dataclass(frozen=True)
class Study:
    """One examination of one person."""

    uid: str
    procedure_step: str
    day: date
    time: str
    accession: str


def dicom_date(day: date) -> str:
    """Give a DA value."""
    return day.strftime("%Y%m%d")


def items(*contents: Mapping[str, object]) -> Sequence:
    """Give a sequence of items, each made of keywords and values."""
    made = []
    for content in contents:
        made.append(Dataset())
        put(made[-1], content)
    return Sequence(made)


def put(dataset: Dataset, content: Mapping[str, object]) -> None:
    """Set attributes by keyword."""
    for keyword, value in content.items():
        setattr(dataset, keyword, value)


def coded(value: str, scheme: str, meaning: str) -> dict[str, object]:
    """Give the content of a code sequence item (PS3.3 table 8.8-1)."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


def reference(sop_class: str, uid: str) -> dict[str, object]:
    """Give the content of an item that refers to an instance (PS3.3 table 10-11)."""
    return {"ReferencedSOPClassUID": sop_class, "ReferencedSOPInstanceUID": uid}


def common_header(person: Person, modality: str, vendor: str, study: Study) -> Dataset:
    """Give the patient, study, series and equipment elements that CT and CR/DX share."""
    dataset = Dataset()
    put(dataset, _times(person, study))
    put(dataset, _patient(person, study.day))
    put(dataset, _staff_and_place(person))
    put(dataset, _equipment(person, vendor))
    put(dataset, _study(person, modality, study))
    put(dataset, _request(person, study))
    put(dataset, _history(person, f"{dicom_date(study.day)}{study.time}"))
    return dataset


def _times(person: Person, study: Study) -> dict[str, object]:
    day = person.plant("date", dicom_date(study.day))
    dates = ("InstanceCreation", "Study", "Series", "Acquisition", "Content", "PerformedProcedureStepStart")
    return {
        **{f"{prefix}Date": day for prefix in dates},
        **{f"{prefix}Time": study.time for prefix in dates},
        "AcquisitionDateTime": f"{day}{study.time}+0100",
        "TimezoneOffsetFromUTC": "+0100",
        "AdmittingDate": person.plant("date", dicom_date(study.day - timedelta(days=2))),
    }


def _patient(person: Person, day: date) -> dict[str, object]:
    return {
        "PatientName": person.name,
        "PatientID": person.mrn,
        "IssuerOfPatientID": person.hospital,
        "PatientBirthDate": dicom_date(person.birth),
        "PatientBirthTime": "0642",
        "PatientSex": person.sex,
        "OtherPatientIDsSequence": items(
            {"PatientID": person.ssn, "IssuerOfPatientID": "SSN", "TypeOfPatientID": "TEXT"}
        ),
        "OtherPatientNames": person.plant("name", f"{person.family}^{person.given[:1]}"),
        "PatientAge": person.age(day),
        "PatientSize": "1.71",
        "PatientWeight": "68.5",
        "PatientAddress": person.address,
        "PatientTelephoneNumbers": person.phone,
        "EthnicGroup": "UNKNOWN",
        "Occupation": person.plant("text", f"Baker {person.index}"),
        "AdditionalPatientHistory": person.plant(
            "text", f"{person.given} {person.family}, seen {day.isoformat()}, SpO2 91"
        ),
        "PregnancyStatus": 4,
        "PatientComments": person.plant("text", f"Call daughter at {person.phone}"),
    }


def _staff_and_place(person: Person) -> dict[str, object]:
    doctor = items(coded(person.plant("id", f"NPI{person.index:06d}"), "99NPI", "Doc"))
    return {
        "InstitutionName": person.hospital,
        "InstitutionAddress": person.plant("address", f"1 Clinic Way, {person.hospital}"),
        "InstitutionalDepartmentName": "Radiology",
        "ReferringPhysicianName": person.referrer,
        "ReferringPhysicianTelephoneNumbers": person.plant("phone", f"+1-555-7{person.index:03d}"),
        "ReferringPhysicianIdentificationSequence": items(
            {"InstitutionName": person.hospital, "PersonIdentificationCodeSequence": doctor}
        ),
        "PhysiciansOfRecord": person.referrer,
        "PerformingPhysicianName": person.reader,
        "NameOfPhysiciansReadingStudy": person.reader,
        "OperatorsName": person.operator,
        "RequestingPhysician": person.referrer,
        "RequestingService": "Emergency",
        "AdmissionID": person.plant("id", f"ADM{person.index:06d}"),
        "CurrentPatientLocation": f"Ward {person.index % 9}",
    }


def _equipment(person: Person, vendor: str) -> dict[str, object]:
    return {
        "Manufacturer": vendor,
        "ManufacturerModelName": _MODELS[vendor],
        "StationName": person.plant("device", f"STN{person.index:04d}A"),
        "DeviceSerialNumber": person.plant("device", f"SN{person.index:04d}-{vendor[:2]}-77"),
        "SoftwareVersions": ["syngo-like 7.1", "VB20A"],
        "PerformedStationAETitle": "EXAMPLE_AE",
    }


def _study(person: Person, modality: str, study: Study) -> dict[str, object]:
    return {
        "AccessionNumber": study.accession,
        "Modality": modality,
        "StudyInstanceUID": study.uid,
        "StudyID": person.plant("id", f"ST{person.index:05d}"),
        "SeriesNumber": "1",
        "AcquisitionNumber": "1",
        "StudyDescription": f"{modality} CHEST COVID",
        "SeriesDescription": person.plant("text", f"Chest routine for {person.family}"),
        "ProcedureCodeSequence": items(coded("P5-0808E", "SRT", "Chest imaging")),
        "AdmittingDiagnosesDescription": person.plant("text", f"Fever, cough; ward {person.index} bed 4"),
        "ReferencedStudySequence": items(reference("1.2.840.10008.3.1.2.3.1", study.uid)),
        "ReferencedPerformedProcedureStepSequence": items(reference("1.2.840.10008.3.1.2.3.3", study.procedure_step)),
        "BodyPartExamined": "CHEST",
        "ProtocolName": "Thorax routine",
        "AnatomicRegionSequence": items(coded("T-D3000", "SRT", "Chest")),
        "ImageComments": person.plant("text", f"Reviewed with Dr {person.reader.partition('^')[0]}"),
    }


def _request(person: Person, study: Study) -> dict[str, object]:
    local = coded("CHEST1", "99LOCAL", "Chest routine")
    return {
        "RequestedProcedureDescription": "Chest",
        "PerformedProcedureStepID": person.plant("id", f"PPS{person.index:06d}"),
        "PerformedProcedureStepDescription": "Chest",
        "PerformedProtocolCodeSequence": items(local),
        "RequestAttributesSequence": items(
            {
                "AccessionNumber": study.accession,
                "RequestedProcedureID": person.plant("id", f"RP{person.index:06d}"),
                "ScheduledProcedureStepID": person.plant("id", f"SPS{person.index:06d}"),
                "ScheduledProcedureStepDescription": "Chest",
                "ScheduledProtocolCodeSequence": items(local, coded("36643-5", "LN", "XR Chest 2 Views")),
            }
        ),
    }


def _history(person: Person, moment: str) -> dict[str, object]:
    earlier = {
        "PatientName": person.name,
        "PatientID": person.plant("id", f"OLD{person.index:07d}"),
        "AccessionNumber": "",
    }
    return {
        "OriginalAttributesSequence": items(
            {
                "SourceOfPreviousValues": person.hospital,
                "AttributeModificationDateTime": moment,
                "ModifyingSystem": person.plant("device", f"PACS{person.index:04d}"),
                "ReasonForTheAttributeModification": "COERCE",
                "ModifiedAttributesSequence": items(earlier),
            }
        ),
        "ContributingEquipmentSequence": items(
            {
                "Manufacturer": "Example Router",
                "InstitutionName": person.hospital,
                "StationName": person.plant("device", f"RTR{person.index:04d}"),
                "SoftwareVersions": "2.0",
                "ContributionDateTime": moment,
                "PurposeOfReferenceCodeSequence": items(coded("109103", "DCM", "Modifying Equipment")),
            }
        ),
    }


_PIXELS = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16}

_CT: dict[str, object] = {
    "SOPClassUID": CT_STORAGE,
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"],
    "ScanOptions": "HELICAL MODE",
    "SliceThickness": "1.25",
    "KVP": "120",
    "DataCollectionDiameter": "500",
    "ReconstructionDiameter": "360",
    "DistanceSourceToDetector": "949.075",
    "DistanceSourceToPatient": "541",
    "GantryDetectorTilt": "0",
    "TableHeight": "151.5",
    "RotationDirection": "CW",
    "ExposureTime": "500",
    "XRayTubeCurrent": "220",
    "Exposure": "110",
    "FilterType": "BODY FILTER",
    "GeneratorPower": "26400",
    "FocalSpots": "0.7",
    "ConvolutionKernel": "LUNG",
    "PatientPosition": "HFS",
    "TimeOfLastCalibration": "060000",
    "RevolutionTime": 0.5,
    "SingleCollimationWidth": 0.625,
    "TotalCollimationWidth": 40.0,
    "TableSpeed": 79.0,
    "TableFeedPerRotation": 39.4,
    "SpiralPitchFactor": 0.984,
    "ExposureModulationType": "XYZ_EC",
    "CTDIvol": 6.4,
    "ContrastBolusAgent": "IOHEXOL",
    "PositionReferenceIndicator": "SN",
    "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
    **_PIXELS,
    "PixelSpacing": ["0.703125", "0.703125"],
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 1,
    "PixelPaddingValue": -2000,
    "WindowCenter": ["40", "-600"],
    "WindowWidth": ["400", "1600"],
    "WindowCenterWidthExplanation": ["SOFT", "LUNG"],
    "RescaleIntercept": "-1024",
    "RescaleSlope": "1",
    "RescaleType": "HU",
}

_DX: dict[str, object] = {
    "ImageType": ["DERIVED", "PRIMARY"],
    "PresentationIntentType": "FOR PRESENTATION",
    "KVP": "117",
    "ExposureTime": "8",
    "XRayTubeCurrent": "250",
    "Exposure": "2",
    "DistanceSourceToDetector": "1800",
    "ImagerPixelSpacing": ["0.168", "0.168"],
    "Grid": "PARALLEL",
    "FocalSpots": "1.2",
    "ViewPosition": "PA",
    "RelativeXRayExposure": "380",
    "DetectorType": "DIRECT",
    "PatientOrientation": ["L", "F"],
    "ImageLaterality": "U",
    **_PIXELS,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
    "BurnedInAnnotation": "NO",
    "LossyImageCompression": "00",
    "PixelIntensityRelationship": "LOG",
    "PixelIntensityRelationshipSign": -1,
    "WindowCenter": "2048",
    "WindowWidth": "4096",
    "RescaleIntercept": "0",
    "RescaleSlope": "1",
    "RescaleType": "US",
    "PresentationLUTShape": "IDENTITY",
    "AcquisitionContextSequence": Sequence([]),
}


def ct_header(person: Person, dataset: Dataset, size: int) -> None:
    """Add what a CT slice of `size` rows and columns has (PS3.3 section A.3)."""
    put(dataset, _CT)
    localizers = [reference(CT_STORAGE, person.uid()) for _ in range(2)]
    dataset.ReferencedImageSequence = items(*localizers)
    dataset.SourceImageSequence = items(localizers[0])
    dataset.DateOfLastCalibration = person.plant("date", "20200215")
    dataset.IrradiationEventUID, dataset.FrameOfReferenceUID = person.uid(), person.uid()
    dataset.Rows = dataset.Columns = size


def dx_header(person: Person, dataset: Dataset, shape: tuple[int, int]) -> None:
    """Add what a projection radiograph of `shape` rows and columns has (PS3.3 sections A.2 and A.26)."""
    put(dataset, _DX)
    dataset.SOPClassUID = DX_STORAGE if dataset.Modality == "DX" else CR_STORAGE
    dataset.DetectorID = person.plant("device", f"DET{person.index:05d}")
    dataset.DateOfLastDetectorCalibration = person.plant("date", "20200301")
    dataset.ViewCodeSequence = items(coded("R-10206", "SRT", "postero-anterior"))
    dataset.Rows, dataset.Columns = shape
