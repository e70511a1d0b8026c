"""One contributing site: who it is and what it sends, from `<site>.toml`."""

import hashlib
import tomllib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from config.errors import ConfigError
from config.settings import describe

CODE = r"^[a-z0-9][a-z0-9_-]{0,31}$"


class Site(BaseModel):
    """A site, frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    code: str = Field("", pattern=CODE, description="Name of the file and of the site's folder in the raw bucket.")
    country: str = Field("US", pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    id_issuer: str = Field("", description="Who issues the patient ids; sites that share one name it alike.")
    accept_not_checked: bool = Field(default=True, description="Whether images whose pixels were not checked may pass.")

    @model_validator(mode="after")
    def _issuer_is_the_site_itself(self) -> Self:
        if not self.id_issuer:
            object.__setattr__(self, "id_issuer", self.code)
        return self

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
