"""The deployments: what can be started from the UI, by schedule and by arrivals; run as a module, it serves them."""

from typing import Any, cast

from prefect import Flow, serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from flows.curate import curate_batch
from flows.release import build_release
from flows.watch import watch_arrivals
from flows.withdraw import withdraw

RELEASE_CRON = "0 3 1 * *"  # the first of each month, at three in the morning
WATCH_SECONDS = 120


def deployments() -> list[RunnerDeployment]:
    """Give the deployments that `curate up` serves; `prefect.yaml` says the same for work pools."""
    return [
        _deployment(curate_batch, "curate"),
        _deployment(build_release, "release", cron=RELEASE_CRON),
        _deployment(watch_arrivals, "curate", interval=WATCH_SECONDS),
        _deployment(withdraw, "release"),
    ]


def _deployment(flow: Flow[..., Any], tag: str, **schedule: Any) -> RunnerDeployment:  # noqa: ANN401 -- Prefect's words
    made = flow.to_deployment(flow.name, tags=[tag], entrypoint_type=EntrypointType.MODULE_PATH, **schedule)
    return cast("RunnerDeployment", made)


if __name__ == "__main__":
    serve(*deployments(), print_starting_message=False)
