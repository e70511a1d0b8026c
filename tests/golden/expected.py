"""The canonical tables of a golden batch as files that people can check against its raw rows.

``python -m tests.golden.expected [site ...]`` writes ``expected/`` of the sites anew. Pseudonyms appear as patient ids,
studies by their number in ``images.csv``, parents by kind and first day; keys, digests and sizes are left out.
"""

import csv
import io
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from tasks.tables.formats import parse
from tasks.tables.model import Layout
from tests.golden.road import CODES, SITES, Road, golden, images_of, study_uid

TABLES = (
    "subject",
    "clinical_event",
    "test_result",
    "condition",
    "measurement",
    "medication",
    "imaging_study",
    "imaging_series",
)
KEYS = {
    "subject_id", "site_id", "event_id", "test_id", "condition_id", "measurement_id", "medication_id", "study_uid",
    "series_uid", "parent_event_id", "source_row", "series_sha256", "n_bytes",
}  # fmt: skip


def readable(road: Road, code: str) -> dict[str, str]:
    """Give every canonical table but the instances as CSV text, by name."""
    people = road.context.pseudonymizer
    patients = {people.subject(one): one for one in known_patients(road, code)}
    studies = {people.uid(study_uid(row)): row["study"] for row in images_of(code)}
    events = {row["event_id"]: f"{row['event_type']} {_day(row['start_day'])}" for row in road.rows("clinical_event")}
    return {name: _table(road.rows(name), patients, studies, events) for name in TABLES}


def known_patients(road: Road, code: str) -> set[str]:
    """Give the patient ids of a batch: of its images, and of every cell of its tables that could be one."""
    found = {row["patient_id"] for row in images_of(code)}
    for stored in road.context.raw.list():
        if not stored.key.endswith((".dcm", "_COMPLETE")):
            found |= set(_cells(road, stored.key))
    return found


def _cells(road: Road, key: str) -> set[str]:
    content, name = road.context.raw.read(key), key.rsplit("/", 1)[-1]
    declared = [table for table in road.context.site.tables if _fits(name, table.pattern)]
    layouts = [Layout(one.format or "", one.encoding or "", one.delimiter or "", one.sheet or "") for one in declared]
    rows = [
        cells for layout in layouts for _, cells, rule in parse(content, name, layout, frozenset()).rows if not rule
    ]
    return {cell.strip() for cells in rows for cell in cells}


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name.lower(), pattern.lower())


def _table(
    rows: list[dict[str, Any]], patients: Mapping[str, str], studies: Mapping[str, str], events: Mapping[str, str]
) -> str:
    made = []
    for row in rows:
        who = {"patient_id": patients[row["subject_id"]]}
        if "study_uid" in row:
            who["study"] = studies[row["study_uid"]]
        if "parent_event_id" in row:
            who["in"] = events.get(row["parent_event_id"], "")
        made.append(who | {name: _text(value) for name, value in row.items() if name not in KEYS})
    if not made:
        return ""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(made[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(made, key=lambda row: (row["patient_id"], row.get("study", ""), *_sortable(row))))
    return text.getvalue()


def _sortable(row: Mapping[str, str]) -> tuple[object, ...]:
    day = row.get("start_day", row.get("day", ""))
    return (int(day) if day else 10**6, *row.values())


def _text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}" if value == round(value, 4) else f"{value:.6g}"
    return "" if value is None else str(value)


def _day(day: int | None) -> str:
    return "of unknown day" if day is None else f"day {day}"


def write(code: str) -> None:
    """Write the expected tables of a site anew."""
    folder = SITES / code / "expected"
    folder.mkdir(exist_ok=True)
    for name, text in readable(golden(code), code).items():
        path = folder / f"{name}.csv"
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    for site in sys.argv[1:] or CODES:
        write(site)
