"""The private report of a batch, copied out of the work store for the contributor who sent it."""

import os
from pathlib import Path

from flows.ledger import accepted_run
from tasks.errors import BatchNotReadyError
from tasks.layout import BatchLayout
from tasks.store import ReadOnlyStore


def copy_report(work: ReadOnlyStore, of: tuple[str, str, str | None], folder: Path) -> list[Path]:
    """Copy every file of a run's private report into a folder, readable by its owner only; give their paths.

    Parameters
    ----------
    of
        Site, batch and run; without a run it is the accepted one. A run that a gate stopped has a report too.

    Raises
    ------
    BatchNotReadyError
        If the batch has no accepted run, or the run no report.
    """
    site, batch, run = of
    prefix = BatchLayout(site, batch).private_run(run or accepted_run(work, site, batch), "report/")
    keys = [one.key for one in work.list(prefix)]
    if not keys:
        raise BatchNotReadyError(
            f"this run of {site}/{batch} has no report", next_step=f"run `curate batch {site} {batch}`, or check --run"
        )
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for key in keys:
        path = folder / key.rsplit("/", 1)[-1]
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(work.read(key))
        paths.append(path)
    return paths
