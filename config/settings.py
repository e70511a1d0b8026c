"""The settings of an installation: addresses, limits and names of secrets, from one TOML file and the environment."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from config.errors import ConfigError

DEFAULT_FILES = (Path("curate.toml"), Path(".curate/curate.toml"))
MEBIBYTE = 1 << 20


class S3Options(BaseModel):
    """How S3 is spoken to; credentials come from boto3's own chain and are never here."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoint_url: str | None = Field(None, description="Address of an S3 server other than AWS.")
    region: str | None = Field(None, description="Region name; boto3's own default when absent.")
    profile: str | None = Field(None, description="Named profile of the AWS configuration files.")
    credentials_file: Path | None = Field(
        None, description="Shared credentials file of the AWS tools, if not the usual."
    )
    addressing_style: Literal["auto", "path", "virtual"] = Field(
        "auto", description="Bucket in the path or in the host."
    )
    sse: Literal["AES256", "aws:kms"] | None = Field(
        None, description="Server-side encryption asked for on every write."
    )
    kms_key_id: str | None = Field(None, description="Key of aws:kms.")
    expected_bucket_owner: str | None = Field(None, description="Account that must own the bucket, on every call.")
    checksum: Literal["sha256", "none"] = Field(
        "sha256", description="Checksum sent with writes; none for servers that refuse it."
    )
    ca_bundle: Path | None = Field(None, description="Certificate bundle for a private endpoint.")


class ShardLimits(BaseModel):
    """How much one task run works on, whichever comes first."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    max_bytes: int = Field(256 * MEBIBYTE, gt=0)
    max_objects: int = Field(500, gt=0)


class ArchiveLimits(BaseModel):
    """What an archive may hold before it is set aside as a possible bomb."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    max_members: int = Field(100_000, gt=0)
    max_member_bytes: int = Field(4096 * MEBIBYTE, gt=0)
    max_total_bytes: int = Field(65536 * MEBIBYTE, gt=0)
    max_ratio: int = Field(200, gt=0, description="Inflated bytes to packed bytes; DICOM rarely passes 20.")


class ObjectLimits(BaseModel):
    """What one DICOM object may be before it is set aside."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    max_bytes: int = Field(4096 * MEBIBYTE, gt=0)
    max_depth: int = Field(32, gt=0, description="Nesting of sequences.")
    max_elements: int = Field(2_000_000, gt=0)
    max_frames: int = Field(100_000, gt=0)
    max_seconds: float = Field(600, gt=0, description="Time that one object may take.")


class ConformanceSample(BaseModel):
    """Of how much of a batch the finished objects are held beside their sources by an independent program."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    max_series: int = Field(200, ge=0, description="Series of which one instance is; every kind of object comes first.")
    max_bytes: int = Field(256 * MEBIBYTE, gt=0, description="Size of a raw object above which it is not read again.")


class Settings(BaseSettings):
    """All that a run needs to know; holds names of secrets, never secrets, and addresses, never connections."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="CURATE_", env_prefix_target="all", env_nested_delimiter="__"
    )
    raw: str = Field("", description="Store of the contributors' batches: s3://bucket[/prefix] or file:///folder.")
    work: str = Field("", description="Private store of de-identified objects, ledgers, tables and reports.")
    release: str = Field("", description="Public store of releases.")
    sequestered: str = Field("", description="Store of the sequestered part of releases.")
    sites: Path = Field(Path("config/sites"), description="Folder of site files, one <site>.toml each.")
    key_ring: str = Field("", alias="keys", description="Name of the key ring: a file, env:NAME, or prefect:BLOCK.")
    signing_key: str = Field(
        "",
        description="Name of the key that signs releases: a file, env:NAME, or prefect:BLOCK; none: unsigned.",
    )
    release_policy: Path | None = Field(None, description="File of the release policy; the packaged one when absent.")
    prefect_api_url: str = Field("", description="Prefect server that runs are recorded by; none: runs are local.")
    reports_url: str = Field("", description="Where a browser finds the reports of the work store.")
    s3: S3Options = S3Options()
    shard: ShardLimits = ShardLimits()
    archive: ArchiveLimits = ArchiveLimits()
    object: ObjectLimits = ObjectLimits()
    conformance: ConformanceSample = ConformanceSample()
    processes: int = Field(default_factory=lambda: os.cpu_count() or 1, gt=0, description="Worker processes per host.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- not used: one file is enough
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- not used: secrets are named, never held
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: words of the command line, environment, file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def settings_file() -> Path | None:
    """Give the settings file: the one that CURATE_SETTINGS names, else ``curate.toml`` here or in ``.curate/``."""
    named = os.environ.get("CURATE_SETTINGS")
    if named:
        return Path(named)
    return next((path for path in DEFAULT_FILES if path.is_file()), None)


def load_settings(file: Path | None = None, **overrides: str | None) -> Settings:
    """Load the settings: overrides that are not None, then the environment, then the file.

    Parameters
    ----------
    file
        The settings file; by default the one that `settings_file` finds.

    Raises
    ------
    ConfigError
        If a file or a value is wrong; every wrong field is named at once.
    """
    file = file or settings_file()
    if file and not file.is_file():
        raise ConfigError(f"there is no settings file {file}", next_step="correct CURATE_SETTINGS")
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(_reading(file)(**given).model_dump(by_alias=True))
    except (ValidationError, ValueError) as problem:
        raise ConfigError(
            f"the settings are wrong: {describe(problem)}", next_step=f"correct {file or 'them'}"
        ) from None


def _reading(file: Path | None) -> type[Settings]:
    """Give `Settings` that read `file` too; only here, since a class made in a function does not pickle."""

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    return FromFile


def describe(problem: Exception) -> str:
    """Say on one line which fields of a document are wrong, without the values that stand there."""
    if not isinstance(problem, ValidationError):
        return f"it is no valid TOML ({type(problem).__name__})"
    fields = (f"{'.'.join(map(str, error['loc'])) or 'document'}: {error['msg']}" for error in problem.errors())
    return "; ".join(fields)
