"""Reading a site's files: what is understood, and the clear finding for what is not."""

import io
import json
from datetime import date, datetime

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.site_tables import SiteTable
from tasks.harmonize.reading import MAX_CELL, ROWS_PER_CHUNK, SourceTable, read_source

COLUMNS = {"id": "patient_id", "Sex": "subject.sex", "Note": {"field": "subject.zip", "optional": True}}


def declared(**options: object) -> SiteTable:
    return SiteTable(**({"pattern": "*", "columns": COLUMNS} | options))


def read(content: str | bytes, name: str = "a.csv", **options: object) -> SourceTable:
    return read_source(content if isinstance(content, bytes) else content.encode(), name, declared(**options))


def notes(source: SourceTable) -> tuple[str, ...]:
    return tuple(note.rule_id for note in source.notes)


def rows(source: SourceTable) -> list[tuple[int, str, str]]:
    return list(
        zip(source.rows.to_pylist(), source.cells["id"].to_pylist(), source.cells["Sex"].to_pylist(), strict=True)
    )


def test_rows_count_as_in_a_spreadsheet_and_blank_ones_do_not() -> None:
    assert rows(read("id,Sex\r\n1,F\r\n,\r\n\r\n2,M\r\n")) == [(2, "1", "F"), (5, "2", "M")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_finds_the_declared_columns(delimiter: str) -> None:
    assert rows(read(f'id{delimiter}"Sex"\n1{delimiter}F\n')) == [(2, "1", "F")]


def test_headers_are_matched_without_case_and_blanks() -> None:
    assert rows(read("ID , sex\n1, F \n")) == [(2, "1", "F")]


@pytest.mark.parametrize(
    ("encoding", "declared_as"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", None), ("latin-1", "latin-1"), ("gb18030", "gb18030")],
)
def test_encodings(encoding: str, declared_as: str | None) -> None:
    text = "id,Sex\n1,é\n" if encoding != "gb18030" else "id,Sex\n1,女\n"
    assert rows(read(text.encode(encoding), encoding=declared_as))[0][2] == text[9]


def test_text_is_composed_and_trimmed_of_every_blank() -> None:
    assert rows(read("id,Sex\n1,\u00a0e\u0301 \n")) == [(2, "1", "é")]


def test_comma_data_in_a_tsv_is_read_and_noted() -> None:
    source = read("id,Sex\n1,F\n", "a.tsv")
    assert (rows(source), notes(source)) == ([(2, "1", "F")], ("H-DELIMITER",))
    assert notes(read("id\tSex\n1\tF\n", "a.tsv")) == ()


@pytest.mark.parametrize(
    ("content", "name", "note"),
    [
        (b"", "a.csv", "H-NO-ROWS"),
        (b" \n", "a.csv", "H-NO-ROWS"),
        (b"id,Sex\n", "a.csv", "H-NO-ROWS"),
        (b"id,Sex\n1,\xe9\n", "a.csv", "H-ENCODING"),
        (b"\x00\x01", "a.xlsx", "H-UNREADABLE"),
        (b"PAR1", "a.parquet", "H-UNREADABLE"),
        (b"\xff\xff", "a.jsonl", "H-UNREADABLE"),
        (b"[1", "a.json", "H-UNREADABLE"),
        (b'"text"', "a.jsonl", "H-HEADER-MISSING"),
        (b"id,Sex", "a.unknown", "H-UNREADABLE"),
        (b"id,Gender\n1,F\n", "a.csv", "H-HEADER-MISSING"),
        (b"id,Sex,sex\n1,F,M\n", "a.csv", "H-HEADER-TWICE"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(content: bytes, name: str, note: str) -> None:
    source = read(content, name)
    assert notes(source)[-1] == note
    assert source.rows_in == 0


def test_columns_that_nobody_declared_are_noted_and_not_read() -> None:
    source = read("id,Sex,Name\n1,F,ZZCANARY\n")
    assert notes(source) == ("H-HEADER-UNDECLARED",)
    assert set(source.cells) == {"id", "Sex"}


def test_a_column_that_stands_twice_with_the_same_cells_is_one() -> None:
    assert rows(read("id,Sex,Sex\n1,F,F\n")) == [(2, "1", "F")]


def test_two_columns_cannot_be_one_field() -> None:
    columns = COLUMNS | {"Zip": {"field": "subject.zip", "optional": True}}
    assert notes(read("id,Sex,Note,Zip\n1,F,60637,60637\n", columns=columns)) == ("H-HEADER-TWICE",)
    assert notes(read("id,Sex,Zip\n1,F,60637\n", columns=columns)) == ()


def test_rows_that_do_not_fit_are_problems_and_the_others_stay() -> None:
    long = "x" * (MAX_CELL + 1)
    source = read(f"id,Sex\n1,F\n2\n3,F,M\n4,F,\n5,{long}\n6,a\0b\n7,M\n")
    assert [row[0] for row in rows(source)] == [2, 5, 8]
    assert [(one.row, one.rule_id) for one in source.problems] == [
        (3, "H-RAGGED"),
        (4, "H-RAGGED"),
        (6, "H-CELL"),
        (7, "H-CELL"),
    ]
    assert source.rows_in == 7


def test_a_cell_over_the_limit_of_the_parser_loses_its_row_only() -> None:
    source = read("id,Sex\n1,F\n2," + "x" * 200_000 + "\n3,M\n")
    assert [row[1] for row in rows(source)] == ["1", "3"]
    assert [one.rule_id for one in source.problems] == ["H-CELL"]


def test_a_header_that_no_parser_can_read_is_unreadable() -> None:
    assert notes(read("x" * 200_000 + "\n1,F\n")) == ("H-UNREADABLE",)


def test_more_rows_than_a_chunk() -> None:
    source = read("id,Sex\n" + "1,F\n" * (ROWS_PER_CHUNK + 1))
    assert len(source.rows) == ROWS_PER_CHUNK + 1 == len(source.cells["Sex"])


def workbook(cells: list[list[object]], title: str = "Sheet1") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in cells:
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_workbook_shows_numbers_and_dates_as_text() -> None:
    content = workbook(
        [["id", "Sex"], [1, date(2020, 4, 3)], [2.0, None], [2.5, datetime.fromisoformat("2020-04-03T09:00")]]
    )
    assert rows(read(content, "a.XLSX", sheet="Sheet1")) == [
        (2, "1", "2020-04-03"),
        (3, "2", ""),
        (4, "2.5", "2020-04-03"),
    ]


def test_a_workbook_without_the_declared_sheet_or_any_row_is_unreadable() -> None:
    assert notes(read(workbook([["id", "Sex"]]), "a.xlsx", sheet="other")) == ("H-UNREADABLE",)
    assert notes(read(workbook([]), "a.xlsx")) == ("H-UNREADABLE",)


def test_parquet_and_json_lines_are_tables_too() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": [1.0, 2.0], "Sex": [date(2020, 4, 3), None]}), sink)
    assert rows(read(sink.getvalue().to_pybytes(), "a.parquet")) == [(1, "1", "2020-04-03"), (2, "2", "")]
    lines = "\n".join([json.dumps({"id": 1, "Sex": "F"}), "", '{"id": 2}', '{"id": [2]}', "{", "7"])
    source = read(lines, "a.jsonl")
    assert rows(source) == [(1, "1", "F"), (3, "2", "")]
    assert [(one.row, one.rule_id) for one in source.problems] == [(4, "H-CELL"), (5, "H-CELL"), (6, "H-CELL")]
    assert rows(read(json.dumps([{"id": 1, "Sex": True}]), "a.json")) == [(1, "1", "True")]
