"""What a reader of releases types, on a release that lies in a local folder."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tasks.release.build import build_release
from tasks.release.withdraw import withdraw
from tasks.release.withdrawn import Withdrawal
from tasks.store.local import LocalStore
from tests.release.batches import Batch, Installation, first_batch, second_batch, some_images

runner = CliRunner()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a folder with two releases."""
    folder = tmp_path_factory.mktemp("release")
    made = Installation(release=LocalStore(folder))
    first_batch().write(made.work)
    build_release("2026.10", context=made.context)
    second_batch().write(made.work)
    Batch("site-c/batch-1", some_images("SUBJECTD", study="5", instances=1)).write(made.work)
    build_release("2026.11", context=made.context)
    return f"file://{folder}"


def run(*words: str) -> tuple[int, str]:
    answer = runner.invoke(app, list(words))
    return answer.exit_code, answer.stdout


def test_download_brings_what_the_filters_say_and_goes_on_where_it_stopped(address: str, tmp_path: Path) -> None:
    words = ["download", "sex=Male", "--to", str(tmp_path), "--release", address, "--json"]
    assert json.loads(run(*words)[1])["fetched"] == 3
    next(tmp_path.glob("data/*/*.dcm")).unlink()
    report = json.loads(run(*words)[1])
    assert (report["objects"], report["fetched"], report["kept"]) == (3, 1, 2)
    assert run(*words[:-1])[0] == 0


def test_an_empty_selection_says_so(address: str, tmp_path: Path) -> None:
    code, said = run("download", "modality=MR", "--to", str(tmp_path), "--release", address)
    assert (code, "no instance of release 2026.11 fits" in said) == (0, True)
    assert "only its tables were downloaded" in said
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".parquet"}


def test_a_misspelt_filter_fails(address: str, tmp_path: Path) -> None:
    assert run("download", "modalty=CT", "--to", str(tmp_path), "--release", address)[0] != 0
    assert not (tmp_path / "data").exists()


def test_two_releases_are_compared(address: str, tmp_path: Path) -> None:
    file = tmp_path / "changes.tsv"
    code, said = run("diff-releases", "2026.10", "2026.11", "--release", address, "--json", "--tsv", str(file))
    assert (code, json.loads(said)["subject"], json.loads(said)["instance"]) == (0, {"added": 2}, {"added": 4})
    assert len(file.read_text().splitlines()) == 1 + sum(json.loads(said)[name]["added"] for name in json.loads(said))
    assert run("diff-releases", "2026.10", "2026.11", "--release", address)[0] == 0


def test_a_sound_release_is_said_to_be_whole(address: str, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    code, said = run("verify-release", address, "--all", "--resume", str(state))
    assert (code, "is whole" in said) == (0, True)


def test_of_a_sample_it_is_not_said_that_all_was_read(address: str) -> None:
    code, said = run("verify-release", address, "--sample", "3")
    assert (code, "is whole" in said, "3 objects" in said) == (0, False, True)


def test_a_difference_is_an_exit_code(address: str) -> None:
    folder = Path(address.removeprefix("file://"))
    damaged = next(iter(sorted(folder.glob("data/*/*.dcm"))))
    content = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(content[:-1] + b"?")
    code, said = run("verify-release", address, "--version", "2026.11", "--json")
    damaged.write_bytes(content)
    assert (code, [one["check"] for one in json.loads(said)["problems"]]) == (1, ["digest"])


def test_all_and_a_sample_exclude_each_other(address: str) -> None:
    assert run("verify-release", address, "--all", "--sample", "3")[0] != 0


def test_a_download_tells_of_what_was_withdrawn_since(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    made = Installation(release=LocalStore(tmp_path / "release"))
    first_batch().write(made.work)
    build_release("2026.10", context=made.context)
    withdraw([Withdrawal("subject", "SUBJECTB", "consent withdrawn")], "2026.11", context=made.context)
    words = ["--version", "2026.10", "--to", str(tmp_path / "to"), "--release", f"file://{tmp_path}/release"]
    line = "2 of the chosen objects were withdrawn since 2026.10: they were left out"
    for filters in ((), ("subject_id=SUBJECTB",)):
        answer = runner.invoke(app, ["download", *filters, *words])
        assert (answer.exit_code, line in " ".join(answer.stderr.split())) == (0, True)
        assert "fits the filters" not in answer.stdout
    assert len(list((tmp_path / "to").glob("data/*/*.dcm"))) == 5
