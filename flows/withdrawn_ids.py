"""Who is to be withdrawn: source patient ids become subject ids through the crosswalks, and are never shown."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from config.errors import ConfigError
from flows.crosswalk import read_crosswalk
from tasks.errors import BatchNotReadyError
from tasks.layout import BatchLayout
from tasks.store import ReadOnlyStore

RELEASED_ID = r"^([A-Z2-7]{20}|2\.25\.[0-9]{1,39})$"  # pseudonyms and new UIDs, which few record numbers look like


def require_released(ids: Iterable[str]) -> None:
    """Require ids that releases have: what is given here is kept by the Prefect server and by shells.

    Raises
    ------
    ConfigError
        If one does not look so; the message does not repeat it.
    """
    if not all(re.fullmatch(RELEASED_ID, one, re.ASCII) for one in ids):
        raise ConfigError(
            "an id is neither a subject id nor a new UID",
            next_step="give ids as releases have them; a site's own patient ids go into a file: --site and --patients",
        )


def read_ids(file: Path) -> list[str]:
    """Give the patient ids of a file, one a line; a file, since what a command is called with is seen by others.

    Raises
    ------
    ConfigError
        If it cannot be read or holds none.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"{file} cannot be read", next_step="name a UTF-8 text file with one patient id a line"
        ) from None
    ids = [line.strip(" \0") for line in lines if line.strip(" \0")]
    if not ids:
        raise ConfigError(f"{file} holds no patient id", next_step="write one patient id a line")
    return ids


def subjects_of(work: ReadOnlyStore, site: str, patient_ids: Iterable[str]) -> list[str]:
    """Give the subject ids of a site's patients, sorted.

    Raises
    ------
    BatchNotReadyError
        If a patient is in no accepted batch of the site; the message counts and names nobody.
    """
    known: dict[str, set[str]] = {}
    for batch in _accepted(work, site):
        for old, new in read_crosswalk(work, site, batch)[1]:
            known.setdefault(old, set()).add(new)
    asked = set(patient_ids)
    unknown = len(asked - known.keys())
    if unknown:
        raise BatchNotReadyError(
            f"{unknown} of {len(asked)} patients are in no accepted batch of {site}",
            next_step="check the file and the site; nothing was withdrawn",
        )
    return sorted({subject for patient in asked for subject in known[patient]})


def _accepted(work: ReadOnlyStore, site: str) -> Sequence[str]:
    root = BatchLayout(site, "").root.rstrip("/") + "/"
    return [batch for batch in work.folders(root) if work.head(BatchLayout(site, batch).current)]
