"""One contributing site: who it is and what it sends, from `<site>.toml`."""

import hashlib
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from config.errors import ConfigError
from config.fields import Form
from config.marginals import marginals
from config.nodes import with_profile
from config.settings import describe
from config.site_tables import DAYS, CodeMap, SiteTable, code_problems
from config.vocab import terms
from config.vocab.months import months

LANGUAGES = (*months(), "ja", "zh")  # the last two write months as numbers
CODE = r"^[a-z0-9][a-z0-9_-]{0,31}$"


class Facts(BaseModel):
    """What is true of a site's data as a whole, and cannot be read from any row."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    go_live: date | None = Field(None, description="No study of this site is from an earlier year.")
    sends_icu: bool = Field(default=False, description="Every ICU stay is sent, so that none means no.")
    sends_breathing_support: bool = Field(
        default=False, description="Every ventilation is sent, so that none means no."
    )
    ages_completed_years: bool = Field(default=False, description="Ages with decimals may be floored.")
    ventilation_outside_icu: bool = Field(default=False, description="Patients are ventilated outside the ICU.")
    race_scheme: str = Field("not collected", description="Name of the site's own scheme, outside the US.")


class Index(BaseModel):
    """The event that days are counted from, and how it is found; without it, days count from the first study."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    event: Literal["COVID-19 Test", "Long COVID Diagnosis", "Study Enrollment", "First Imaging Study"] = Field(
        "First Imaging Study", description="What day 0 is the day of."
    )
    found_by: Literal["first_positive_test", "column", "first_study", "day_zero"] = Field(
        "first_study",
        description="The first positive test (else the first test), subject.index_date, the first study, or day 0 of a "
        "site that sends days from the event in place of dates.",
    )

    @model_validator(mode="after")
    def _the_two_agree(self) -> Self:
        needed = {"first_positive_test": terms.INDEX_EVENT[0], "first_study": terms.INDEX_EVENT[3]}
        if self.event != needed.get(self.found_by, self.event):
            raise ValueError(f"an index event found by {self.found_by} is a {needed[self.found_by]}")
        return self


class Site(BaseModel):
    """A site, frozen; unknown keys are refused; an empty file is a site that sends images only."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    profile: str = Field("", description="Built-in description of tables in a form that several sites send.")
    code: str = Field("", pattern=CODE, description="Name of the file and of the site's folder in the raw bucket.")
    name: str = Field("", description="Name of the institution, for people.")
    country: str = Field("US", pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    language: str = Field("en", description="ISO 639-1 code of the language that the names of months are in.")
    id_issuer: str = Field("", description="Who issues the patient ids; sites that share one name it alike.")
    accept_not_checked: bool = Field(default=True, description="Whether images whose pixels were not checked may pass.")
    index: Index = Index()
    facts: Facts = Facts()
    completeness: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default={}, description="Least share of rows with a value, by <table>.<column> of config/marginals.csv."
    )
    codes: dict[str, CodeMap] = Field(default={}, description="The site's own code sets, by name.")
    tables: tuple[SiteTable, ...] = Field((), description="The clinical tables it sends; the first pattern counts.")
    not_read: tuple[str, ...] = Field((), description="Patterns of tables that are sent and not wanted.")

    @model_validator(mode="before")
    @classmethod
    def _profile_is_known(cls, given: Any) -> Any:  # noqa: ANN401 -- whatever the file holds; pydantic checks what comes out
        return with_profile(given) if isinstance(given, dict) and given.get("profile") else given

    @model_validator(mode="after")
    def _issuer_is_the_site_itself(self) -> Self:
        if not self.id_issuer:
            object.__setattr__(self, "id_issuer", self.code)
        return self

    @model_validator(mode="after")
    def _codes_are_known(self) -> Self:
        problems = list(code_problems(self.tables, self.codes, closed=self.country == "US"))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _days_or_dates(self) -> Self:
        dates = [
            column.date for table in self.tables for column in table.columns.values() if column.kind.form is Form.DATE
        ]
        if dates and (self.index.found_by == "day_zero") != (DAYS in dates):
            raise ValueError("columns of days and an index event found by day_zero belong together")
        if DAYS in dates and set(dates) != {DAYS}:
            raise ValueError("a site sends days from the index event or dates, not both")
        return self

    @field_validator("completeness")
    @classmethod
    def _columns_are_counted(cls, completeness: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(completeness.keys() - {one.place for one in marginals()}):
            raise ValueError(f"{', '.join(unknown)}: not among the columns that are counted")
        return completeness

    @field_validator("language")
    @classmethod
    def _language_is_known(cls, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"is none of {', '.join(LANGUAGES)}")
        return language

    @property
    def digest(self) -> str:
        """SHA-256 of all that the file says, in a canonical form."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_site(folder: Path, code: str) -> Site:
    """Load the file of a site.

    Raises
    ------
    ConfigError
        If the site is unknown or its file is wrong; every wrong field is named at once.
    """
    path = folder / f"{code}.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return Site(**({"code": code} | document))
    except OSError:
        raise ConfigError(f"unknown site {code!r}: there is no {path}", next_step=f"write {path}") from None
    except (ValidationError, ValueError) as problem:
        raise ConfigError(f"{path} is wrong: {describe(problem)}", next_step=f"correct {path}") from None
