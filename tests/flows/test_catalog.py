"""The policies of the Prefect tasks, and a flow run that is seen by a real server."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from threading import Thread

import pytest
from prefect import flow
from prefect.states import Failed
from prefect.testing.utilities import prefect_test_harness

from config.errors import ConfigError
from config.settings import Settings
from flows import serving
from flows.limits import alone
from flows.prefect_server import DEPLOYMENTS
from tasks import catalog, running
from tasks.errors import CurationError, GateError, ShardTimeoutError, StoreError
from tasks.model import BatchPlan, ShardRef, StageReport

SHARD = ShardRef("s01", "b1", "ab" * 16, 1, 1)
PLAN = BatchPlan("s01", "b1", "run", (SHARD,), 1, 0, 1)


@pytest.mark.parametrize(
    ("problem", "again"),
    [
        (StoreError("gone"), True),
        (ShardTimeoutError("slow"), True),
        (BrokenProcessPool("killed"), True),
        (GateError("no"), False),
        (ConfigError("no"), False),
        (CurationError("a defect"), False),
    ],
)
def test_only_what_may_pass_by_itself_is_tried_again(problem: Exception, *, again: bool) -> None:
    assert catalog._is_worth_a_retry(None, None, Failed(data=problem)) is again


def test_every_task_has_a_tag_a_policy_for_failures_and_a_small_result() -> None:
    tasks = [catalog.intake, catalog.deidentify, catalog.settle, catalog.harmonize, catalog.validate, catalog.accept]
    for task in [*tasks, catalog.stage, catalog.publish]:
        assert task.tags
        assert task.retries == 3
        assert task.result_serializer == "json"
        assert not task.log_prints


def test_a_shard_that_takes_too_long_loses_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[Settings] = []
    monkeypatch.setattr(catalog, "SHARD_SECONDS", 0.01)
    monkeypatch.setattr(running, "start_deidentify", lambda _shard, _settings: Future())
    monkeypatch.setattr(running, "end_workers", ended.append)
    with pytest.raises(ShardTimeoutError, match="too long"):
        catalog._deidentify(SHARD, Settings(processes=1))
    assert len(ended) == 1


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.mark.services
@pytest.mark.usefixtures("server")
def test_a_retried_run_looks_finished_shards_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two calls for one shard within a flow run do the work once; the result is small and typed."""
    calls: list[str] = []

    def done(shard: ShardRef, _settings: Settings) -> Future[StageReport]:
        calls.append(shard.key)
        future: Future[StageReport] = Future()
        future.set_result(StageReport("deidentify", shard.key, {"held": 2}, {"DE-PARSE": 2}))
        return future

    monkeypatch.setattr(running, "start_deidentify", done)

    @flow(name="twice", persist_result=False)
    def twice() -> list[StageReport]:
        settings = Settings(processes=1, work=f"file://{tmp_path}")
        return [catalog.deidentify(SHARD, settings), catalog.deidentify(SHARD, settings)]

    with caplog.at_level(logging.INFO, logger="tasks"):
        reports = twice()
    assert reports[0] == reports[1] == StageReport("deidentify", SHARD.key, {"held": 2}, {"DE-PARSE": 2})
    assert calls == [SHARD.key]


@pytest.mark.services
@pytest.mark.usefixtures("server")
def test_two_runs_never_work_on_one_batch() -> None:
    inside: list[str] = []

    def work(name: str) -> None:
        with alone("curate-batch:s01:b1"):
            inside.append(f"{name} in")
            time.sleep(0.5)
            inside.append(f"{name} out")

    threads = [Thread(target=work, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(inside) == ["first in", "first out", "second in", "second out"]
    assert [words.split()[0] for words in inside][0::2] == [words.split()[0] for words in inside][1::2]


def test_what_is_waited_for_is_what_is_served() -> None:
    assert [one.name for one in serving.deployments()] == list(DEPLOYMENTS)
