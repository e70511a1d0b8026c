"""What every identifier of an object became, for those who may know: withdrawals, questions to a site, scoring.

Old identifiers are personal data. They leave the worker in files of the private prefix only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tasks.deidentify.persons import Person
from tasks.identity import Pseudonymizer

_PAD = " \0"


class IdKind(StrEnum):
    """What an identifier names; where one names several things in a batch, the first of these counts."""

    PATIENT = "patient"
    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"
    OTHER = "other"


Crosswalk = Mapping[tuple[IdKind, str], str]


@dataclass(frozen=True, slots=True)
class Recorder(Pseudonymizer):
    """A pseudonymizer that remembers what it replaced; one for each object."""

    patients: dict[str, str] = field(default_factory=dict, repr=False)
    uids: dict[str, str] = field(default_factory=dict, repr=False)

    def subject(self, patient_id: str) -> str:
        """Give the pseudonym of this issuer's patient."""
        pseudonym = Pseudonymizer.subject(self, patient_id)
        self.patients[patient_id.strip(_PAD)] = pseudonym
        return pseudonym

    def uid(self, uid: str) -> str:
        """Give the UID that replaces `uid`."""
        new = Pseudonymizer.uid(self, uid)
        self.uids[uid.strip(_PAD)] = new
        return new


def recorder(pseudonymizer: Pseudonymizer) -> Recorder:
    """Give a recorder of the same ring and issuer that has replaced nothing yet."""
    return Recorder(pseudonymizer.ring, pseudonymizer.issuer)


def crosswalk(patients: Mapping[str, str], uids: Mapping[str, str], person: Person | None) -> Crosswalk:
    """Give the replaced identifiers of one object by kind and old identifier.

    Parameters
    ----------
    patients, uids
        New identifier by old one, without padding.
    person
        The object's new identifiers, by which its own UIDs are told from those that it refers to; null before it
        could be identified.
    """
    own = {}
    if person is not None:
        own = {person.study_uid: IdKind.STUDY, person.series_uid: IdKind.SERIES, person.sop_uid: IdKind.INSTANCE}
    found = {(IdKind.PATIENT, old): new for old, new in patients.items()}
    return found | {(own.get(new, IdKind.OTHER), old): new for old, new in uids.items()}
