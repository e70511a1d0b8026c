"""An answer key in the public layout of the MIDI-B challenge: SQLite, a row per instance, its checks as JSON."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tasks.errors import VerificationError

TABLE: Final = "answer_data"
_COLUMNS = (
    "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality", "AnswerData",
)  # fmt: skip
_QUERY = f"SELECT {', '.join(_COLUMNS)} FROM {TABLE} ORDER BY 3, 2, 1, 4"  # noqa: S608 -- our own names


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the key asks of one instance.

    `place` is written as `flows.scoring.places` reads it, and empty where pixels are meant. `text` is what the action
    compares, `value` what stood there in the source. `categories` are the key's own, such as ``hipaa.z``.
    """

    action: str
    place: str = ""
    text: str | None = field(default=None, repr=False)
    value: str | None = field(default=None, repr=False)
    name: str = ""
    categories: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """An instance of the source, by its original identifiers, and all that is asked of it."""

    patient: str = field(repr=False)
    study: str = field(repr=False)
    series: str = field(repr=False)
    instance: str = field(repr=False)
    sop_class: str
    modality: str
    checks: tuple[Check, ...]


def read_answers(path: Path) -> Iterator[Answer]:
    """Give the rows of an answer key, one series after the other.

    Raises
    ------
    VerificationError
        If the file is no such key; the message holds nothing of it.
    """
    number = 0
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            for number, row in enumerate(database.execute(_QUERY), start=1):  # noqa: B007 -- named in the error
                patient, study, series, instance, sop_class, modality = (unwrapped(cell) or "" for cell in row[:-1])
                checks = tuple(_checks(row[-1]))
                yield Answer(patient, study, series, instance, sop_class, modality, checks)
    except sqlite3.Error:
        raise VerificationError(
            f"the answer key is no SQLite database with a table {TABLE}",
            next_step=f"give a database whose table {TABLE} has the columns {', '.join(_COLUMNS)}",
        ) from None
    except (ValueError, TypeError, AttributeError):
        raise VerificationError(
            f"row {number} of the answer key holds no checks in JSON", next_step="get the answer key again"
        ) from None


def _checks(document: str) -> Iterator[Check]:
    for check in json.loads(document).values():
        yield Check(
            action=unwrapped(check["action"]) or "" if "action" in check else "",
            place=str(check.get("tag_ds") or check.get("tag") or ""),
            text=unwrapped(check.get("action_text")),
            value=unwrapped(check.get("value")),
            name=unwrapped(check.get("tag_name")) or "",
            categories=dict(_flat(check.get("answer_category_v2") or {})),
        )


def unwrapped(cell: object) -> str | None:
    """Give a cell as text without the angle brackets around it; null stays null."""
    if cell is None:
        return None
    text = str(cell)
    return text[1:-1] if text.startswith("<") and text.endswith(">") else text


def _flat(categories: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Give nested categories by dotted names; those without a value are left out."""
    for name, value in categories.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        elif value:
            yield f"{above}{name}", str(value)
