"""What a column of a clinical table can be declared to be: ``<kind>.<attribute>``, and how its cells are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from config.vocab import terms

PATIENT_ID = "patient_id"
EVENT = "event"
EVENT_KIND = "event.kind"
EVENT_DETAIL = "event.detail"
IGNORED = "ignored"
MAXIMUM = "maximum"  # the most support that a patient had, of which no time is told
MEASUREMENT_VALUE = "measurement.value"
MEDICATION_DOSE = "medication.dose"


class Form(StrEnum):
    """How a cell is read."""

    ID = "id"
    CODE = "code"
    CODES = "codes"
    DATE = "date"
    AGE = "age"
    NUMBER = "number"
    ZIP = "zip"
    LOINC = "loinc"
    UID = "uid"
    DIAGNOSIS = "diagnosis"
    DRUG = "drug"
    UNIT = "unit"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute: the form of its cells, its closed values (none: what the site declares), its built-in words."""

    form: Form
    values: tuple[str, ...] = ()
    vocabulary: str = ""


_DATE = Field(Form.DATE)
_RACE = Field(Form.CODES, terms.RACE_ETHNICITY, "race")

KINDS: Mapping[str, Mapping[str, Field]] = MappingProxyType(
    {
        "subject": {
            "sex": Field(Form.CODE, terms.SEX, "sex"),
            "age_at_index": Field(Form.AGE),
            "is_over_89": Field(Form.CODE, terms.TRI_STATE, "yes_no"),
            "race_ethnicity": _RACE,
            "race": _RACE,
            "ethnicity": Field(Form.CODE, terms.ETHNICITY, "ethnicity"),
            "country": Field(Form.COUNTRY),
            "zip": Field(Form.ZIP),
            "index_date": _DATE,
            "index_event": Field(Form.CODE, terms.INDEX_EVENT),
            "covid19_status": Field(Form.CODE, terms.COVID19_STATUS, "test_result"),
            "ever_icu": Field(Form.CODE, terms.TRI_STATE, "yes_no"),
            "ever_ventilated": Field(Form.CODE, terms.TRI_STATE, "yes_no"),
        },
        "hospital_stay": {
            "start": _DATE,
            "end": _DATE,
            "discharge": Field(Form.CODE, terms.DISCHARGE, "discharge"),
        },
        "icu_stay": {"start": _DATE, "end": _DATE},
        "breathing_support": {
            "start": _DATE,
            "end": _DATE,
            "device": Field(Form.CODE, terms.DEVICE, "breathing_support"),
            MAXIMUM: Field(Form.CODE, terms.DEVICE, "breathing_support"),
        },
        "emergency_visit": {"start": _DATE, "end": _DATE},
        "death": {"start": _DATE},
        "test": {
            "start": _DATE,
            "name": Field(Form.CODE, terms.TEST_NAME),
            "class": Field(Form.CODE, terms.TEST_CLASS, "test_class"),
            "loinc": Field(Form.LOINC),
            "result": Field(Form.CODE, terms.TEST_RESULT, "test_result"),
            "value": Field(Form.NUMBER),
        },
        "condition": {
            "start": _DATE,
            "end": _DATE,
            "code": Field(Form.DIAGNOSIS),
            "system": Field(Form.CODE, terms.CODE_SYSTEM, "code_system"),
            "name": Field(Form.CODE),
        },
        "measurement": {
            "start": _DATE,
            "name": Field(Form.CODE, (*terms.MEASUREMENT, IGNORED), "measurement"),
            "loinc": Field(Form.LOINC),
            "value": Field(Form.NUMBER),
            "unit": Field(Form.UNIT),
        },
        "medication": {
            "start": _DATE,
            "end": _DATE,
            "name": Field(Form.CODE),
            "code": Field(Form.DRUG),
            "system": Field(Form.CODE, terms.DRUG_SYSTEM),
            "route": Field(Form.CODE, terms.ROUTE),
            "dose": Field(Form.NUMBER),
            "unit": Field(Form.CODE, terms.DOSE_UNIT),
        },
        "study": {"start": _DATE, "uid": Field(Form.UID)},
    }
)
EVENT_KINDS = tuple(kind for kind in KINDS if kind != "subject")
DETAIL: Mapping[str, str] = MappingProxyType(
    {"hospital_stay": "discharge", "breathing_support": "device", "test": "result", "condition": "code"}
)


def field_of(name: str) -> Field | None:
    """Give what a declared field means, or None if there is no such field.

    A field of the kind ``event`` belongs to whatever kind a row of a long table is of; its ``detail`` is the
    attribute that `DETAIL` names for that kind.
    """
    if name == PATIENT_ID:
        return Field(Form.ID)
    if name == EVENT_KIND:
        return Field(Form.CODE, (*EVENT_KINDS, IGNORED))
    if name == EVENT_DETAIL:
        return Field(Form.CODE, tuple(dict.fromkeys(value for kind in DETAIL for value in _detail_values(kind))))
    kind, _, attribute = name.partition(".")
    if kind == EVENT:
        return _DATE if attribute in {"start", "end"} else None
    return KINDS.get(kind, {}).get(attribute)


def _detail_values(kind: str) -> tuple[str, ...]:
    return KINDS[kind][DETAIL[kind]].values
