"""Drafting a site file and handing out a report, as a user would."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.site import load_site
from flows.cli import app
from flows.demo_tables import CANARY
from tasks.layout import BatchLayout, raw_prefix
from tasks.store.local import LocalStore

runner = CliRunner()
PEOPLE = "MRN,Sex,Nurse\n" + "".join(f"{CANARY}-{number},{'FM'[number % 2]},{CANARY}\n" for number in range(8))
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(empty_folder: Path) -> Say:
    """A command over a raw store with one table, and a work store with one report."""
    raw, work = LocalStore(empty_folder / "raw"), LocalStore(empty_folder / "work")
    (empty_folder / "raw").mkdir()
    (empty_folder / "work").mkdir()
    for name, content in {
        "a/people.csv": PEOPLE,
        "a/x.dcm": "",
        "manifest.csv": "file_name\n",
        "_COMPLETE": "",
    }.items():
        raw.create(raw_prefix("s09", "b1") + name, content.encode())
    layout = BatchLayout("s09", "b1")
    for run in ("r1", "r2"):
        work.create(layout.private_run(run, "report/rows.csv"), run.encode())
    work.swap(layout.current, json.dumps({"run": "r2"}).encode(), expected=None)

    def command(*words: str) -> tuple[int, str, str]:
        raw, work = (str(empty_folder / name) for name in ("raw", "work"))
        store = ("--work", work) if words[0] == "report" else ("--raw", raw, "--sites", "sites")
        answer = runner.invoke(app, [*words, *store])
        return answer.exit_code, answer.stdout, str(answer.exception)

    return command


def test_a_draft_is_written_shown_and_loads(say: Say) -> None:
    code, text, _ = say("profile-site", "s09", "b1")
    assert code == 0
    assert load_site(Path("sites"), "s09").tables[0].columns["Sex"].field == "subject.sex"
    for shown in ("subject.sex", "2 of 3 columns are read", "A person must decide", "curate batch s09 b1"):
        assert shown in text
    assert CANARY not in text + Path("sites/s09.toml").read_text()


def test_programs_get_the_same(say: Say) -> None:
    answer = json.loads(say("profile-site", "s09", "b1", "--out", "x.toml", "--json")[1])
    assert (answer["file"], [row["field"] for row in answer["columns"]]) == (
        "x.toml",
        ["patient_id", "subject.sex", ""],
    )
    assert answer["decisions"]


def test_a_code_book_from_elsewhere_is_used(say: Say) -> None:
    Path("book.csv").write_text("variable,label\nNurse,Country of residence\n")
    say("profile-site", "s09", "b1", "--codebook", "book.csv")
    assert "subject.country" not in Path("sites/s09.toml").read_text(), "the cells say otherwise"
    assert "cannot be read" in say("profile-site", "s09", "b1", "--out", "y.toml", "--codebook", "none.csv")[2]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("s09", "b1", "--out", "there.toml"), "is not replaced"),
        (("s09", "b1", "--out", "file/x.toml"), "cannot be written"),
        (("s09", "b2"), "no clinical tables"),
        (("s09", "../b"), "no batch can have this name"),
        (("../s", "b1"), "is no code of a site"),
    ],
)
def test_what_cannot_be_done_is_said(say: Say, words: tuple[str, ...], problem: str) -> None:
    Path("there.toml").write_text("")
    Path("file").write_text("")
    code, _, said = say("profile-site", *words)
    assert (code, problem in said) == (1, True), said
    assert Path("there.toml").read_text() == ""


def test_a_report_is_copied_for_its_owner_alone(say: Say) -> None:
    code, text, _ = say("report", "s09", "b1", "--to", "out")
    assert (code, "rows.csv" in text) == (0, True)
    assert Path("out/rows.csv").read_text() == "r2"
    assert stat.S_IMODE(Path("out/rows.csv").stat().st_mode) == 0o600
    assert json.loads(say("report", "s09", "b1", "--to", "out", "--run", "r1", "--json")[1]) == {
        "files": ["out/rows.csv"]
    }
    assert Path("out/rows.csv").read_text() == "r1"


def test_a_run_without_a_report_is_said_to_have_none(say: Say) -> None:
    assert "has no report" in say("report", "s09", "b1", "--to", "out", "--run", "none")[2]
