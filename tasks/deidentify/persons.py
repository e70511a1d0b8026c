"""Whose object it is: the identifiers without which an instance has no place, and the pseudonyms that replace them."""

import re
from dataclasses import dataclass, field
from typing import Final

from pydicom import DataElement, Dataset

from tasks.deidentify.charsets import ASCII
from tasks.deidentify.values import codecs_in, text_of
from tasks.dicom.refusal import Refusal
from tasks.identity import Pseudonymizer

SOP_CLASS: Final = 0x00080016
SOP_INSTANCE: Final = 0x00080018
STUDY: Final = 0x0020000D
SERIES: Final = 0x0020000E
PATIENT_NAME: Final = 0x00100010
PATIENT_ID: Final = 0x00100020
_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class Person:
    """The subject of an object and the object's new identifiers; holds nothing of the source."""

    subject: str
    offset_days: int = field(repr=False)
    study_uid: str
    series_uid: str
    sop_uid: str


def identify(dataset: Dataset, pseudonymizer: Pseudonymizer, *, retain_uids: bool = False) -> Person:
    """Give the subject and the new UIDs of a source data set; its own UIDs where they are retained.

    Raises
    ------
    Refusal
        DE-ID-MISSING if the Patient ID is missing, blank or no text, or the SOP Instance, Study or Series Instance UID
        is missing, holds several values, or anything but digits and dots (PS3.5 section 9.1).
    """
    patient_id = text_of(dataset, PATIENT_ID, "LO", codecs_in(dataset, ASCII))
    uids = [text_of(dataset, tag, "UI", ASCII) for tag in (STUDY, SERIES, SOP_INSTANCE)]
    if not patient_id or not all(uid and _UID.fullmatch(uid) for uid in uids):
        raise Refusal("DE-ID-MISSING")
    subject = pseudonymizer.subject(patient_id)
    study, series, sop = ((uid or "") if retain_uids else pseudonymizer.uid(uid or "") for uid in uids)
    return Person(subject, pseudonymizer.offset_days(subject), study, series, sop)


def name_subject(dataset: Dataset, person: Person) -> None:
    """Write the pseudonym as Patient's Name and Patient ID."""
    dataset[PATIENT_NAME] = DataElement(PATIENT_NAME, "PN", person.subject)
    dataset[PATIENT_ID] = DataElement(PATIENT_ID, "LO", person.subject)
