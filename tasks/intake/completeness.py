"""Whether a batch is all there; a batch that is not is refused before anything is written."""

import re
from collections.abc import Mapping

from tasks.errors import BatchNotReadyError
from tasks.intake.declaration import Declaration
from tasks.layout import BATCH_NAME, MARKER


def require_name(batch: str) -> None:
    """Refuse a name that cannot name a batch: it becomes part of our keys.

    Raises
    ------
    BatchNotReadyError
        If the name is not plain.
    """
    if not re.fullmatch(BATCH_NAME, batch):
        raise BatchNotReadyError(
            "no batch can have this name: up to 64 letters, digits, dots, dashes and underscores are allowed",
            next_step="check the spelling, or rename the batch's folder in the raw store",
        )


def require_complete(sizes: Mapping[str, int], declaration: Declaration, *, batch: str) -> None:
    """Refuse a batch that is empty, unmarked, or not what it declares.

    Parameters
    ----------
    sizes
        Bytes of every listed object, by name relative to the batch.
    batch
        ``<site>/<batch>``, for the error.

    Raises
    ------
    BatchNotReadyError
        With counts, and never a name.
    """
    require_marked(sizes, batch=batch)
    missing = sum(path not in sizes for path in declaration)
    other_size = sum(
        declared.size_bytes not in {None, sizes[path]} for path, declared in declaration.items() if path in sizes
    )
    if missing or other_size:
        raise BatchNotReadyError(
            f"batch {batch} is half uploaded: of {len(declaration)} declared files {missing} are missing"
            f" and {other_size} have another size",
            next_step="wait for the upload to end, or ask the site to upload the declared files again",
        )


def require_marked(sizes: Mapping[str, int], *, batch: str) -> None:
    """Refuse a batch without objects or without its marker, which is written last.

    Raises
    ------
    BatchNotReadyError
        With counts, and never a name.
    """
    if not sizes:
        raise BatchNotReadyError(
            f"batch {batch} is empty or unknown", next_step="check site, batch and the address of the raw store"
        )
    if MARKER not in sizes:
        raise BatchNotReadyError(
            f"batch {batch} is half uploaded: {len(sizes)} objects are there and the marker {MARKER} is not",
            next_step=f"wait for the upload to end, or ask the site to write {MARKER} last",
        )
    if len(sizes) == 1:
        raise BatchNotReadyError(
            f"batch {batch} is empty: there is nothing beside its marker",
            next_step="ask the site to upload its files and then the marker",
        )
