"""The crosswalk command writes two files for their owner alone, and nowhere near the data."""

import csv
import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.keys import parse_key_ring, write_key_ring
from flows.cli import app
from flows.crosswalk import require_outside
from tasks.errors import StoreError
from tasks.store.local import LocalStore
from tasks.store.memory import MemoryStore
from tests.deidentify.batches import a_batch, settled
from tests.deidentify.objects import a_ct, bytes_of

runner = CliRunner()
Say = Callable[..., tuple[int, str]]


@pytest.fixture
def say(empty_folder: Path) -> Say:
    """The command over a settled and accepted batch in local stores."""
    for name in ("raw", "work", "release", "sites"):
        (empty_folder / name).mkdir()
    (empty_folder / "sites/s01.toml").write_text("")
    write_key_ring(empty_folder / "keys.toml")
    write_key_ring(empty_folder / "other.toml")
    ring = parse_key_ring((empty_folder / "keys.toml").read_text(), name="keys")
    context = replace(a_batch({"1.dcm": bytes_of(a_ct())}), ring=ring, work=LocalStore(empty_folder / "work"))
    plan, _ = settled(context)
    context.work.create(context.layout.current, json.dumps({"run": plan.run}).encode())

    def command(uids: str, patients: str, keys: str = "keys.toml") -> tuple[int, str]:
        stores = [word for name in ("raw", "work", "release") for word in (f"--{name}", str(empty_folder / name))]
        words = ["crosswalk", "s01", "b1", "--uids", uids, "--patients", patients, "--keys", keys, "--sites", "sites"]
        answer = runner.invoke(app, [*words, *stores])
        return answer.exit_code, str(answer.exception)

    return command


def pairs(path: str) -> list[list[str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_two_files_hold_old_and_new_for_their_owner_alone(say: Say) -> None:
    Path("p.csv").write_text("open to all")
    Path("p.csv").chmod(0o644)
    assert say("u.csv", "p.csv")[0] == 0
    assert pairs("u.csv")[0] == pairs("p.csv")[0] == ["id_old", "id_new"]
    assert [old for old, _ in pairs("p.csv")[1:]] == ["ZZCANARY7"]
    assert len(pairs("u.csv")) == 5
    assert all(new.startswith("2.25.") for _, new in pairs("u.csv")[1:])
    assert {stat.S_IMODE(Path(name).stat().st_mode) for name in ("u.csv", "p.csv")} == {0o600}


@pytest.mark.parametrize("store", ["raw", "work", "release"])
def test_a_file_inside_a_store_is_refused(say: Say, store: str) -> None:
    code, text = say(f"{store}/u.csv", "p.csv")
    assert (code, f"would lie in the {store} store" in text) == (1, True)
    assert not Path(store, "u.csv").exists()
    assert not Path("p.csv").exists()


def test_a_link_into_a_store_is_refused(say: Say) -> None:
    Path("link").symlink_to("work")
    assert "work store" in say("u.csv", "link/p.csv")[1]


def test_one_file_for_both_is_refused(say: Say) -> None:
    assert "same file" in say("u.csv", "./u.csv")[1]


def test_a_folder_that_is_not_there_is_an_error_with_a_next_step(say: Say) -> None:
    assert "no folder" in say("nowhere/u.csv", "p.csv")[1]


def test_another_key_ring_opens_nothing(say: Say) -> None:
    assert "not the one" in say("u.csv", "p.csv", keys="other.toml")[1]
    assert not Path("u.csv").exists()


def test_a_batch_without_an_accepted_run_is_an_error(say: Say) -> None:
    Path("work/batches/s01/b1/current.json").unlink()
    assert "no run" in say("u.csv", "p.csv")[1]


def test_a_store_that_is_no_folder_holds_no_path(tmp_path: Path) -> None:
    assert require_outside(tmp_path / "u.csv", {"work": MemoryStore("work")}) == (tmp_path / "u.csv").resolve()
    with pytest.raises(StoreError, match="no folder"):
        require_outside(tmp_path, {})
