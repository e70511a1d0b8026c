"""Files as sites really send them: each oddity is read as what it is, or has a finding with its file and row."""

import io
import json
import zipfile
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.site_tables import SiteTable
from tasks.harmonize.reading import SourceTable, read_source

COLUMNS = {"id": "patient_id", "Sex": "subject.sex", "Note": {"field": "subject.zip", "optional": True}}
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def read(content: str | bytes, name: str = "a.csv", **options: object) -> SourceTable:
    table = SiteTable(**({"pattern": "*", "columns": COLUMNS} | options))
    return read_source(content if isinstance(content, bytes) else content.encode(), name, table)


def rows(source: SourceTable) -> list[tuple[Any, ...]]:
    columns = (column.to_pylist() for column in (source.rows, *source.cells.values()))
    return list(zip(*columns, strict=True))


def notes(source: SourceTable) -> list[tuple[str, str]]:
    return [(note.rule_id, note.header) for note in source.notes]


def problems(source: SourceTable) -> list[tuple[int, str]]:
    return [(one.row, one.rule_id) for one in source.problems]


def workbook(*sheets: list[list[object]], change: Any = None) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.remove(book.active)
    for place, cells in enumerate(sheets):
        sheet = book.create_sheet(f"S{place + 1}")
        for row in cells:
            sheet.append(row)
    if change:
        change(book)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def parquet(**columns: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    stored: bytes = sink.getvalue().to_pybytes()
    return stored


# --- encodings


@pytest.mark.parametrize(
    ("encoding", "declared", "found"),
    [
        ("utf-8", None, "utf-8"),
        ("utf-8-sig", None, "utf-8-sig"),
        ("utf-16", None, "utf-16"),
        ("utf-16-le", None, "utf-16-le"),
        ("utf-16-be", None, "utf-16-be"),
        ("utf-32", None, "utf-32"),
        ("utf-8-sig", "latin-1", "utf-8-sig"),
        ("cp1252", "cp1252", "cp1252"),
        ("gb18030", "gb18030", "gb18030"),
        ("shift_jis", "shift_jis", "cp932"),
    ],
)
def test_text_is_read_in_the_encoding_that_is_marked_proved_or_declared(
    encoding: str, declared: str | None, found: str
) -> None:
    letter = {"cp1252": "é", "gb18030": "女", "shift_jis": "男"}.get(encoding, "F")
    text = f"id,Sex\n1,{letter}\n" + "2,F\n" * 20
    source = read(text.encode(encoding), encoding=declared)
    assert rows(source)[0] == (2, "1", letter)
    assert source.layout.encoding == found


def test_text_in_another_encoding_is_not_guessed_at() -> None:
    source = read("id,Sex\n1,Höchst\n".encode("latin-1"))
    assert notes(source) == [("H-ENCODING", "")]
    assert read(b"", encoding="shift_jis").layout.encoding == "shift_jis"


# --- delimiters, quotes, lines


def test_what_was_found_is_recorded() -> None:
    assert read("id;Sex\n1;F\n").layout.delimiter == ";"
    tsv = read("id,Sex\n1,F\n", "a.tsv")
    assert (tsv.layout.format, tsv.layout.delimiter, notes(tsv)) == ("tsv", ",", [("H-DELIMITER", "")])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_a_line_is_one(end: str) -> None:
    assert rows(read(end.join(["id,Sex", "1,F", "2,M", ""]))) == [(2, "1", "F"), (3, "2", "M")]


def test_a_quoted_cell_may_hold_lines_and_delimiters_and_is_one_row() -> None:
    source = read('id,Sex,Note\n1,F,"a\nb,""c"""\n2,M,\n')
    assert rows(source) == [(2, "1", "F", 'a\nb,"c"'), (3, "2", "M", "")]


def test_delimiters_at_the_end_of_lines_make_no_column() -> None:
    assert rows(read("id,Sex,,\n1,F,,\n2,M\n3,F,\n")) == [(2, "1", "F"), (3, "2", "M"), (4, "3", "F")]
    assert notes(read("id,Sex,,\n1,F,,\n")) == []


def test_a_quote_that_is_never_closed_costs_its_own_row_only() -> None:
    source = read('id,Sex\n1,F\n2,"M\n3,F\n4,M\n')
    assert problems(source) == [(3, "H-QUOTE")]
    assert rows(source) == [(2, "1", "F"), (4, "3", "F"), (5, "4", "M")]


def test_a_quote_inside_a_quoted_cell_costs_its_own_row_only() -> None:
    source = read('id,Sex,Note\n1,F,"5" tube"\n2,M,"x"\n')
    assert (problems(source), rows(source)) == ([(2, "H-QUOTE")], [(3, "2", "M", "x")])


def test_a_field_of_a_million_characters_costs_its_own_row_only() -> None:
    source = read("id,Sex\n1,F\n2," + "x" * 1_000_000 + "\n3," + '"' + "y" * 1_000_000 + '"\n4,M\n')
    assert (problems(source), rows(source)) == ([(3, "H-CELL"), (4, "H-CELL")], [(2, "1", "F"), (5, "4", "M")])


def test_every_row_of_a_file_is_used_or_has_a_problem() -> None:
    source = read('id,Sex\n1,F\n2\n3,F,x\n4,a\0b\n5,"x\n6,#REF!\n7,M\n')
    assert problems(source) == [
        (3, "H-RAGGED"),
        (4, "H-RAGGED"),
        (5, "H-CELL"),
        (6, "H-QUOTE"),
        (7, "H-SPREADSHEET"),
    ]
    assert source.rows_in == 7


@pytest.mark.parametrize("content", ['"id,Sex\n1,F\n', ",,\n1,F,\n", "\n\n,\n"])
def test_a_file_without_a_header_that_can_be_read_is_unreadable(content: str) -> None:
    assert notes(read(content)) == [("H-UNREADABLE", "")]


def test_headers_that_are_not_read_are_named() -> None:
    assert notes(read("id,Sex,Name,Name,Age\n1,F,ZZCANARY,ZZCANARY,9\n")) == [
        ("H-HEADER-UNDECLARED", "Name"),
        ("H-HEADER-UNDECLARED", "Age"),
    ]
    assert notes(read("id\n1\n")) == [("H-HEADER-MISSING", "Sex")]
    assert notes(read("id,Sex,Sex\n1,F,M\n")) == [("H-HEADER-TWICE", "Sex")]


# --- files that lie about their format


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_a_workbook_under_another_name_is_a_workbook(name: str) -> None:
    source = read(workbook([["id", "Sex"], [1, "F"]]), name)
    assert (rows(source), source.layout.format, notes(source)) == ([(2, "1", "F")], "xlsx", [("H-FORMAT", "")])


def test_every_format_is_known_by_its_bytes() -> None:
    assert read(parquet(id=["1"], Sex=["F"]), "a.csv").layout.format == "parquet"
    assert read('{"id": 1, "Sex": "F"}\n', "a.csv").layout.format == "jsonl"
    assert read('[ {"id": 1, "Sex": "F"}]', "a.tsv").layout.format == "jsonl"
    assert read("id,Sex\n1,F\n", "a.xlsx").layout.format == "csv"
    assert read("id,Sex\n1,F\n", "a.json").layout.format == "csv"
    assert read("id,Sex\n1,F\n", "a.dat", format="csv").notes == ()
    assert read("id,Sex\n1,F\n", "a.txt").notes == ()


@pytest.mark.parametrize(
    ("content", "name", "rule"),
    [
        (OLE, "a.xlsx", "H-LOCKED"),
        (OLE, "a.csv", "H-LOCKED"),
        (b"<html><table></table></html>", "a.csv", "H-UNREADABLE"),
        (b"\x1f\x8b\x08\x00\x01\x02", "a.parquet", "H-UNREADABLE"),
        (b"id,Sex\n1,F\n", "a.sas7bdat", "H-UNREADABLE"),
        (b"PK\x03\x04 and no more", "a.xlsx", "H-UNREADABLE"),
        (b"PAR1" + bytes(50), "a.parquet", "H-UNREADABLE"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, name: str, rule: str) -> None:
    assert notes(read(content, name)) == [(rule, "")]


# --- workbooks


def test_cells_of_a_workbook_read_as_a_person_sees_them() -> None:
    cells: list[list[object]] = [
        ["id", "Sex", "Note"],
        [7, date(2020, 4, 3), True],
        ["007", datetime(2020, 4, 3, 9, 30), 0.1 + 0.2],  # noqa: DTZ001 -- workbooks have no zones
        [8.0, None, None],
    ]
    assert rows(read(workbook(cells), "a.xlsx")) == [
        (2, "7", "2020-04-03", "True"),
        (3, "007", "2020-04-03", "0.3"),
        (4, "8", "", ""),
    ]


def test_the_first_shown_sheet_is_read_and_the_others_are_noted() -> None:
    def hide(book: Any) -> None:
        book["S1"].sheet_state = "hidden"

    source = read(workbook([["x"]], [["id", "Sex"], [1, "F"]], [["other"]], change=hide), "a.xlsx")
    assert rows(source) == [(2, "1", "F")]
    assert source.layout.sheet == "S2"
    assert [rule for rule, _ in notes(source)] == ["H-SHEETS", "H-SHEET-HIDDEN"]
    assert notes(read(workbook([["id", "Sex"], [1, "F"]], [["x"]]), "a.xlsx", sheet="S1")) == []


def test_rows_under_a_merged_cell_are_set_aside() -> None:
    def merge(book: Any) -> None:
        book["S1"].merge_cells("A2:A3")

    source = read(workbook([["id", "Sex"], [1, "F"], [2, "M"], [3, "M"]], change=merge), "a.xlsx")
    assert (problems(source), rows(source)) == ([(2, "H-MERGED"), (3, "H-MERGED")], [(4, "3", "M")])


def test_a_formula_that_nobody_calculated_is_set_aside() -> None:
    source = read(workbook([["id", "Sex"], [1, "=B1"], [2, "M"]]), "a.xlsx")
    assert (problems(source), rows(source)) == ([(2, "H-FORMULA")], [(3, "2", "M")])


def test_formulas_with_results_are_read_and_an_empty_text_is_one() -> None:
    content = workbook([["id", "Sex"], [1, "=B1"], [2, "=B1"]])
    results = {b'<c r="B2"><f>B1</f><v /></c>': b'<c r="B2" t="str"><f>B1</f><v>F</v></c>',
               b'<c r="B3"><f>B1</f><v /></c>': b'<c r="B3" t="str"><f>B1</f><v></v></c>'}  # fmt: skip
    assert rows(read(with_parts(content, results), "a.xlsx")) == [(2, "1", "F"), (3, "2", "")]


def test_a_workbook_that_understates_its_size_is_read_whole() -> None:
    content = workbook([["id", "Sex"], [1, "F"], [2, "M"]])
    source = read(with_parts(content, {b'<dimension ref="A1:B3" />': b'<dimension ref="A1:A1" />'}), "a.xlsx")
    assert len(rows(source)) == 2


def test_a_date_that_no_calendar_has_is_an_error_cell_and_no_warning() -> None:
    content = workbook([["id", "Sex"], [1, date(2020, 1, 1)], [2, "M"]])
    source = read(with_parts(content, {b"<v>43831</v>": b"<v>99999999</v>"}), "a.xlsx")
    assert (problems(source), len(rows(source))) == ([(2, "H-SPREADSHEET")], 1)


def test_a_workbook_that_breaks_off_is_unreadable() -> None:
    content = workbook([["id", "Sex"], *([n, "F"] for n in range(3000))])
    source = read(with_parts(content, {b'<c r="A2500"': b'<c <r="A2500"'}), "a.xlsx")
    assert notes(source) == [("H-UNREADABLE", "")]


def test_a_workbook_that_inflates_without_end_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.tables.sheets.MAX_INFLATED", 100)
    assert notes(read(workbook([["id", "Sex"], [1, "F"]]), "a.xlsx")) == [("H-UNREADABLE", "")]


def test_a_workbook_without_a_header_is_unreadable() -> None:
    assert notes(read(workbook([[None], [" "]]), "a.xlsx")) == [("H-UNREADABLE", "")]


def test_a_file_needs_its_patients_whatever_the_site_file_allows() -> None:
    columns = {"id": {"field": "patient_id", "optional": True}, "Sex": "subject.sex"}
    assert notes(read("Sex\nF\n", columns=columns)) == [("H-HEADER-MISSING", "id")]


def test_a_column_may_have_other_headers_and_unwanted_ones_are_no_finding() -> None:
    columns = {"id": {"field": "patient_id", "also": ["MRN", "case"]}, "Sex": "subject.sex"}
    source = read("mrn,Sex,Note\n1,F,x\n", columns=columns, not_read=["note"])
    assert (rows(source), notes(source)) == ([(2, "1", "F")], [])
    twice = read("mrn,case,Sex\n1,2,F\n", columns=columns)
    assert notes(twice) == [("H-HEADER-TWICE", "id")]


def test_short_rows_of_a_workbook_end_in_empty_cells() -> None:
    assert rows(read(workbook([["id", "Sex", "Note", " "], [1, "F"], [], [2, None, "x"]]), "a.xlsx")) == [
        (2, "1", "F", ""),
        (4, "2", "", "x"),
    ]


def with_parts(content: bytes, replacements: dict[bytes, bytes]) -> bytes:
    """Replace text in the first sheet of a workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.namelist():
            text = old.read(part)
            for before, after in replacements.items():
                if part.endswith("sheet1.xml"):
                    assert before in text, text[:2000]
                    text = text.replace(before, after)
            new.writestr(part, text)
    return out.getvalue()


# --- numbers of spreadsheets


def test_a_column_that_wholly_ends_in_a_zero_decimal_is_read_as_whole_numbers() -> None:
    source = read("id,Sex,Note\n1001.0,1.0,\n1002.0,0.0,60637.0\n")
    assert rows(source) == [(2, "1001", "1", ""), (3, "1002", "0", "60637")]
    assert notes(source) == [("H-FLOAT", "id"), ("H-FLOAT", "Sex"), ("H-FLOAT", "Note")]


def test_missing_words_do_not_keep_a_column_from_it_and_ages_keep_their_decimals() -> None:
    columns = COLUMNS | {"Age": {"field": "subject.age_at_index", "missing": ["x"]}}
    source = read("id,Sex,Age\n1,1.0,45.0\n2,NA,x\n", columns=columns)
    assert rows(source) == [(2, "1", "1", "45.0"), (3, "2", "NA", "x")]


@pytest.mark.parametrize("damaged", ["1001.0", "1.23457E+12", "1e+16"])
def test_an_id_that_a_spreadsheet_changed_is_set_aside(damaged: str) -> None:
    source = read(f"id,Sex\nA12,F\n{damaged},M\n")
    assert (problems(source), rows(source)) == ([(3, "H-ID-DAMAGED")], [(2, "A12", "F")])


def test_a_workbook_that_rounded_an_id_shows_so() -> None:
    source = read(workbook([["id", "Sex"], ["a", "F"], [1.23456789012345e18, "M"]]), "a.xlsx")
    assert problems(source) == [(3, "H-ID-DAMAGED")]


@pytest.mark.parametrize("error", ["#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "########"])
def test_an_error_of_a_spreadsheet_is_no_value(error: str) -> None:
    assert problems(read(f"id,Sex\n1,{error}\n2,#N/A\n")) == [(2, "H-SPREADSHEET")]


# --- Parquet and JSON


def test_typed_columns_of_parquet_become_text() -> None:
    content = parquet(
        id=pa.array([1, 2], pa.int64()),
        Sex=pa.array(["F", None]).dictionary_encode(),
        Note=pa.array([datetime(2020, 4, 3, 9), None], pa.timestamp("us")),  # noqa: DTZ001 -- a column without a zone
        Extra=pa.array([[1], []]),
    )
    source = read(content, "a.parquet")
    assert rows(source) == [(1, "1", "F", "2020-04-03"), (2, "2", "", "")]
    assert notes(source) == [("H-CELL", "")]
    odd = parquet(id=[1.0, None], Sex=pa.array([Decimal("1.50"), None]), Note=[True, None])
    assert rows(read(odd, "a.parquet")) == [(1, "1", "1.50", "True")], "the second row is blank"


def test_records_are_read_from_lines_and_from_an_array() -> None:
    lines = '{"id": 1, "Sex": "F"}\r\n\r\n{"id": 2, "Sex": "M\u2028"}\n'
    assert rows(read(lines, "a.jsonl")) == [(1, "1", "F"), (3, "2", "M")]
    assert notes(read("[1, 2]", "a.json")) == [("H-UNREADABLE", "")]
    assert rows(read(json.dumps([{"id": 1.5, "Sex": None}, {"id": 2}]), "a.json")) == [(1, "1.5", ""), (2, "2", "")]


def test_a_record_that_holds_more_than_texts_is_set_aside() -> None:
    lines = [
        '{"id": 1, "Sex": "F"}', '{"id": 2, "Sex": ["F"]}', '{"id": 3, "Sex": {"a": [1]}}', '{"id": 4, "id": 5}',
        "[1]", "{", "[" * 100_000,
    ]  # fmt: skip
    assert problems(read("\n".join(lines), "a.jsonl")) == [(row, "H-CELL") for row in range(2, 8)]
    assert problems(read('[{"id": 1, "Sex": "F"}, [2]]', "a.json")) == [(2, "H-CELL")]
    assert notes(read("[" * 100_000, "a.json")) == [("H-UNREADABLE", "")]
