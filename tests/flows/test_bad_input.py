"""Every wrong start ends in one line with the next step and its exit code, and writes nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.command import curate


def _installation(folder: Path) -> None:
    """Make a sound installation on folders: every case below breaks one thing of it."""
    for name in ("raw/s01/b1", "work", "release", "sequestered", "sites"):
        (folder / name).mkdir(parents=True)
    (folder / "raw/s01/b1/a.dcm").write_bytes(b"x")
    (folder / "raw/s01/b1/_COMPLETE").write_bytes(b"")
    (folder / "sites/s01.toml").write_text("")
    settings = [f'{name} = "file://{folder / name}"' for name in ("raw", "work", "release", "sequestered")]
    (folder / "curate.toml").write_text("\n".join([*settings, 'sites = "sites"', 'keys = "keys.toml"']) + "\n")
    assert curate("keys", "new", "keys.toml", folder=folder).returncode == 0


def _no_raw_folder(folder: Path) -> None:
    for path in sorted((folder / "raw").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / "raw").rmdir()


def _no_key_ring(folder: Path) -> None:
    (folder / "keys.toml").unlink()


def _unknown_site(folder: Path) -> None:
    (folder / "sites/s01.toml").unlink()


def _malformed_site(folder: Path) -> None:
    (folder / "sites/s01.toml").write_text('country = "Narnia"\nspeed = 3\n')


def _empty_batch(folder: Path) -> None:
    for path in (folder / "raw/s01/b1").iterdir():
        path.unlink()


def _half_uploaded(folder: Path) -> None:
    (folder / "raw/s01/b1/_COMPLETE").unlink()


def _declared_but_missing(folder: Path) -> None:
    (folder / "raw/s01/b1/declaration.json").write_text('{"files": [{"name": "b.dcm", "size_bytes": 3}]}')


def _silent_server(folder: Path) -> None:
    with (folder / "curate.toml").open("a") as file:
        file.write('prefect_api_url = "http://127.0.0.1:9/api"\n')


def _unreachable_store(folder: Path) -> None:
    text = (folder / "curate.toml").read_text().replace(f"file://{folder}/raw", "s3://raw")
    (folder / "curate.toml").write_text(text + '[s3]\nendpoint_url = "http://127.0.0.1:9"\n')


CASES: list[tuple[Callable[[Path], None], int, str]] = [
    (_no_raw_folder, 4, "raw"),
    (_no_key_ring, 3, "curate keys new"),
    (_unknown_site, 3, "unknown site"),
    (_malformed_site, 3, "country"),
    (_empty_batch, 5, "empty"),
    (_half_uploaded, 5, "_COMPLETE"),
    (_declared_but_missing, 5, "declar"),
    (_silent_server, 4, "curate up"),
    (_unreachable_store, 4, "reach"),
]


@pytest.mark.parametrize(("spoil", "code", "word"), CASES, ids=[case[0].__name__.strip("_") for case in CASES])
def test_a_wrong_start_is_one_line_and_writes_nothing(
    tmp_path: Path, spoil: Callable[[Path], None], code: int, word: str
) -> None:
    _installation(tmp_path)
    spoil(tmp_path)
    env = {"AWS_ACCESS_KEY_ID": "AKIANOBODY", "AWS_SECRET_ACCESS_KEY": "nothing"}
    answer = curate("batch", "s01", "b1", "--json", folder=tmp_path, env=env)
    assert answer.returncode == code, answer.stderr
    lines = [line for line in answer.stderr.splitlines() if line.startswith("curate:")]
    assert len(lines) == 1, answer.stderr
    assert word in lines[0]
    assert "Traceback" not in answer.stderr
    said = json.loads(answer.stdout)
    assert (said["exit_code"], bool(said["next_step"])) == (code, True)
    assert [path for name in ("work", "release") for path in (tmp_path / name).rglob("*") if path.is_file()] == []


def test_wrong_words_end_with_two_and_show_the_usage(tmp_path: Path) -> None:
    answer = curate("batch", "s01", folder=tmp_path)
    assert answer.returncode == 2
    assert "Usage" in answer.stderr


def test_a_store_that_nobody_named_is_asked_for(tmp_path: Path) -> None:
    answer = curate("release", "--local", "1.0", folder=tmp_path)
    assert answer.returncode == 3
    assert "--work" in answer.stderr


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    answer = curate("deid-report", "--file", "nowhere/report.md", folder=tmp_path)
    assert answer.returncode == 1
    assert answer.stderr.startswith("curate: a folder or file cannot be used: No such file or directory; check")
    assert len(answer.stderr.splitlines()) == 1
