"""Withdrawing by the command line: by ids as released, or by a site's own ids, which are never shown or kept."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import ParameterTypeError
from prefect.testing.utilities import prefect_test_harness
from typer.testing import CliRunner

from expectations.schemas.pipeline import CROSSWALK
from expectations.schemas.table import table_of
from flows.cli import app
from tasks.layout import BatchLayout
from tasks.release.reading import open_tables
from tasks.store.local import LocalStore
from tasks.store.parquet import write_table
from tests.release.batches import Batch, local_settings, some_images

runner = CliRunner()
ONE, OTHER = "A" * 20, "B" * 20
CONSENT = ("--reason", "consent withdrawn")
Say = Callable[..., Any]


@pytest.fixture
def say(empty_folder: Path) -> Say:
    """The command over an accepted batch of two subjects in local stores, all of it to be open."""
    work = local_settings(empty_folder)
    Batch("s01/b1", [*some_images(ONE, study="1"), *some_images(OTHER, study="2")]).write(work)
    pairs = [("patient", "ZZCANARY7", ONE), ("patient", "ZZCANARY8", OTHER), ("study", "1.2.3", "2.25.1")]
    rows = [dict(zip(CROSSWALK.schema.names, pair, strict=True)) for pair in pairs]
    work.create(
        BatchLayout("s01", "b1").private_run("run1", "crosswalk.parquet"), write_table(table_of(CROSSWALK, rows))
    )
    assert runner.invoke(app, ["release", "2026.11", "--local"]).exit_code == 0

    def command(*words: str) -> Any:
        return runner.invoke(app, ["withdraw", "--local", "--version", "2026.12", *CONSENT, *words])

    return command


def subjects() -> list[str]:
    rows: list[str] = open_tables(LocalStore(Path("release")))["subject"]["subject_id"].to_pylist()
    return rows


def test_a_subject_goes_by_its_id(say: Say) -> None:
    answer = say(ONE, "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["objects_removed"]) == (0, 2)
    assert subjects() == [OTHER]


def test_a_study_goes_by_its_uid(say: Say) -> None:
    assert say("2.25.2", "--kind", "study").exit_code == 0
    assert subjects() == [ONE]


def test_a_subject_goes_by_the_site_and_its_own_id_which_is_not_shown(say: Say) -> None:
    Path("who.txt").write_text("\nZZCANARY8 \n")
    answer = say("--site", "s01", "--patients", "who.txt")
    assert answer.exit_code == 0
    assert subjects() == [ONE]
    assert "ZZCANARY" not in answer.output


def test_a_patient_whom_a_later_run_left_out_goes_by_the_crosswalk_of_an_earlier_one(say: Say) -> None:
    work = LocalStore(Path("work"))
    Batch("s01/b1", some_images(OTHER, study="2"), run="run2").write(work)
    empty = write_table(table_of(CROSSWALK, []))
    work.create(BatchLayout("s01", "b1").private_run("run2", "crosswalk.parquet"), empty)
    Path("who.txt").write_text("\ufeffZZCANARY7\r\n", encoding="utf-8", newline="")
    answer = say("--site", "s01", "--patients", "who.txt", "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["objects_removed"]) == (0, 2)
    assert subjects() == [OTHER]


def test_a_dry_run_shows_what_would_go_and_keeps_it(say: Say) -> None:
    answer = say(ONE, "--dry-run", "--json")
    assert json.loads(answer.stdout)["objects_to_remove"] == 2
    assert subjects() == [ONE, OTHER]


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        ((), "", "nobody is named"),
        (("ZZCANARY7",), "", "neither a subject id nor a new UID"),
        ((ONE, "--reason", "because"), "", "no reason of a withdrawal"),
        (("--patients", "who.txt"), "ZZCANARY7", "--site and --patients go together"),
        ((ONE, "--site", "s01", "--patients", "who.txt"), "ZZCANARY7", "both given"),
        (("--kind", "study", "--site", "s01", "--patients", "who.txt"), "ZZCANARY7", "names subjects"),
        (("--site", "s01", "--patients", "who.txt"), " \n", "holds no patient id"),
        (("--site", "s01", "--patients", "none.txt"), "", "cannot be read"),
        (
            ("--site", "s01", "--patients", "who.txt"),
            "ZZCANARY7\nZZCANARY9",
            "1 of 2 patients are in no accepted batch",
        ),
        (("--site", "s02", "--patients", "who.txt"), "ZZCANARY7", "1 of 1 patients are in no accepted batch of s02"),
        (("C" * 20,), "", "1 of the ids are of no subject"),
    ],
)
def test_what_is_not_clear_withdraws_nothing(say: Say, words: tuple[str, ...], text: str, said: str) -> None:
    Path("who.txt").write_text(text)
    answer = say(*words)
    assert answer.exit_code != 0
    assert said in str(answer.exception)
    assert "ZZCANARY" not in f"{answer.exception} {answer.output}"
    assert subjects() == [ONE, OTHER]


@pytest.fixture
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.mark.services
@pytest.mark.usefixtures("say", "server")
def test_the_flow_withdraws_and_takes_no_record_number() -> None:
    from flows.withdraw import withdraw  # noqa: PLC0415 -- Prefect reads its settings when it is imported

    with pytest.raises(ParameterTypeError, match="pattern"):
        withdraw(["1234567"], "consent withdrawn", version="2026.12")
    assert subjects() == [ONE, OTHER]
    report = withdraw([ONE], "consent withdrawn", version="2026.12")
    assert (report.objects_removed, report.counts["n_subjects"]) == (2, 1)
    assert (Path("work") / report.report).is_file()
    assert subjects() == [OTHER]


def test_sweeping_tells_of_every_configured_store_and_removes_nothing_young(say: Say) -> None:
    assert say is not None
    LocalStore(Path("work")).create(f"objects/ab/{'ab' * 32}.dcm", b"left by a worker")
    LocalStore(Path("work")).create("staged/2026.12/0123456789abcdef/open/README.md", b"left by a builder")
    Path("release/.curate-partial/0123abcd").write_bytes(b"left by an upload")
    for words in ((), ("--delete",)):
        answer = runner.invoke(app, ["sweep", "--json", *words])
        found = {(one["store"], one["what"]): one for one in json.loads(answer.stdout)["stores"]}
        assert {key: one["unreferenced"] for key, one in found.items()} == {
            ("work", "objects"): 1, ("work", "staged releases"): 1, ("release", "objects and files"): 0,
            ("work", "unfinished uploads"): 0, ("release", "unfinished uploads"): 1,
        }  # fmt: skip
        assert {one["old"] for one in found.values()} == {one["removed"] for one in found.values()} == {0}
    assert runner.invoke(app, ["sweep"]).exit_code == 0
