"""`curate up`: object store, Prefect server, report server and deployments, as children of one command.

All is on loopback and below one folder; a settings file in it lets every other command find them.
"""

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from config.keys import write_key_ring
from config.settings import load_settings
from flows import object_store
from flows.prefect_server import QUIET, api_url, client_environment, start_deployments, start_server
from flows.processes import LOOPBACK, Child, answers, free_port
from flows.reports import serve_reports
from tasks.errors import StoreError
from tasks.store.opening import open_named

FOLDER = Path(".curate")
FEW_PEOPLE = """\
# Written by `curate up` for two dozen invented people, whom a k of 5 would hold. A real collection leaves this out.
[disclosure]
k = 1
"""
BUCKETS = ("raw", "work", "release", "sequestered")
PREFECT_PORT = 4200
REPORTS_PORT = 4280


@dataclass(frozen=True, slots=True)
class Installation:
    """What is running below `folder`."""

    folder: Path
    settings_file: Path
    prefect_api: str
    children: tuple[Child, ...]

    @property
    def ui(self) -> str:
        """Address of the Prefect UI."""
        return self.prefect_api.removesuffix("/api")


@contextmanager
def running_services(folder: Path = FOLDER, say: Callable[[str], None] = lambda _line: None) -> Iterator[Installation]:
    """Start everything below `folder`, and stop it at the end, in the opposite order.

    Parameters
    ----------
    say
        Told the name of each part before it starts.

    Raises
    ------
    StoreError
        If a part does not come up; the message names its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        say("object store")
        store = object_store.start(folder / "store")
        stack.callback(store.stop)
        ports = _ports(folder)
        settings = _write_settings(folder, store, ports)
        env = QUIET | {"CURATE_SETTINGS": str(settings.resolve())}
        env |= client_environment(api_url(ports["prefect"]), folder / "prefect")
        say("Prefect server")
        server = start_server(folder, ports["prefect"])
        stack.callback(server.stop)
        reports = serve_reports(open_named("work", load_settings(settings)), ports["reports"])
        stack.callback(reports.server_close)
        stack.callback(reports.shutdown)
        say("deployments")
        deployments = start_deployments(folder, ports["prefect"], env)
        stack.callback(deployments.stop)
        yield Installation(folder, settings, api_url(ports["prefect"]), (store, server, deployments))


def watch(installation: Installation) -> None:
    """Wait until Ctrl-C or SIGTERM, or until a part ends.

    Raises
    ------
    StoreError
        If a part ended by itself; the message names its log.
    """
    for sign in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell that starts us in the background has it ignored
        signal.signal(sign, signal.default_int_handler)
    try:
        while all(child.alive for child in installation.children):
            time.sleep(1)
    except KeyboardInterrupt:
        return
    ended = next(child for child in installation.children if not child.alive)
    raise StoreError(f"{ended.name} ended", next_step=f"read {ended.log}")


def health(folder: Path = FOLDER) -> dict[str, bool]:
    """Tell which parts of an installation answer."""
    settings = load_settings(_settings_file(folder))
    addresses = {
        "object store": settings.s3.endpoint_url,
        "Prefect server": f"{settings.prefect_api_url}/health",
        "reports": settings.reports_url,
    }
    return {name: bool(address) and answers(str(address)) for name, address in addresses.items()}


def _settings_file(folder: Path) -> Path:
    return folder / "curate.toml"


def _ports(folder: Path) -> dict[str, int]:
    """Give the ports of an installation: those of its last start, so that bookmarks stay, or the usual, where free."""
    file = folder / "ports.json"
    usual = {"prefect": PREFECT_PORT, "reports": REPORTS_PORT}
    wanted: dict[str, int] = json.loads(file.read_text()) if file.is_file() else usual
    ports = {name: free_port() if answers(f"http://{LOOPBACK}:{port}/") else port for name, port in wanted.items()}
    file.write_text(json.dumps(ports))
    return ports


def _write_settings(folder: Path, store: object_store.ObjectStoreProcess, ports: Mapping[str, int]) -> Path:
    """Write the settings by which every command finds this installation; they name secrets and hold none."""
    keys = folder / "keys.toml"
    if not keys.exists():
        write_key_ring(keys)
    sites = folder / "sites"
    if not sites.exists():
        shutil.copytree(str(files("config").joinpath("sites")), sites)
    policy = folder / "release.toml"
    if not policy.exists():
        policy.write_text(FEW_PEOPLE, encoding="utf-8")
    lines = [
        "# Written by `curate up`; copy it to curate.toml to change it.",
        *(f'{bucket} = "s3://{bucket}"' for bucket in BUCKETS),
        f"sites = {_quoted(sites)}",
        f"keys = {_quoted(keys)}",
        f"release_policy = {_quoted(policy)}",
        f'prefect_api_url = "{api_url(ports["prefect"])}"',
        f'reports_url = "http://{LOOPBACK}:{ports["reports"]}"',
        "",
        "[s3]",
        f'endpoint_url = "{store.endpoint_url}"',
        'region = "us-east-1"',
        'addressing_style = "path"',
        f"credentials_file = {_quoted(store.credentials_file)}",
    ]
    path = _settings_file(folder)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _quoted(path: Path) -> str:
    return json.dumps(str(path.resolve()))
