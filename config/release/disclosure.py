"""What a release may tell of a person: the part of the release policy about disclosure, representation and approval."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

OVER_89 = ">89"
OLDEST = 89  # 45 CFR 164.514(b)(2)(i)(C)
DATE_WINDOW_DAYS = 60  # the least that a policy may ask for
Band = Annotated[int, Field(ge=0, le=OLDEST)]


class Lever(StrEnum):
    """What is coarsened of a subject in a small class; each is pulled on top of those before it."""

    AGE_BAND = "age_band"
    ZIP3 = "zip3"
    RACE = "race"
    ETHNICITY = "ethnicity"
    DEMOGRAPHICS = "demographics"
    HOLD = "hold"


class Disclosure(BaseModel):
    """How much of a person a release shows, frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    k: int = Field(ge=1, le=1000, description="Least number of subjects of a class of quasi-identifiers.")
    report_k: tuple[Annotated[int, Field(ge=2, le=1000)], ...] = Field(description="Other k that the report tells of.")
    age_bands: tuple[Band, ...] = Field(min_length=1, description="First year of each age band, ascending from 0.")
    levers: tuple[Lever, ...] = Field(description="What is coarsened in small classes, the cheapest first.")
    headers: bool = Field(description="Whether age and sex in the objects' headers count as shown.")
    distinct: int = Field(ge=1, description="Least number of values of a sensitive column in a class.")
    window_days: int = Field(ge=DATE_WINDOW_DAYS, description="Least number of possible index dates and birth dates.")
    rare: int = Field(ge=1, description="A text or code of fewer subjects is counted as rare.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.age_bands[0] != 0 or list(self.age_bands) != sorted(set(self.age_bands)):
            raise ValueError("age_bands must rise from 0")
        if len(set(self.levers)) < len(self.levers) or Lever.HOLD in self.levers[:-1]:
            raise ValueError("levers must differ, and hold must be the last")
        return self

    @property
    def band_names(self) -> tuple[str, ...]:
        """The bands as they are written, such as 18-29; that of ages over 89 is `OVER_89`."""
        ends = (*(first - 1 for first in self.age_bands[1:]), OLDEST)
        return tuple(f"{first}-{last}" for first, last in zip(self.age_bands, ends, strict=True))


class Representation(BaseModel):
    """What a release is compared with, frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    population: str = Field(description="File of populations; the packaged one when empty.")
    reference: str = Field(min_length=1, description="The population that a release is compared with.")
    limit: float = Field(gt=0, le=1, description="Jensen-Shannon distance above which an attribute is told.")


class Approval(BaseModel):
    """Whether a person decides before a release is published, frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    required: bool = Field(description="Whether a person decides in the Prefect UI.")
    hours: int = Field(ge=1, le=24 * 90, description="After which a release that nobody decided about ends.")
