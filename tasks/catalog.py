"""Every Prefect task with its policy, on one screen; the only module of tasks that knows Prefect.

The truth of a run is in the work store: receipts and ledgers. A retried flow run looks finished tasks up by its own
id; every other run finds the receipts.
"""

import logging
from collections.abc import Mapping
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from prefect import Task
from prefect.context import TaskRunContext

from config.settings import Settings
from tasks import running
from tasks.errors import ShardTimeoutError, StoreError
from tasks.model import ShardRef, StageReport

MINUTE = 60
SHARD_SECONDS = 120 * MINUTE
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
    "retry_condition_fn": _is_worth_a_retry,
    "retry_jitter_factor": 0.3,
    "cache_key_fn": _within_this_run,
    "result_serializer": "json",
    "persist_result": True,
    "log_prints": False,
}
_STORE_RETRIES: dict[str, Any] = {"retries": 3, "retry_delay_seconds": [5, 30, 120]}

intake = Task(
    running.intake,
    name="intake",
    task_run_name="intake",
    tags=["intake"],
    timeout_seconds=30 * MINUTE,
    **_STORE_RETRIES,
    **(_POLICY | {"persist_result": False, "cache_key_fn": None}),
)
deidentify = Task(
    _deidentify,
    name="deidentify",
    tags=["deidentify"],
    task_run_name="deidentify-{shard.key:.8}",
    **_STORE_RETRIES,
    **_POLICY,
)
settle = Task(
    running.settle,
    name="settle",
    task_run_name="settle",
    tags=["deidentify"],
    timeout_seconds=30 * MINUTE,
    **_STORE_RETRIES,
    **_POLICY,
)
harmonize = Task(
    running.harmonize,
    name="harmonize",
    task_run_name="harmonize",
    tags=["harmonize"],
    timeout_seconds=60 * MINUTE,
    **_STORE_RETRIES,
    **_POLICY,
)
validate = Task(
    running.validate,
    name="validate",
    task_run_name="validate",
    tags=["validate"],
    timeout_seconds=60 * MINUTE,
    **_STORE_RETRIES,
    **_POLICY,
)
accept = Task(
    running.accept,
    name="accept",
    task_run_name="accept",
    tags=["validate"],
    timeout_seconds=10 * MINUTE,
    **_STORE_RETRIES,
    **_POLICY,
)
publish = Task(
    running.publish,
    name="publish",
    task_run_name="publish",
    tags=["release"],
    timeout_seconds=600 * MINUTE,
    **_STORE_RETRIES,
    **(_POLICY | {"persist_result": False, "cache_key_fn": None}),
)
