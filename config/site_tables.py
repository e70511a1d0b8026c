"""How a site's clinical tables are laid out: which files, which columns, which codes, which dates."""

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from config import fields
from config.fields import EVENT, EVENT_KIND, MAXIMUM, MEASUREMENT_VALUE, MEDICATION_DOSE, PATIENT_ID, Form, field_of
from config.vocab import code_sets, fold
from config.vocab.measurements import conversions
from config.vocab.terms import DOSE_UNIT, MEASUREMENT

DAYS = "days"
DATE_ORDERS = ("vote", "iso", "dmy", "mdy", "ymd", DAYS)
_DIRECTIVES = ({"%Y", "%y"}, {"%m", "%b", "%B"}, {"%d"})
CodeMap = dict[str, str]


def _as_column(value: Any) -> Any:  # noqa: ANN401 -- whatever the file holds; pydantic checks what comes out
    return {"field": value} if isinstance(value, str) else value


class Column(BaseModel):
    """One column of a site's table: what it is and how its cells are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    field: str = Field(description="patient_id, or <kind>.<attribute> such as hospital_stay.start.")
    codes: str | CodeMap | None = Field(
        None, description="Name of a code set, or its values here; inferred when absent."
    )
    date: str = Field("vote", description="vote, iso, dmy, mdy, ymd, days, or a strptime format.")
    unit: str | None = Field(None, description="years or months for an age; a UCUM unit for a value.")
    name: str = Field("", description="Which measurement a column of a wide table holds, such as height.")
    decimal: Literal["vote", "point", "comma"] = Field("vote", description="The decimal mark of a column of numbers.")
    slot: int = Field(1, ge=1, description="Which of several stays or tests in one row of a wide table.")
    missing: tuple[str, ...] = Field((), description="More texts that stand for a missing value, such as 999.")
    separator: str = Field("", description="What parts several values in one cell.")
    optional: bool = Field(default=False, description="Whether a file may lack this column.")
    also: tuple[str, ...] = Field((), description="Other headers under which files hold this column.")

    @field_validator("field")
    @classmethod
    def _field_is_known(cls, name: str) -> str:
        if field_of(name) is None:
            raise ValueError("is no field that a column can be")
        return name

    @field_validator("date")
    @classmethod
    def _date_is_whole(cls, form: str) -> str:
        directives = set(re.findall(r"%[A-Za-z]", form))
        if form not in DATE_ORDERS and not all(directives & one for one in _DIRECTIVES):
            raise ValueError("is none of vote, iso, dmy, mdy, ymd, days and no format with year, month and day")
        return form

    @model_validator(mode="after")
    def _options_fit_the_field(self) -> Self:
        form = self.kind.form
        if self.date != "vote" and form is not Form.DATE:
            raise ValueError("date is given for a field that is no date")
        if self.codes is not None and form not in {Form.CODE, Form.CODES, Form.COUNTRY}:
            raise ValueError("codes are given for a field that has none")
        if form is Form.AGE and self.unit not in {None, "years", "months"}:
            raise ValueError("the unit of an age is years or months")
        if self.decimal != "vote" and form is not Form.NUMBER:
            raise ValueError("decimal is given for a field that is no number")
        return self

    @model_validator(mode="after")
    def _units_can_be_converted(self) -> Self:
        if self.name and (self.name not in MEASUREMENT or not self.field.startswith("measurement.")):
            raise ValueError("name is none of a measurement, or the field is no measurement")
        is_declared = self.field == MEASUREMENT_VALUE and self.name and self.unit is not None
        if is_declared and (self.name, fold(self.unit or "")) not in conversions():
            raise ValueError(f"no unit {self.unit} of {self.name} is known")
        if self.field == MEDICATION_DOSE and self.unit not in {None, *DOSE_UNIT}:
            raise ValueError(f"the unit of a dose is one of {', '.join(DOSE_UNIT)}")
        return self

    @property
    def place(self) -> tuple[str, int, str]:
        """What no two columns of one file may both be."""
        return self.field, self.slot, self.name

    @property
    def kind(self) -> fields.Field:
        """What the field means."""
        return field_of(self.field) or fields.Field(Form.ID)


class SiteTable(BaseModel):
    """One kind of table of a site: which files hold it and what their columns are."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pattern: str = Field(description="Shell pattern of the file name, without folders, such as patients*.csv.")
    format: Literal["csv", "tsv", "xlsx", "parquet", "jsonl"] | None = Field(
        None, description="By the file's ending when absent."
    )
    encoding: str | None = Field(None, description="UTF-8, or what a byte order mark says, when absent.")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        None, description="The one that finds most declared columns when absent."
    )
    sheet: str | None = Field(None, description="Sheet of an XLSX file; the first when absent.")
    shape: Literal["wide", "long"] = Field("wide", description="One row per patient or visit, or one row per event.")
    columns: dict[str, Annotated[Column, BeforeValidator(_as_column)]] = Field(description="By header.")
    constant: dict[str, str] = Field(default={}, description="Canonical values that hold for every row, by field.")
    not_read: tuple[str, ...] = Field((), description="Headers of columns that are sent and not wanted.")

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str | None) -> str | None:
        try:
            return encoding and codecs.lookup(encoding).name
        except LookupError:
            raise ValueError("is no known encoding") from None

    @field_validator("constant")
    @classmethod
    def _constants_are_canonical(cls, constant: dict[str, str]) -> dict[str, str]:
        for name, value in constant.items():
            known = field_of(name)
            if known is None or known.form is not Form.CODE or (known.values and value not in known.values):
                raise ValueError(f"{name} is no coded field, or has no such value")
        return constant

    @model_validator(mode="after")
    def _columns_fit_together(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        named = Counter(column.place for column in self.columns.values() if not column.optional)
        names = [column.field for column in self.columns.values()]
        if names.count(PATIENT_ID) != 1:
            yield "exactly one column is the patient_id"
        if names.count(EVENT_KIND) != (1 if self.shape == "long" else 0):
            yield "a long table has one event.kind, a wide table none"
        if self.shape == "wide" and any(name.startswith(f"{EVENT}.") for name in names):
            yield "event fields belong to long tables"
        if self.shape == "long" and any(
            column.name or column.field.endswith(f".{MAXIMUM}") for column in self.columns.values()
        ):
            yield "named measurements and the highest support belong to wide tables"
        yield from (f"{name} is named twice" for (name, _, _), count in named.items() if count > 1)


def code_problems(tables: tuple[SiteTable, ...], own: Mapping[str, CodeMap], *, closed: bool) -> Iterator[str]:
    """Say which columns name an unknown code set, or map to a value that their field does not have.

    Parameters
    ----------
    own
        The code sets that the site file itself names.
    closed
        Whether race is closed to the canonical values; outside the US it is the site's own scheme.
    """
    for index, table in enumerate(tables):
        for header, column in table.columns.items():
            place = f"tables.{index}.columns.{header}.codes"
            if isinstance(column.codes, str) and column.codes not in own and column.codes not in code_sets():
                yield f"{place}: there is no code set of this name"
                continue
            mapped = own.get(column.codes, {}) if isinstance(column.codes, str) else column.codes or {}
            values = column.kind.values if closed or column.field != "subject.race" else ()
            if values and not set(mapped.values()) <= set(values):
                yield f"{place}: maps to a value that {column.field} does not have"
