"""The stages as every door calls them: what they open, and what they let out."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.keys import write_key_ring
from config.settings import Settings, load_settings
from tasks import running
from tasks.errors import CurationError, GateError
from tasks.running import end_workers, open_context, sealed, start_deidentify, workers


def a_stage(*, problem: Exception) -> None:
    raise problem


def test_a_foreign_error_leaves_without_its_text() -> None:
    with pytest.raises(CurationError) as problem:
        sealed(a_stage)(problem=ValueError("ZZCANARY^ANNA was born 19270102"))
    assert "ZZCANARY" not in f"{problem.value} {problem.value.next_step}"
    assert problem.value.__cause__ is None
    assert "a_stage failed with ValueError" in problem.value.message


@pytest.mark.parametrize("problem", [GateError("stopped", next_step="look"), ConfigError("wrong", next_step="mend")])
def test_our_own_errors_pass_as_they_are(problem: Exception) -> None:
    with pytest.raises(type(problem)) as met:
        sealed(a_stage)(problem=problem)
    assert met.value is problem


def test_errors_keep_their_next_step_between_processes() -> None:
    import pickle  # noqa: PLC0415 -- only here

    error = pickle.loads(pickle.dumps(GateError("stopped", next_step="look")))  # noqa: S301 -- our own bytes
    assert (type(error), str(error), error.next_step) == (GateError, "stopped", "look")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("raw", "work", "release", "sites"):
        (tmp_path / name).mkdir()
    (tmp_path / "sites/s01.toml").write_text("")
    write_key_ring(tmp_path / "keys.toml")
    stores = {name: f"file://{tmp_path / name}" for name in ("raw", "work", "release")}
    return load_settings(None, sites=str(tmp_path / "sites"), keys=str(tmp_path / "keys.toml"), **stores)


def test_a_context_has_all_that_a_stage_is_given(settings: Settings) -> None:
    context = open_context("s01", "b1", settings)
    assert (context.site.code, context.batch, context.layout.root) == ("s01", "b1", "batches/s01/b1/")
    assert context.pseudonymizer.issuer == "s01"
    assert len(context.fingerprint) == 64
    assert open_context("s01", "b1", settings) is context


def test_a_foreign_error_names_the_line_of_ours_that_met_it(settings: Settings) -> None:
    with pytest.raises(CurationError) as problem:
        running.intake("s01", None, settings)  # type: ignore[arg-type] -- a defect of a caller
    assert re.fullmatch(r"intake failed with \w+ at tasks/\w+/\w+\.py:\d+", problem.value.message)
    assert problem.value.next_step


def test_whatever_decides_a_result_changes_the_fingerprint(settings: Settings, tmp_path: Path) -> None:
    before = open_context("s01", "b1", settings).fingerprint
    other_limits = settings.model_copy(update={"object": settings.object.model_copy(update={"max_depth": 3})})
    (tmp_path / "sites/s02.toml").write_text("")
    assert open_context("s01", "b1", other_limits).fingerprint != before
    assert open_context("s02", "b1", settings).fingerprint != before
    assert open_context("s01", "b2", settings).fingerprint == before


def test_a_changed_table_of_a_site_redoes_its_tables_and_not_its_images(settings: Settings, tmp_path: Path) -> None:
    before = open_context("s01", "b1", settings)
    (tmp_path / "sites/s01.toml").write_text('country = "GB"\n')
    open_context.cache_clear()
    after = open_context("s01", "b1", settings)
    assert after.shard_fingerprint == before.shard_fingerprint
    assert after.fingerprint != before.fingerprint


def test_an_empty_release_is_refused(settings: Settings) -> None:
    with pytest.raises(CurationError):
        running.publish("2026.01", settings)
    with pytest.raises(CurationError):
        running.plan_publication("2026.01", settings)


def test_a_pool_that_lost_its_workers_is_replaced(settings: Settings) -> None:
    plan_of_nothing = running.ShardRef("s01", "b1", "0" * 32, 0, 0)
    one = settings.model_copy(update={"processes": 1})
    with pytest.raises(CurationError):
        start_deidentify(plan_of_nothing, one).result(120)
    pool = workers(1)
    for pid in list(pool._processes):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while not pool._broken and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(CurationError):
        start_deidentify(plan_of_nothing, one).result(120)
    assert workers(1) is not pool
    end_workers(one)
    assert workers.cache_info().currsize == 0


def test_workers_end_with_the_process_that_asked_for_them() -> None:
    code = (
        "import os, signal\n"
        "from tasks.running import workers\n"
        "if __name__ == '__main__':\n"
        "    print(workers(1).submit(os.getpid).result(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    worker = int(answer.stdout)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()
