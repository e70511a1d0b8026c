"""What a raw object is for, told by its name alone: intake never reads what a later stage reads anyway.

A name decides who reads the object, never what it holds: DICOM is recognised by content, and a table that is none is
reported by harmonize.
"""

from pathlib import PurePosixPath

from tasks.intake.declaration import form_of
from tasks.layout import MARKER

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".xlsx", ".parquet", ".json", ".jsonl"})
IS_MARKER = "IN-MARKER"
IS_DECLARATION = "IN-DECLARATION"
IS_FOLDER = "IN-FOLDER"
IS_TABLE = "IN-TABLE"


def intake_rule(path: str, *, size_bytes: int) -> str | None:
    """Give the ledger rule under which an object ends at intake, or None if a shard works on it.

    Parameters
    ----------
    path
        Name of the object relative to its batch.
    """
    if path == MARKER:
        return IS_MARKER
    if form_of(path) is not None:
        return IS_DECLARATION
    if path.endswith("/") and not size_bytes:
        return IS_FOLDER
    return IS_TABLE if PurePosixPath(path).suffix.lower() in TABLE_SUFFIXES else None
