"""The batch in which every rule is broken once: text files of ``faults/``, workbooks that are made here, and images."""

import io
from pathlib import Path

import openpyxl
from openpyxl.workbook import Workbook

from config.site import load_site
from tests.golden.road import Files, Road, Row, files_in, harmonized, objects_of, rows_in, study_uid

FOLDER = Path(__file__).parent / "faults"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)  # how old workbooks, and those under a password, begin
ROWS = [["id", "code"], ["P01", "J18.9"]]


def faults() -> list[Row]:
    """Give the table of all rules: where each is seeded, and where it must be found."""
    return rows_in(FOLDER.parent / "faults.csv")


def faulty() -> Road:
    """Harmonize the batch."""
    files = files_in(FOLDER / "batch") | workbooks() | objects_of(rows_in(FOLDER / "images.csv"))
    return harmonized(load_site(FOLDER, "faults"), files)


def lost_minus() -> Road:
    """Harmonize a batch of days: the second study is ten days after the first, and its row says ten before."""
    first, second = (
        {
            "patient_id": "D01", "study": str(number), "date": date, "sex": "F", "age": "040Y", "modality": "DX",
            "description": "XR CHEST AP PORTABLE", "body_part": "CHEST", "view": "AP", "manufacturer": "SIEMENS",
            "instances": "1",
        }
        for number, date in ((1, "2021-03-01"), (2, "2021-03-11"))
    )  # fmt: skip
    table = f"id,study,day\nD01,{study_uid(first)},0\nD01,{study_uid(second)},-10\n"
    return harmonized(load_site(FOLDER, "days"), {"studies.csv": table.encode()} | objects_of([first, second]))


def workbooks() -> Files:
    """Give a workbook for each fault that only a workbook can have."""
    merged, formula = _book(), _book()
    merged["S1"].append(["P01", "J18.9"])
    merged["S1"].merge_cells("B2:B3")
    formula["S1"]["B2"] = "=1+1"
    several, hidden = _book(), _book()
    several.create_sheet("S2").append(["id", "code"])
    hidden.create_sheet("Codes").sheet_state = "hidden"
    return {
        "locked.xlsx": OLE,
        "merged.xlsx": _bytes(merged),
        "formula.xlsx": _bytes(formula),
        "sheets.xlsx": _bytes(several),
        "hidden.xlsx": _bytes(hidden),
        "format.csv": _bytes(_book()),
    }


def _book() -> Workbook:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "S1"
    for row in ROWS:
        book.active.append(row)
    return book


def _bytes(book: Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
