"""Child processes that live and die with ours: the object store, the Prefect server, the deployments."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tasks.errors import StoreError

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 15
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Child:
    """A running child process and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End the process: asked twice, then made to."""
        for sign in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                break
            self.process.send_signal(sign)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue


def start_child(name: str, command: Sequence[str], *, folder: Path, env: Mapping[str, str]) -> Child:
    """Start a child that does not hear our Ctrl-C (we stop it ourselves) and does not outlive us.

    Parameters
    ----------
    name
        Names the log file ``<folder>/<name>.log``.
    env
        Added to our own environment.
    """
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 -- the command is ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | dict(env),
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 -- one system call
        )
    return Child(name, process, log)


def _die_with_parent() -> None:  # pragma: no cover -- runs between fork and exec
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    """Give a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Tell whether an HTTP server answers at `url`, with whatever status below 500."""
    return _status(url) < HTTPStatus.INTERNAL_SERVER_ERROR


def is_found(url: str) -> bool:
    """Tell whether an HTTP server has what `url` names."""
    return _status(url) < HTTPStatus.BAD_REQUEST


def _status(url: str) -> int:
    """Give the status of a GET; where no server answers, that of a gateway to nothing."""
    try:
        with urlopen(url, timeout=3) as answer:  # noqa: S310 -- loopback and configured addresses
            return int(answer.status)
    except HTTPError as problem:
        return problem.code
    except (URLError, OSError):
        return HTTPStatus.BAD_GATEWAY


def wait_until(child: Child, ready: Callable[[], bool], *, seconds: float) -> None:
    """Wait until a child is ready.

    Raises
    ------
    StoreError
        If it ended or was not ready in time; the message names its log.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return
        if not child.alive:
            raise StoreError(f"{child.name} ended while it started", next_step=f"read {child.log}")
        time.sleep(0.2)
    raise StoreError(f"{child.name} was not ready after {seconds:.0f} s", next_step=f"read {child.log}")
