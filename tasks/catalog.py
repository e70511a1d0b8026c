"""Every Prefect task with its policy, on one screen; the only module of tasks that knows Prefect.

The truth of a run is in the work store: receipts and ledgers. A retried flow run looks finished tasks up by its own
id; every other run finds the receipts.
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.context import TaskRunContext

from config.settings import Settings
from tasks import running
from tasks.errors import ShardTimeoutError, StoreError
from tasks.model import ShardRef, StageReport

MINUTE = 60
SHARD_SECONDS = 120 * MINUTE
P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)
_PASSING = (StoreError, BrokenProcessPool, ShardTimeoutError)


def _is_worth_a_retry(_task: Any, _run: Any, state: Any) -> bool:  # noqa: ANN401 -- Prefect's own types are generic
    """Tell whether a failure may pass by itself: a store that did not answer, a worker that died."""
    return isinstance(state.result(raise_on_failure=False), _PASSING)


def _within_this_run(context: TaskRunContext, parameters: Mapping[str, Any]) -> str:
    """Give the cache key of a task: this flow run and the digest that names the work."""
    work = parameters.get("shard") or parameters.get("plan")
    name = getattr(work, "key", None) or getattr(work, "run", None) or "batch"
    return f"{context.task_run.flow_run_id}-{context.task.name}-{name}"


def _deidentify(shard: ShardRef, settings: Settings) -> StageReport:
    """De-identify one shard in a worker process and wait for it; a thread cannot be timed out, a process can be ended.

    Raises
    ------
    ShardTimeoutError
        If it took longer than `SHARD_SECONDS`; its worker is ended.
    """
    try:
        report = running.start_deidentify(shard, settings).result(SHARD_SECONDS)
    except TimeoutError:
        running.end_workers(settings)
        raise ShardTimeoutError(f"shard {shard.key} took too long", next_step="find the object that hangs") from None
    log.info("deidentified %s: %s", shard.key, dict(report.counts))
    return report


_POLICY: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": [5, 30, 120],
    "retry_condition_fn": _is_worth_a_retry,
    "retry_jitter_factor": 0.3,
    "result_serializer": "json",
    "log_prints": False,
}
_KEPT: dict[str, Any] = {"cache_key_fn": _within_this_run, "persist_result": True}
_DONE_ANEW: dict[str, Any] = {"cache_key_fn": None, "persist_result": False}


def _task(
    work: Callable[P, R], tag: str, *, minutes: int | None, run_name: str | None = None, kept: bool = True
) -> Task[P, R]:
    """Bind a stage, under its own name; `kept` tells whether a retried run takes the result of its first try."""
    name = work.__name__.removeprefix("_")
    return Task(
        work,
        name=name,
        task_run_name=run_name or name,
        tags=[tag],
        timeout_seconds=minutes * MINUTE if minutes else None,
        **_POLICY,
        **(_KEPT if kept else _DONE_ANEW),
    )


intake = _task(running.intake, "intake", minutes=30, kept=False)
deidentify = _task(_deidentify, "deidentify", minutes=None, run_name="deidentify-{shard.key:.8}")
settle = _task(running.settle, "deidentify", minutes=30)
harmonize = _task(running.harmonize, "harmonize", minutes=60)
validate = _task(running.validate, "validate", minutes=60)
accept = _task(running.accept, "validate", minutes=10)
stage = _task(running.stage_publication, "release", minutes=600, kept=False)
publish = _task(running.publish, "release", minutes=600, kept=False)
withdraw = _task(running.withdraw, "release", minutes=600, kept=False)
