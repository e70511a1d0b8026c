"""How a collection is released: its name, licence, access and what it accepts, from one TOML file."""

import hashlib
import re
import tomllib
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from config.errors import ConfigError
from config.release.disclosure import Approval, Disclosure, Representation
from config.settings import describe

BatchName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}/[^/]+$")]
DOI = r"^(10\.\d{4,9}/[^\s\"]+)?$"  # the syntax of DOI names, ISO 26324, as Crossref and DataCite register them
AuthzPath = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.-]+)+$")]
ADDRESS = r"^(s3://[^\s/]+(/[^\s]*)?)?$"
WEB_ADDRESS = r"^(https://[^\s\"/]+(/[^\s\"]*)?)?$"
Attribute = Literal["modality", "covid19_status", "age_band", "race", "sex", "ethnicity", "site"]
NUMBER = r"(0|[1-9]\d*)"
VERSION_FORMS = {
    "calver": (r"\d{4}\.(0?[1-9]|1[0-2])(\.\d{1,4}){0,2}", "2026.11 or 2026.11.25"),  # https://calver.org
    # https://semver.org/spec/v2.0.0.html without build metadata, which takes no part in precedence
    "semver": (rf"{NUMBER}\.{NUMBER}\.{NUMBER}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?", "1.4.0 or 1.4.0-rc.1"),
}


class PartitionPolicy(BaseModel):
    """How subjects are divided into an open and a sequestered part, for good."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sequestered_percent: int = Field(ge=0, lt=100, description="Share of subjects that is sequestered; 0: all is open.")
    attributes: tuple[Attribute, ...] = Field(
        min_length=1, description="What both parts have alike, the most important first."
    )
    age_bands: tuple[Annotated[int, Field(gt=0, lt=90)], ...] = Field(
        description="Least age in years of every age band but the first, ascending."
    )
    max_distance: float = Field(
        gt=0, le=1, description="Jensen-Shannon distance (base 2) of an attribute between the parts that is reported."
    )
    authz: tuple[AuthzPath, ...] = Field(description="Gen3 resource paths that grant access to the sequestered part.")
    address: str = Field("", pattern=ADDRESS, description="Address of the sequestered store, as its readers know it.")
    web_address: str = Field("", pattern=WEB_ADDRESS, description="The same for web clients that are let in.")
    doi: str = Field("", pattern=DOI, description="DOI of a version of the sequestered part; as `doi` of the policy.")
    concept_doi: str = Field("", pattern=DOI, description="DOI of the sequestered part in all its versions.")

    @field_validator("attributes", "age_bands")
    @classmethod
    def _each_once(cls, values: tuple[str, ...] | tuple[int, ...]) -> tuple[str, ...] | tuple[int, ...]:
        if len(set(values)) < len(values):
            raise ValueError("a value stands twice")
        return values

    @field_validator("age_bands")
    @classmethod
    def _ascending(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if list(values) != sorted(values):
            raise ValueError("the ages do not ascend")
        return values


class WithdrawalPolicy(BaseModel):
    """What becomes of the objects that are withdrawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    objects: Literal["delete", "hide"] = Field(
        description="Whether withdrawn objects are removed, or moved to withdrawn/, which readers must be denied."
    )


class ReleasePolicy(BaseModel):
    """A release policy, frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    collection: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Short name of the collection.")
    title: str = Field(min_length=1, description="Name of the collection for people.")
    description: str = Field(min_length=1, description="What the collection is, in a few sentences for people.")
    license: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$", description="SPDX id of the licence of every file.")
    creators: tuple[str, ...] = Field(description="Organizations or persons to be cited, in their order.")
    publisher: str = Field(min_length=1, description="Organization that publishes the collection; citation names it.")
    commons: str = Field(min_length=1, description="Name of the commons, as hubs of several commons show it.")
    published: date | None = Field(None, description="Declared day of the release; no clock is read.")
    doi: str = Field("", pattern=DOI, description="DOI of this version; {version} in it stands for the version.")
    concept_doi: str = Field("", pattern=DOI, description="DOI of the collection in all its versions.")
    guid_prefix: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$", description="Prefix of guids: <prefix>/<uuid>.")
    version_scheme: Literal["calver", "semver"] = Field(description="How versions are named.")
    accept_not_checked: bool = Field(description="Whether images whose pixels were not checked may be released.")
    access_level: Literal["open", "controlled"] = Field(description="Who may read the files.")
    authz: tuple[AuthzPath, ...] = Field(description="Gen3 resource paths that grant access.")
    address: str = Field("", pattern=ADDRESS, description="Public address of the release store.")
    web_address: str = Field("", pattern=WEB_ADDRESS, description="The same for web clients.")
    batches: Literal["all"] | tuple[BatchName, ...] = Field(description="Batches that are released, as <site>/<batch>.")
    partition: PartitionPolicy
    withdrawal: WithdrawalPolicy = Field(description="What becomes of withdrawn objects.")
    disclosure: Disclosure = Field(description="How much of a person is shown.")
    representation: Representation = Field(description="The population that a release is compared with.")
    approval: Approval = Field(description="Whether a person decides before a release is published.")

    @property
    def digest(self) -> str:
        """SHA-256 of all that the policy says, in a canonical form."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def check_version(self, version: str) -> None:
        """Make sure that a release may carry this version.

        Raises
        ------
        ConfigError
            If it does not have the form of the policy's scheme.
        """
        form, examples = VERSION_FORMS[self.version_scheme]
        if not re.fullmatch(form, version, re.ASCII):
            raise ConfigError(
                f"{version!r} is no {self.version_scheme} version", next_step=f"name the release like {examples}"
            )


def _over(default: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Give the default with what a file names; a section keeps what the file leaves out of it."""
    sections = {
        name: default[name] | value
        for name, value in named.items()
        if isinstance(value, dict) and isinstance(default.get(name), dict)
    }
    return default | named | sections


def load_release_policy(path: Path | None = None) -> ReleasePolicy:
    """Load a policy; what its file leaves out, also of a section, is as in ``default.toml``.

    Parameters
    ----------
    path
        The policy file; None for the default policy.

    Raises
    ------
    ConfigError
        If the file is wrong; every wrong field is named at once.
    """
    default = tomllib.loads(files("config.release").joinpath("default.toml").read_text(encoding="utf-8"))
    try:
        named = tomllib.loads(path.read_text(encoding="utf-8")) if path else {}
        return ReleasePolicy(**_over(default, named))
    except OSError:
        raise ConfigError(f"there is no release policy {path}", next_step="correct the path in the settings") from None
    except (ValidationError, ValueError) as problem:
        raise ConfigError(f"{path} is wrong: {describe(problem)}", next_step=f"correct {path}") from None
