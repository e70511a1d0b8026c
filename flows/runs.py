"""Runs of the deployments, started and looked at from outside."""

from prefect import State
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment


def start_batch(site: str, batch: str, *, token: str | None = None) -> None:
    """Start a run of `curate-batch`; a token that was used before starts nothing."""
    run_deployment(
        "curate-batch/curate-batch",
        parameters={"site": site, "batch": batch},
        idempotency_key=token,
        timeout=0,
        as_subflow=False,
    )


def start_release(version: str) -> None:
    """Start a run of `build-release`."""
    run_deployment("build-release/build-release", parameters={"version": version}, timeout=0, as_subflow=False)


def states_of(names: list[str]) -> dict[str, State]:
    """Give the state of the newest flow run of each name that has one."""
    wanted = FlowRunFilter(name=FlowRunFilterName(any_=names))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_ASC)
    return {run.name: run.state for run in runs if run.state is not None}
