"""What a contributor is told: every problem with its place, its rule and what to send, and no cell of any table."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from config.rules import data_rules, next_steps
from tasks.harmonize.decisions import Vote, date_vote
from tasks.harmonize.report import Problem, delimiter_name, grouped, markdown
from tasks.tables.listing import MAX_RANGES, csv_bytes, row_ranges

SITE = """
not_read = ["codebook*.csv"]
[[tables]]
pattern = "people*.csv"
[tables.columns]
id = "patient_id"
sex = "subject.sex"
born = { field = "subject.index_date", optional = true }
[[tables]]
pattern = "stays*.csv"
[tables.columns]
id = "patient_id"
in = "hospital_stay.start"
out = { field = "hospital_stay.end", date = "dmy" }
type = { field = "hospital_stay.discharge", codes = { X = "home" }, optional = true }
[[tables]]
pattern = "book*.xlsx"
sheet = "S1"
[tables.columns]
id = "patient_id"
[[tables]]
pattern = "book*.xlsx"
sheet = "S2"
[tables.columns]
id = "patient_id"
sex = { field = "subject.sex", codes = { q = "Female" } }
"""
FILES = {
    "people.csv": "id;sex;Nurse\nZZCANARY-1;F;ZZCANARY\nZZCANARY-2;ZZCANARY-Q;n\n;F;n\n",
    "stays_1.csv": "id,in,out\nZZCANARY-1,13/01/2020,14/01/2020\nZZCANARY-1,01/13/2020,x\nZZCANARY-1,02/02/2020,\n",
    "broken.csv": "a",
    "codebook.csv": "variable,label\nid,the id\n",
    "stays_2.csv": "id,in\n",
    "more/=people.csv": "id,sex\nZZCANARY-1,F\n",
}
Table = Callable[[str], str]


@pytest.fixture
def batch(curate: Any) -> Any:
    return curate(SITE, FILES)


def read(batch: Any, name: str) -> str:
    text: str = batch.context.work.read(batch.context.layout.private_run(batch.plan.run, f"report/{name}")).decode()
    return text


def lines(batch: Any, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read(batch, name))))


def test_problems_say_where_by_which_rule_and_what_to_send(batch: Any) -> None:
    found = [
        tuple(line[name] for name in ("file", "column", "rows", "rule_id")) for line in lines(batch, "problems.csv")
    ]
    assert found == [
        ("s01/b1/stays_1.csv", "in", "2-4", "C-DATE-ORDER-VOTE"),
        ("s01/b1/stays_2.csv", "out", "whole file", "H-HEADER-MISSING"),
        ("s01/b1/people.csv", "id", "4", "H-NO-PATIENT"),
        ("s01/b1/people.csv", "sex", "3", "S-UNMAPPED"),
        ("s01/b1/stays_1.csv", "out", "3", "S-DATE"),
        ("s01/b1/broken.csv", "", "whole file", "H-UNDECLARED"),
        ("s01/b1/more/=people.csv", "", "whole file", "H-UNDECLARED"),
        ("s01/b1/people.csv", "Nurse", "whole file", "H-HEADER-UNDECLARED"),
    ]
    for line in lines(batch, "problems.csv"):
        assert (line["rule"], line["severity"]) == (
            data_rules()[line["rule_id"]].rule,
            data_rules()[line["rule_id"]].severity,
        )
        assert line["next_step"] == next_steps()[line["rule_id"]]


def test_files_say_how_they_were_read_and_count_their_rows(batch: Any) -> None:
    found = {line["file"].rsplit("/", 1)[-1]: line for line in lines(batch, "files.csv")}
    people = found["people.csv"]
    assert [people[name] for name in ("format", "encoding", "delimiter")] == ["csv", "utf-8", "semicolon"]
    assert [people[name] for name in ("rows_in", "rows_used", "rows_held")] == ["3", "1", "2"]
    assert people["columns_not_read"] == "Nurse"
    assert found["codebook.csv"]["rows_in"] == "0"
    assert len(found) == len(FILES)


def test_columns_say_what_was_decided_and_for_which_counts(batch: Any) -> None:
    found = {(line["file"], line["column"]): line for line in lines(batch, "columns.csv")}
    stays = "s01/b1/stays_1.csv"
    assert found[stays, "in"]["applied"] == "mixed by vote"
    assert (
        "1 distinct values say that the day comes first, 1 that the month does, 1 say neither"
        in (found[stays, "in"]["evidence"])
    )
    assert found[stays, "out"]["applied"] == "dmy"
    assert found["s01/b1/people.csv", "sex"]["applied"] == "sex.en"
    assert found["s01/b1/people.csv", "id"]["applied"] == "id"


def test_a_column_without_a_cell_that_shows_it_says_what_is_declared(curate: Any) -> None:
    batch = curate(
        SITE.replace('sex = "subject.sex"', 'sex = { field = "subject.sex", codes = "sex.es" }'),
        {"people.csv": "id,sex,born\n1,,\n", "stays.csv": "id,in,out,type\n1,,,\n"},
    )
    applied = {line["column"]: line["applied"] for line in lines(batch, "columns.csv")}
    assert applied == {
        "id": "id",
        "sex": "sex.es",
        "born": "iso by vote",
        "in": "iso by vote",
        "out": "dmy",
        "type": "codes of the site file",
    }
    undecided = curate(SITE, {"people.csv": "id,sex\n1,\n"})
    assert [line["applied"] for line in lines(undecided, "columns.csv")][1] == "undecided"


def test_every_named_sheet_of_a_workbook_is_a_table(curate: Any, workbook: Any) -> None:
    content = workbook([["id"], ["1"], ["2"]], [["id", "sex"], ["1", "q"], ["3", "?!"]])
    batch = curate(SITE, {"book.xlsx": content})
    assert len(batch.table("subject")) == 3
    assert batch.private("rows") == ["s01/b1/book.xlsx!S2,3,S-UNMAPPED,sex"]
    assert [line["file"] for line in lines(batch, "files.csv")] == ["s01/b1/book.xlsx!S1", "s01/b1/book.xlsx!S2"]


def test_the_page_names_files_and_rows_needs_no_network_and_says_that_it_is_private(batch: Any) -> None:
    page = read(batch, "report.html")
    for text in ("s01/b1/people.csv", "Nurse", "S-UNMAPPED", "keep it as you keep the data", next_steps()["S-DATE"]):
        assert text in page
    assert "http" not in page
    assert "<script" not in page
    assert "semicolon" in page
    assert "not read" in page


def test_a_batch_without_a_fault_says_so(curate: Any) -> None:
    batch = curate(SITE, {"people.csv": "id,sex\n1,F\n"})
    assert "1 times, beyond single rows" in read(batch, "report.html"), "the patient has no images"
    assert "Nothing was wrong." in read(curate(SITE, {}), "report.html")
    assert "Nothing." in batch_summary(curate(SITE, {}))


def batch_summary(batch: Any) -> str:
    text: str = batch.context.work.read(batch.context.layout.run(batch.plan.run, "report/harmonization.md")).decode()
    return text


def test_the_summary_counts_rules_and_names_nothing_of_the_site(batch: Any) -> None:
    page = batch_summary(batch)
    assert "| S-UNMAPPED | rows are held | 1 |" in page
    assert "| rows in | 6 |" in page
    for name in ("people.csv", "stays_1", "Nurse", "ZZCANARY"):
        assert name not in page


def test_no_report_holds_a_cell(batch: Any) -> None:
    for stored in batch.context.work.list("private/"):
        if "/report/" in stored.key and not stored.key.endswith("orphans.csv"):
            assert "ZZCANARY" not in batch.context.work.read(stored.key).decode()


def test_names_of_a_site_run_nothing_in_a_browser_or_a_spreadsheet(curate: Any) -> None:
    site = '[[tables]]\npattern = "*.csv"\n[tables.columns]\nid = "patient_id"\n"=x" = "subject.sex"\n'
    batch = curate(site, {"<b>.csv": "id,=x,<script>\n1,F,\n2,ZZ,\n"})
    assert "<script>" not in read(batch, "report.html")
    assert "<b>.csv" not in read(batch, "report.html")
    assert [line["column"] for line in lines(batch, "problems.csv")] == ["'=x", "<script>"]
    assert csv_bytes(("a",), [("+1",), (1,)]) == b"a\n'+1\n1\n"


def test_rows_are_shown_as_ranges() -> None:
    assert row_ranges([2, 3, 4, 7, 9, 10]) == "2-4, 7, 9-10"
    many = list(range(0, 2 * MAX_RANGES + 10, 2))
    assert row_ranges(many).endswith(f"{many[MAX_RANGES - 1]} and 5 more")
    assert row_ranges([]) == ""


def test_what_stops_the_batch_comes_first_then_what_holds_most_rows() -> None:
    groups = grouped(
        [Problem("f", 0, "", "H-DELIMITER"), *(Problem("f", row, "", "S-DATE") for row in (4, 3)),
         Problem("f", 2, "", "S-UNMAPPED"), Problem("f", 0, "", "H-UNREADABLE")]
    )  # fmt: skip
    assert [(one.rule_id, one.where) for one in groups] == [
        ("H-UNREADABLE", "whole file"),
        ("S-DATE", "3-4"),
        ("S-UNMAPPED", "2"),
        ("H-DELIMITER", "whole file"),
    ]


def test_votes_count_distinct_texts_that_are_dates() -> None:
    assert date_vote(["13/01/2020", "13.01.2020 10:00", "01/13/2020", "01/02/2020", "2020-01-13", "x"]) == Vote(2, 1, 1)


def test_delimiters_have_names() -> None:
    assert [delimiter_name(one) for one in (",", ";", "\t", "|", "^", "")] == [
        "comma", "semicolon", "tab", "pipe", "^", "",
    ]  # fmt: skip
    assert markdown(("a",), [("x|y",)]) == "| a |\n| --- |\n| x/y |\n"
