"""A release of some batches: named at the command line, recorded in the commit, and shown before it is made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tasks.release.reading import committed, open_tables
from tasks.store.local import LocalStore
from tests.release.batches import first_batch, local_settings, second_batch

runner = CliRunner()
ONE, OTHER = "site-a/batch-1", "site-b/batch-1"
Say = Callable[..., Any]


@pytest.fixture
def say(empty_folder: Path) -> Say:
    """The command over two accepted batches in local stores, all of it to be open."""
    work = local_settings(empty_folder)
    for batch in (first_batch(), second_batch()):
        batch.write(work)

    def command(*words: str) -> Any:
        return runner.invoke(app, ["release", "--local", *words])

    return command


def test_only_the_named_batches_are_released_and_recorded(say: Say) -> None:
    assert say("2026.11", "--batch", ONE).exit_code == 0
    assert dict(committed(LocalStore(Path("release")), None).batches) == {ONE: "run1"}
    assert say("2026.12", "--batch", ONE, "--batch", OTHER).exit_code == 0
    assert dict(committed(LocalStore(Path("release")), None).batches) == {ONE: "run1", OTHER: "run1"}


def test_subjects_of_a_batch_that_is_not_named_leave_and_the_plan_says_so(say: Say) -> None:
    assert say("2026.11").exit_code == 0
    plan = json.loads(say("2026.12", "--batch", OTHER, "--dry-run", "--json").stdout)
    assert (plan["counts"]["n_subjects"], plan["changes"]["subject"]) == (1, {"withdrawn": 2})
    assert say("2026.12", "--batch", OTHER).exit_code == 0
    log = open_tables(LocalStore(Path("release")), None, ["change_log"])["change_log"].to_pylist()
    assert {row["reason"] for row in log if row["change"] == "withdrawn"} == {"no longer in an accepted batch"}


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_batch_that_is_not_accepted_stops_it_before_anything_is_written(say: Say, words: tuple[str, ...]) -> None:
    answer = say("2026.11", "--batch", ONE, "--batch", "site-a/batch-9", *words)
    assert answer.exit_code != 0
    assert "no accepted run of site-a/batch-9" in " ".join(str(answer.exception or answer.output).split())
    assert not list(LocalStore(Path("release")).list())
