"""Who is to be withdrawn: source patient ids become subject ids through the crosswalks, and are never shown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from config.errors import ConfigError
from flows.crosswalk import CROSSWALK, Pair, read_crosswalk, split_pairs
from tasks.errors import BatchNotReadyError
from tasks.layout import BatchLayout
from tasks.store import ReadOnlyStore
from tasks.store.parquet import read_table

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
        lines = file.read_text(encoding="utf-8-sig").splitlines()
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

    A batch that was curated again without a patient leaves what was released of them: its earlier runs are asked too.

    Raises
    ------
    BatchNotReadyError
        If a patient is in no run of a batch of the site; the message counts and names nobody.
    """
    asked = set(patient_ids)
    known = _subjects(read_crosswalk(work, site, batch)[1] for batch in _accepted(work, site))
    if asked - known.keys():
        known = _subjects(_of_all_runs(work, site)) | known
    unknown = len(asked - known.keys())
    if unknown:
        raise BatchNotReadyError(
            f"{unknown} of {len(asked)} patients are in no accepted batch of {site}",
            next_step="check the file and the site; nothing was withdrawn",
        )
    return sorted({subject for patient in asked for subject in known[patient]})


def _subjects(crosswalks: Iterable[Iterable[Pair]]) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for old, new in chain.from_iterable(crosswalks):
        known.setdefault(old, set()).add(new)
    return known


def _of_all_runs(work: ReadOnlyStore, site: str) -> Iterator[list[Pair]]:
    """Give the patients of every run of every batch of a site."""
    for batch in work.folders(BatchLayout(site, "").private_root.rstrip("/") + "/"):
        layout = BatchLayout(site, batch)
        for run in work.folders(layout.private_root):
            found = work.read_versioned(layout.private_run(run, CROSSWALK))
            if found:
                yield split_pairs(read_table(found[0]))[1]


def _accepted(work: ReadOnlyStore, site: str) -> Sequence[str]:
    root = BatchLayout(site, "").root.rstrip("/") + "/"
    return [batch for batch in work.folders(root) if work.head(BatchLayout(site, batch).current)]
