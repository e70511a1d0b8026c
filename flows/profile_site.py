"""Drafting a site file from a batch: what is read, where the draft goes, and how it is shown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import ConfigError
from config.settings import Settings
from config.site import CODE, load_site
from tasks import running
from tasks.harmonize.drafting.site_file import decisions_of, draft_rows, site_file


@dataclass(frozen=True, slots=True)
class Profiled:
    """A draft that was written: one row per column, and what a person must decide."""

    path: Path
    rows: Sequence[dict[str, object]]
    decisions: Sequence[str]

    @property
    def used(self) -> int:
        """Columns that the draft reads."""
        return sum(bool(row["field"]) for row in self.rows)


def profile_site(site: str, batch: str, settings: Settings, codebook: Path | None, out: Path | None) -> Profiled:
    """Draft the file of a site from one of its batches, and write it where no file stands.

    Raises
    ------
    BatchNotReadyError
        If the batch has no clinical tables.
    ConfigError
        If a file stands where the draft would go, or the code book cannot be read.
    """
    if not re.fullmatch(CODE, site):
        raise ConfigError(f"{site!r} is no code of a site", next_step="use small letters, digits, - and _")
    path = out or settings.sites / f"{site}.toml"
    if path.exists():
        raise ConfigError(f"{path} exists and is not replaced", next_step="name another file with --out and compare")
    draft = running.draft(site, batch, settings, _content(codebook))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(site_file(draft, batch))
    except OSError:
        raise ConfigError(f"{path} cannot be written", next_step="name another file with --out") from None
    load_site(path.parent, path.stem)
    return Profiled(path, draft_rows(draft), decisions_of(draft))


def _content(codebook: Path | None) -> dict[str, bytes]:
    if codebook is None:
        return {}
    try:
        return {codebook.name: codebook.read_bytes()}
    except OSError:
        raise ConfigError(f"{codebook} cannot be read", next_step="check --codebook") from None
