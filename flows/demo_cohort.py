"""Invented patients with real images: real CT, CR and MR files issued again under new identifiers.

Geometry and technique are those of the real files, and so are the pixels but for a few bits. What is set anew is who
and when: ids, names, birth date, sex, age, dates of 2020 and 2021, UIDs, institution, staff and two
free-text attributes. Each of these holds ``ZZCANARY``, so that a search for it finds whatever was let through.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

from flows.demo_pixels import own_pixels

CANARY = "ZZCANARY"
PATIENTS = 24
RETURNED, REUSED = 12, 13  # one comes again, and one has the record number of somebody else
_FAMILY = ("ACHTERBERG", "BEAUMONT", "CASTELLANOS", "DRUMMOND", "ÅKERLUND", "FITZWILLIAM", "GRIMALDI", "HOLLOWAY")
_GIVEN = ("ADELHEID", "BARNABAS", "CORDELIA", "DESMOND", "EUPHEMIA", "FLORIAN")
_FIRST_BIRTH, _BIRTH_STEP = date(1926, 3, 1), timedelta(days=731)
_FIRST_STUDY, _STUDY_STEP, _FOLLOW_UP = date(2020, 3, 9), timedelta(days=23), timedelta(days=17)
_DISC = "test_files/dicomdirtests"
_CT_HEART = tuple(f"{_DISC}/98892001/CT5N/{name}" for name in (2062, 2392, 2693, 3023, 3353))
_CT_BRAIN = tuple(f"{_DISC}/77654033/CT2/{name}" for name in (17106, 17136, 17166, 17196))
_MR_ANGIO = tuple(f"{_DISC}/98892003/MR700/{name}" for name in (4467, 4528, 4558, 4588, 4618, 4648, 4678))
_STUDIES: tuple[tuple[str, ...], ...] = (
    ("more/RG1_J2KI.dcm",),
    _CT_HEART,
    ("more/693_J2KR.dcm",),
    _CT_BRAIN,
    ("more/RG3_J2KI.dcm",),
    ("more/explicit_VR-UN.dcm", "test_files/CT_small.dcm"),
    _MR_ANGIO,
    ("test_files/MR_small_jpeg_ls_lossless.dcm",),
)
_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
_UIDS = ("SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")


@dataclass(frozen=True)
class CohortPatient:
    """An invented patient; `number` decides everything, and the same number at two sites is two people.

    `RETURNED` is patient 0 of the same site months later; `REUSED` came under the record number of patient 1.
    """

    site: str
    number: int

    @property
    def person(self) -> int:
        """Who it is; numbers that come again have the person of the first."""
        return 0 if self.number == RETURNED else self.number

    @property
    def patient_id(self) -> str:
        """Record number: two sites hand out the same ones."""
        return f"{CANARY}-{1001 + self.number % 12}"

    @property
    def name(self) -> str:
        """Name as in DICOM, family and given name."""
        family, given = _FAMILY[self.person % len(_FAMILY)], _GIVEN[self.person % len(_GIVEN)]
        return f"{CANARY}-{family}^{CANARY}-{given}"

    @property
    def sex(self) -> str:
        """F or M; the one with the record number of a man is a woman."""
        return "F" if self.number == REUSED else "FM"[self.person % 2]

    @property
    def birth(self) -> date:
        """Birth date between 1926 and 1972, in no order."""
        return _FIRST_BIRTH + _BIRTH_STEP * (self.person * 7 % PATIENTS)

    @property
    def study_dates(self) -> tuple[date, ...]:
        """Dates of one to three studies in 2020 and 2021."""
        first = _FIRST_STUDY + _STUDY_STEP * self.number
        return tuple(first + _FOLLOW_UP * study for study in range(1 + self.number % 3))

    @cached_property
    def age_years(self) -> int:
        """Completed years at the first study."""
        return age_years(self.birth, self.study_dates[0])


@dataclass(frozen=True, slots=True)
class CohortImage:
    """One issued image: its bytes and what a site would name its file after."""

    patient: CohortPatient
    study: int
    number: int
    study_uid: str
    series_uid: str
    content: bytes


def age_years(birth: date, day: date) -> int:
    """Give completed years."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def images_of(patient: CohortPatient, real: Mapping[str, bytes]) -> Iterator[CohortImage]:
    """Give the images of a patient, study by study.

    Parameters
    ----------
    real
        The real files by name.
    """
    for study in range(len(patient.study_dates)):
        for number, name in enumerate(_STUDIES[(patient.number + 3 * study) % len(_STUDIES)], 1):
            content = issued(real[name], patient, study)
            header = read_header(content)
            yield CohortImage(patient, study, number, header.StudyInstanceUID, header.SeriesInstanceUID, content)


def issued(content: bytes, patient: CohortPatient, study: int) -> bytes:
    """Give a real file under the identifiers of an invented patient's study."""
    dataset = dcmread(BytesIO(content))
    _set_person(dataset, patient, study)
    mine = (patient.site, str(patient.number), str(study))
    for keyword in _UIDS:
        if keyword in dataset:
            setattr(dataset, keyword, invented_uid(*mine, dataset[keyword].value))
    dataset.StudyInstanceUID = invented_uid(*mine)
    own_pixels(dataset, *mine)
    return _written(dataset)


def changed(content: bytes, values: Mapping[str, object]) -> bytes:
    """Give a file with other values of some attributes, by keyword."""
    dataset = dcmread(BytesIO(content))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return _written(dataset)


def invented_uid(*parts: str) -> str:
    """Give a UID that is made of some words and is the same every time."""
    return str(generate_uid(entropy_srcs=[CANARY, *parts]))


def read_header(content: bytes) -> Dataset:
    """Give the header of a file, also of one that pydicom would warn about; the malformed ones are part of the demo."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(BytesIO(content), stop_before_pixels=True, force=True)


def _set_person(dataset: Dataset, patient: CohortPatient, study: int) -> None:
    day = patient.study_dates[study]
    if "SpecificCharacterSet" not in dataset:
        dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientID = patient.patient_id
    dataset.PatientName = patient.name
    dataset.PatientBirthDate = patient.birth.strftime("%Y%m%d")
    dataset.PatientSex = patient.sex
    dataset.PatientAge = f"{age_years(patient.birth, day):03}Y"
    dataset.AccessionNumber = f"{CANARY}{patient.number:02}{study}"
    dataset.StudyID = f"{CANARY}{study}"
    dataset.InstitutionName = f"{CANARY} General Hospital {patient.site}"
    dataset.ReferringPhysicianName = f"{CANARY}-REFERRER^{CANARY}-RUTH"
    dataset.OperatorsName = f"{CANARY}-OPERATOR^{CANARY}-OTIS"
    dataset.PatientComments = f"Born {patient.birth.isoformat()}, called {CANARY} at home"
    dataset.ImageComments = f"Seen by Dr {CANARY} on {day.isoformat()}, MRN {patient.patient_id}"
    for keyword in _DATES:
        if keyword == "StudyDate" or keyword in dataset:
            setattr(dataset, keyword, day.strftime("%Y%m%d"))


def _written(dataset: Dataset) -> bytes:
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()
