"""Answer keys in the public layout, and what they are judged against."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from pydicom.dataset import FileDataset

from flows.scoring.outputs import Output
from tests.deidentify.objects import a_ct, bytes_of

Checks = list[dict[str, Any]]
COLUMNS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality")


def asked(
    action: str, place: str = "", *, text: str | None = None, value: str | None = None, **categories: str
) -> dict[str, Any]:
    """One check as the key writes it; categories by name, such as ``hipaa_z="HIPAA-B"``."""
    nested: dict[str, dict[str, str]] = {}
    for name, code in categories.items():
        family, _, member = name.partition("_")
        nested.setdefault(family, {})[member] = code
    return {
        "scope": "<Instance>",
        "tag": place,
        "tag_ds": place,
        "tag_name": "<Some Name>",
        "value": None if value is None else f"<{value}>",
        "action": f"<{action}>",
        "action_text": None if text is None else f"<{text}>",
        "answer_category_v2": nested,
    }


def row_of(source: FileDataset, checks: Checks) -> tuple[str, ...]:
    """The key's row for a source object."""
    facts = (
        source.PatientID, source.StudyInstanceUID, source.SeriesInstanceUID, source.SOPInstanceUID,
        source.SOPClassUID, source.Modality,
    )  # fmt: skip
    return (*map(str, facts), json.dumps({str(number): check for number, check in enumerate(checks)}))


def write_key(path: Path, rows: Iterable[tuple[str, ...]]) -> Path:
    """A key in a file."""
    with closing(sqlite3.connect(path)) as database:
        names = ", ".join(f"{name} TEXT" for name in COLUMNS)
        database.execute(f"CREATE TABLE answer_data ({names}, AnswerData TEXT)")
        database.executemany("INSERT INTO answer_data VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        database.commit()
    return path


def output_of(dataset: FileDataset | None = None, path: str = "1.dcm", **attributes: Any) -> Output:
    """A file of the folder that is scored: a CT with these attributes."""
    found = a_ct(**attributes) if dataset is None else dataset
    return Output(path, bytes_of(found), found)
