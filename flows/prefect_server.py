"""The Prefect server that `curate up` runs: offline, on loopback, with settings that keep every record."""

import sys
from collections.abc import Mapping
from pathlib import Path

from flows.processes import LOOPBACK, Child, answers, is_found, start_child, wait_until

START_SECONDS = 180  # a first start makes its database; measured 9-30 s on two shared cores
DEPLOYMENTS = ("curate-batch", "build-release", "watch-arrivals", "withdraw")

# One row at a time is the default and loses task runs under load; batches keep them all.
SERVER = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_UI_API_URL": "/api",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
QUIET = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "GX_ANALYTICS_ENABLED": "false"}
CLIENT = QUIET | {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,tasks",
    "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    "PREFECT_CLIENT_EVENTS_QUEUE_MAX_SIZE": "10000",
}


def api_url(port: int) -> str:
    """Give the address of the API of a server on loopback."""
    return f"http://{LOOPBACK}:{port}/api"


def client_environment(url: str, home: Path) -> dict[str, str]:
    """Give the environment of a process whose runs a server records."""
    return CLIENT | {"PREFECT_API_URL": url, "PREFECT_HOME": str(home.resolve())}


def start_server(folder: Path, port: int) -> Child:
    """Start a Prefect server with its database below `folder` and wait until it is healthy.

    Raises
    ------
    StoreError
        If it does not come up.
    """
    home = folder / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    child = start_child("prefect-server", command, folder=folder, env=SERVER | client_environment(api_url(port), home))
    wait_until(child, lambda: answers(f"{api_url(port)}/health"), seconds=START_SECONDS)
    return child


def start_deployments(folder: Path, port: int, env: Mapping[str, str]) -> Child:
    """Serve the deployments from a child, and wait until the server knows every one, so that runs can be started.

    Parameters
    ----------
    env
        Of the runs, added to our own environment.

    Raises
    ------
    StoreError
        If they do not come up.
    """
    child = start_child("deployments", [sys.executable, "-m", "flows.serving"], folder=folder, env=env)
    names = [f"{api_url(port)}/deployments/name/{name}/{name}" for name in DEPLOYMENTS]
    wait_until(child, lambda: all(is_found(name) for name in names), seconds=START_SECONDS)
    return child
