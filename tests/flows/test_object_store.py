"""The embedded object store: private, on loopback, restartable, and gone with its parent."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from flows import object_store
from flows.object_store import BUCKETS, ObjectStoreProcess
from flows.processes import LOOPBACK
from tasks.errors import StoreError
from tasks.store import Store
from tasks.store.opening import open_store

pytestmark = pytest.mark.services
LOOPBACK_HEX = "0100007F"  # 127.0.0.1 in /proc/net/tcp


def opened(running: ObjectStoreProcess, bucket: str = "work") -> Store:
    return open_store(f"s3://{bucket}", running.options)


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def has_ended(process: int) -> bool:
    """Tell whether a process is gone, or is dead and only waits to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_data_keys_and_ports_outlive_a_restart_and_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    first = object_store.start(folder)
    try:
        assert all(list(opened(first, bucket).list()) == [] for bucket in BUCKETS)
        opened(first).create("objects/aa/x.dcm", b"pixels")
    finally:
        first.stop()
    assert not first.alive
    assert not [
        path for port in ports_of(folder).values() for path in object_store.SOCKETS.glob(f"seaweedfs-*-{port}.sock")
    ]
    second = object_store.start(folder)
    try:
        assert second.options == first.options
        assert opened(second).read("objects/aa/x.dcm") == b"pixels"
        assert opened(second).swap("current.json", b"1", expected=None)
        second.process.kill()
        second.process.wait(10)
        third = object_store.start(folder)
        second = third
        assert opened(third).read("current.json") == b"1"
        assert not opened(third).create("objects/aa/x.dcm", b"pixels")
    finally:
        second.stop()


def test_nothing_of_it_is_open_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    running = object_store.start(folder)
    try:
        opened(running).create("a", b"x")
        for path in (running.credentials_file, folder / "identities.json"):
            assert path.stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
        assert refused(f"{running.endpoint_url}/work/a") == 403
        assert refused(f"http://{LOOPBACK}:{ports_of(folder)['filer']}/buckets/work/a") == 401
        command = Path(f"/proc/{running.process.pid}/cmdline").read_text(encoding="utf-8").split("\0")
        assert "-master.telemetry=false" in command
        secret = running.credentials_file.read_text(encoding="utf-8").split(" = ")[-1].strip()
        assert secret not in " ".join(command)
        assert secret not in running.log.read_text(encoding="utf-8", errors="replace")
        assert listening_elsewhere(set(ports_of(folder).values())) == []
        assert os.getsid(running.process.pid) == running.process.pid  # Ctrl-C of our terminal does not reach it
    finally:
        running.stop()


def test_it_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from flows import object_store\n"
        "running = object_store.start(pathlib.Path(sys.argv[1]))\n"
        "print(running.process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        store = int(parent.stdout.readline())
        assert not has_ended(store)
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    assert within(30, lambda: has_ended(store))


def test_ports_that_were_taken_meanwhile_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    first = object_store.start(folder)
    try:
        opened(first).create("a", b"x")
    finally:
        first.stop()
    with object_store.socket.create_server((LOOPBACK, ports_of(folder)["s3"])):
        second = object_store.start(folder)
        try:
            assert second.endpoint_url != first.endpoint_url
            assert opened(second).read("a") == b"x"
        finally:
            second.stop()


def test_without_its_package_the_next_step_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise object_store.PackageNotFoundError(name)

    monkeypatch.setattr(object_store, "distribution", absent)
    with pytest.raises(StoreError, match="not installed") as caught:
        object_store.start(tmp_path / "store")
    assert "imaging-curation[local]" in caught.value.next_step
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_come_up_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_binary", lambda: Path("/bin/false"))
    with pytest.raises(StoreError, match="ended while it started") as caught:
        object_store.start(tmp_path / "store")
    assert "object-store.log" in caught.value.next_step


def ports_of(folder: Path) -> dict[str, int]:
    ports: dict[str, int] = json.loads((folder / "ports.json").read_text(encoding="utf-8"))
    return ports


def refused(url: str) -> int:
    with pytest.raises(HTTPError) as caught:
        urlopen(url, timeout=5)  # noqa: S310 -- loopback
    with caught.value as answer:
        return answer.code


def listening_elsewhere(ports: set[int]) -> list[str]:
    """Give the sockets that listen on one of our ports at another address than loopback."""
    found = []
    for table in ("tcp", "tcp6"):
        lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        for address, state in ((line.split()[1], line.split()[3]) for line in lines):
            host, port = address.split(":")
            if state == "0A" and int(port, 16) in ports and not host.endswith(LOOPBACK_HEX):
                found.append(address)
    return found
