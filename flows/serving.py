"""The deployments: what can be started from the UI, by schedule and by arrivals; run as a module, it serves them."""

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from flows.curate import curate_batch
from flows.release import build_release
from flows.watch import watch_arrivals

RELEASE_CRON = "0 3 1 * *"  # the first of each month, at three in the morning
WATCH_SECONDS = 60


def deployments() -> list[RunnerDeployment]:
    """Give the deployments that `curate up` serves; `prefect.yaml` says the same for work pools."""
    by_module = EntrypointType.MODULE_PATH
    return [
        curate_batch.to_deployment("curate-batch", tags=["curate"], entrypoint_type=by_module),
        build_release.to_deployment("build-release", tags=["release"], cron=RELEASE_CRON, entrypoint_type=by_module),
        watch_arrivals.to_deployment(
            "watch-arrivals", tags=["curate"], interval=WATCH_SECONDS, entrypoint_type=by_module
        ),
    ]


if __name__ == "__main__":
    serve(*deployments(), print_starting_message=False)
