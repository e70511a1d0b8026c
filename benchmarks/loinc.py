"""How well study descriptions get their LOINC codes: against the published table, and on texts that are in no table.

``python benchmarks/loinc.py [--quick] [--json]``. The labelled table is tried with the table switched off, so that the
rules answer alone; where they disagree with it, ``loinc_disagreements.csv`` says who is right. The unseen texts are in
``loinc_descriptions.csv``, which tells how they came to be and what was measured before they were looked at.
Rates of regions and contrast are of the texts that got a code.
"""

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from config.vocab.loinc import imaging_codes, labelled  # noqa: E402 -- the path comes first
from tasks.harmonize.loinc.answers import Answer, Exam, answer, ruled  # noqa: E402 -- the path comes first
from tasks.harmonize.loinc.known import key_of  # noqa: E402 -- the path comes first

NO_REGION = "-"
DICOM_MODALITY = {"XR": "DX"}


@dataclass(frozen=True)
class Text:
    """A description that is in no table, with its label."""

    half: str
    modality: str
    description: str
    regions: str
    contrast: str


def areas(system: str) -> set[str]:
    """Give the parts of the body of a LOINC system, without organs and sides."""
    parts = (part.split(">")[0] for part in re.split(r"\s*&+\s*(?:or )?", system))
    return {one.split(".")[0] for part in parts for one in part.split("+")}


def rows_of(name: str) -> list[dict[str, str]]:
    """Give the rows of a table beside this script."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def texts(half: str) -> list[Text]:
    """Give the texts of one half."""
    names = ("half", "modality", "description", "regions", "contrast")
    return [Text(*(row[name] for name in names)) for row in rows_of("loinc_descriptions.csv") if row["half"] == half]


def answered(text: Text) -> Answer:
    """Give the answer for a text."""
    return answer(Exam(frozenset({DICOM_MODALITY.get(text.modality, text.modality)}), text.description))


def unseen(half: str) -> dict[str, float]:
    """Measure one half: the share that has a code, and of these the shares with the right regions and contrast."""
    given = [(text, answered(text)) for text in texts(half)]
    described = [(text, found.code) for text, found in given if text.regions != NO_REGION]
    coded = [(text, code) for text, code in described if code]
    return {
        f"{half}_answered": round(len(coded) / len(described), 4),
        f"{half}_region": share(areas(code.system) == set(text.regions.split("+")) for text, code in coded),
        f"{half}_contrast": share(code.contrast == text.contrast for text, code in coded),
        f"{half}_answered_wrongly": sum(text.regions == NO_REGION and found.code is not None for text, found in given),
    }


def disagreements() -> list[dict[str, str]]:
    """Give the labelled descriptions for which the rules alone do not give the published code."""
    found: dict[tuple[str, str, str], str] = {}
    for row in labelled():
        key = key_of(row)
        if key and key[1]:
            given = ruled(Exam(frozenset({key[0]}), row.description)).code
            if (given.code if given else "") != row.code:
                found[key[0], row.description, row.code] = given.code if given else ""
    names = ("modality", "study_description", "published", "rules")
    return [dict(zip(names, (*key, code), strict=True)) for key, code in sorted(found.items())]


def of_table() -> dict[str, float]:
    """Measure the rules alone on the published table."""
    pairs = [
        (imaging_codes()[row.code], ruled(Exam(frozenset({key[0]}), row.description)).code)
        for row in labelled()
        if (key := key_of(row)) and key[1]
    ]
    coded = [(wanted, found) for wanted, found in pairs if found]
    return {
        "table_answered": round(len(coded) / len(pairs), 4),
        "table_code": share(wanted.code == found.code for wanted, found in coded),
        "table_region": share(areas(wanted.system) == areas(found.system) for wanted, found in coded),
        "table_contrast": share(wanted.contrast == found.contrast for wanted, found in coded),
    }


def share(right: Iterator[bool]) -> float:
    """Give the share of what is right."""
    told = list(right)
    return round(sum(told) / len(told), 4)


def speed() -> dict[str, float]:
    """Give how many distinct exams are answered in a second."""
    exams = [text for half in ("tune", "test") for text in texts(half)]
    start = perf_counter()
    for text in exams:
        answered(text)
    return {"exams_per_second": round(len(exams) / (perf_counter() - start))}


def main() -> None:
    """Print the figures, and as text also what is not right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: it takes a second")
    parser.add_argument("--json", action="store_true", help="print the figures only")
    arguments = parser.parse_args()
    figures = unseen("tune") | unseen("test") | of_table() | speed()
    if not arguments.json:
        judged = {(row["modality"], row["study_description"]): row for row in rows_of("loinc_disagreements.csv")}
        for row in disagreements():
            told = judged.get((row["modality"], row["study_description"]), {})
            print(*row.values(), told.get("right", "not judged"), sep=" | ")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
