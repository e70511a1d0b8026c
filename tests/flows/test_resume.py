"""A run that is killed in the middle and run again ends in the same bucket as one that was not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.demo_data import demo_batches, upload
from tasks.store.local import LocalStore
from tests.flows.command import curate

SITE, BATCH = "s02", "b2026-01"
SMALL_SHARDS = {"CURATE_SHARD__MAX_OBJECTS": "12", "CURATE_PROCESSES": "2"}


@pytest.fixture(scope="module")
def installation_on_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    for name in ("raw", "work", "release"):
        (folder / name).mkdir()
    upload([batch for batch in demo_batches() if batch.site == SITE], LocalStore(folder / "raw"))
    shutil.copytree("config/sites", folder / "sites")
    settings = [f'{name} = "file://{folder / name}"' for name in ("raw", "work", "release")]
    (folder / "curate.toml").write_text("\n".join([*settings, 'sites = "sites"', 'keys = "keys.toml"']) + "\n")
    curate("keys", "new", "keys.toml", folder=folder)
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    store = LocalStore(folder)
    return {found.key: store.read(found.key) for found in store.list()}


def test_killed_and_run_again_gives_the_same_bucket(installation_on_folders: Path) -> None:
    folder = installation_on_folders
    clean = curate("batch", SITE, BATCH, "--local", "--json", folder=folder, env=SMALL_SHARDS)
    assert clean.returncode == 0, clean.stderr
    expected = everything(folder / "work")
    shutil.move(folder / "work", folder / "clean")
    (folder / "work").mkdir()

    for receipts in (1, 3):  # killed after the first shard, then again after two more
        _kill_after(folder, receipts)
        assert not list((folder / "work").rglob("current.json"))
    again = curate("batch", SITE, BATCH, "--local", "--json", folder=folder, env=SMALL_SHARDS)
    assert again.returncode == 0, again.stderr
    assert everything(folder / "work") == expected

    third = curate("batch", SITE, BATCH, "--local", folder=folder, env=SMALL_SHARDS)
    assert "nothing changed" in third.stdout
    checked = curate("validate", SITE, BATCH, "--json", folder=folder, env=SMALL_SHARDS)
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["run"] == json.loads(again.stdout)["run"]
    assert everything(folder / "work") == expected
    (folder / "other").mkdir()
    early = curate("validate", SITE, BATCH, "--work", f"file://{folder / 'other'}", folder=folder, env=SMALL_SHARDS)
    assert early.returncode == 5
    assert "is not harmonized" in early.stderr


def _kill_after(folder: Path, receipts: int) -> None:
    """Start the batch and kill it, with its workers, when so many shards have their receipt."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "batch", SITE, BATCH, "--local"],
        cwd=folder,
        env=os.environ | SMALL_SHARDS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while len(list((folder / "work").rglob("receipt.json"))) < receipts and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
