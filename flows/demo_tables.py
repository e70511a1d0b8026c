"""Clinical tables for the demo's patients in two sites' layouts, with a handful of faults; always the same bytes."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

CANARY = "ZZCANARY"
RACES = ("White", "Black or African American", "Asian", "White or Caucasian, Asian", "Declined", "AI/AN")
ETHNICITIES = ("Not Hispanic or Latino", "Hispanic", "Unknown")
ETHNIC_CATEGORIES = ("A", "C", "H", "N", "Z")
ZIPS = ("60637", "02139-4307", "03601", "94110")  # the third lies in an area too small to be released
DEVICES = ("NC", "HFNC", "BiPAP", "Ventilator", "Room air")
REVERSED, OUTSIDE, AGELESS, DENIED, UNKNOWN_SEX, TWO_SEXES = 1, 2, 4, 5, 6, 7  # which patient has which fault


@dataclass(frozen=True, slots=True)
class DemoPatient:
    """What the images tell of an invented patient; sex is F or M, the age is that at the first study."""

    patient_id: str
    sex: str
    study_dates: tuple[date, ...]
    age_years: int | None


@dataclass(frozen=True, slots=True)
class _Course:
    """The invented course of one patient; the number among the batch's patients decides what happened.

    Who somebody is follows from the record number, so that two batches tell the same of one person.
    """

    number: int
    patient: DemoPatient

    @property
    def person(self) -> int:
        """The last digits of the record number."""
        return int(self.patient.patient_id[-3:])

    def day(self, days: int) -> date:
        """Give the date so many days after the first study."""
        return self.patient.study_dates[0] + timedelta(days=days)

    @property
    def is_positive(self) -> bool:
        """Two of three patients test positive."""
        return self.number % 3 != 1

    @property
    def stay(self) -> tuple[date, date]:
        """Admission and discharge; one patient is sent home before coming."""
        first, last = self.day(-2), self.day(12 + self.number % 5)
        return (last, first) if self.number == REVERSED else (first, last)

    @property
    def icu(self) -> tuple[date, date] | None:
        """Every second stay has intensive care; one patient's lies outside it."""
        if self.number % 2:
            return None
        return (self.day(40), self.day(44)) if self.number == OUTSIDE else (self.day(1), self.day(6))

    @property
    def device(self) -> str:
        """Breathing support; only those in intensive care are ventilated."""
        return DEVICES[3] if self.icu else DEVICES[self.number % 3]

    @property
    def is_dead(self) -> bool:
        """One patient in nine dies in hospital."""
        return self.number % 9 == 8  # noqa: PLR2004 -- one of nine

    @property
    def age(self) -> str:
        """The age as a site writes it; one is a number that stands for missing."""
        if self.number == AGELESS:
            return "999"
        return "" if self.patient.age_years is None else str(self.patient.age_years)


def demo_tables(site: str, patients: Sequence[DemoPatient]) -> dict[str, bytes]:
    """Give the clinical tables of a site's batch by name.

    Parameters
    ----------
    site
        ``s01`` (US, wide, month first) or ``s02`` (UK, long, day first, Latin-1).
    patients
        In any order; the first gets no fault, and with eight or more every fault occurs once.
    """
    courses = [_Course(number, patient) for number, patient in enumerate(patients)]
    return _SITES[site](courses)


def _american(courses: Sequence[_Course]) -> dict[str, bytes]:
    """One wide table; a second row for a patient who has two, and one for somebody without images."""
    rows = [row for course in courses for row in _wide_rows(course)]
    clinical_only = DemoPatient(f"{CANARY}-9001", "F", (date(2020, 5, 4),), 61)
    rows.append(_wide_row(_Course(3, clinical_only)))
    return {"clinical/patients.csv": _delimited(rows, ",").encode()}


def _wide_rows(course: _Course) -> Iterable[dict[str, str]]:
    row = _wide_row(course)
    yield row
    if course.number == TWO_SEXES:
        yield row | {"Sex": {"F": "Male", "M": "Female"}[course.patient.sex]}


def _wide_row(course: _Course) -> dict[str, str]:
    number, patient = course.number, course.patient
    icu = course.icu or (None, None)
    support = (course.day(1), course.day(5))
    sex = {"F": "Female", "M": "Male"}[patient.sex]
    return {
        "MRN": patient.patient_id,
        "Patient Name": f"{CANARY}^{CANARY}-{number}",
        "Sex": "Q" if number == UNKNOWN_SEX else sex,
        "Race": RACES[course.person % len(RACES)],
        "Ethnicity": ETHNICITIES[course.person % len(ETHNICITIES)],
        "Age": course.age,
        "Zip": ZIPS[course.person % len(ZIPS)],
        "Test Date": _month_first(course.day(-1)),
        "Test Result": "DETECTED" if course.is_positive else "NOT DETECTED",
        "Test Type": "RT-PCR" if number % 4 else "Rapid antigen test",
        "Prior Test Date": _month_first(course.day(-9)) if number % 3 == 0 else "",
        "Prior Test Result": "NEG" if number % 3 == 0 else "",
        "Prior Test Type": "PCR" if number % 3 == 0 else "",
        "Admit Date": _month_first(course.stay[0]),
        "Discharge Date": _month_first(course.stay[1]),
        "Disposition": "Expired" if course.is_dead else "Home or self care",
        "Admit Date 2": _month_first(course.day(60)) if number % 5 == 0 else "",
        "Discharge Date 2": _month_first(course.day(63)) if number % 5 == 0 else "",
        "Disposition 2": "SNF" if number % 5 == 0 else "",
        "ICU In": _month_first(icu[0]),
        "ICU Out": _month_first(icu[1]),
        "O2 Device": course.device,
        "O2 Start": _month_first(support[0]),
        "O2 End": _month_first(support[1]),
        "Ever Ventilated": "Yes" if course.icu or number == DENIED else "No",
        "Diagnosis": "U07.1" if course.is_positive else "J18.9",
        "Diagnosis Date": _month_first(course.day(0)),
    }


def _british(courses: Sequence[_Course]) -> dict[str, bytes]:
    """People in one table; stays, support, swabs and deaths one row each in another."""
    people = [_person(course) for course in courses]
    events = [event for course in courses for event in _events(course)]
    return {
        "clinical/people.tsv": _delimited(people, "\t").encode("latin-1"),
        "clinical/events.csv": _delimited(events, ";").encode("latin-1"),
    }


def _person(course: _Course) -> dict[str, str]:
    code = {"F": "0", "M": "1"}[course.patient.sex]
    return {
        "PSEUDONYM": course.patient.patient_id,
        "SEX": "7" if course.number == UNKNOWN_SEX else code,
        "AGE": course.age,
        "ETHNIC CATEGORY": ETHNIC_CATEGORIES[course.person % len(ETHNIC_CATEGORIES)],
        "HOSPITAL": "Höchstädt Infirmary",
    }


def _events(course: _Course) -> Iterable[dict[str, str]]:
    def event(kind: str, start: date | None, end: date | None, detail: str) -> dict[str, str]:
        dates = {"From": _day_first(start), "To": _day_first(end)}
        return {"Pseudonym": course.patient.patient_id, "Event": kind, **dates, "Detail": detail}

    yield event("Swab", course.day(-1), None, "Positive" if course.is_positive else "Not detected")
    yield event("Spell", *course.stay, "Died" if course.is_dead else "Home")
    if course.icu:
        yield event("ICU", *course.icu, "")
    if course.number == 0:  # the same row twice
        yield event("Spell", *course.stay, "Home")
        yield event("Note", None, None, f"{CANARY} rang")
    if course.number == REVERSED:
        yield event("Ward move", course.day(2), None, "")
    yield event("Respiratory support", course.day(1), course.day(5), course.device)
    if course.is_dead:
        yield event("Death", course.stay[1], None, "")


_SITES: Mapping[str, Callable[[Sequence[_Course]], dict[str, bytes]]] = {"s01": _american, "s02": _british}


def _delimited(rows: Sequence[Mapping[str, str]], delimiter: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _month_first(day: date | None) -> str:
    return f"{day:%m/%d/%Y}" if day else ""


def _day_first(day: date | None) -> str:
    return f"{day:%d/%m/%Y}" if day else ""
