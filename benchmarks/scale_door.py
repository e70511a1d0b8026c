"""One batch through one door, measured from inside: ``scale_door.py local|prefect``, figures as JSON.

A small batch goes first, untimed, so that imports, connections and all worker processes are there.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.settings import load_settings
from flows.curate import curate_batch
from flows.local import curate_locally
from flows.report import BatchReport

MEBIBYTE = 1 << 20
NANOSECONDS = 1e9
SHARD = "CURATE_SHARD__MAX_OBJECTS"
SITE, WARM_UP, BATCH = "s01", "warm-up", "b1"


@dataclass(frozen=True)
class Worker:
    """A worker process so far: seconds on a core and waiting for one, largest resident size in MiB."""

    cpu_seconds: float
    waited_seconds: float
    peak_rss_mb: float


def workers() -> Iterator[Worker]:
    """Give the child processes that did something, from /proc."""
    for folder in Path("/proc").iterdir():
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            if folder.name.isdigit() and int(status["PPid"]) == os.getpid():
                on_core, waited = (folder / "schedstat").read_text().split()[:2]
                peak = int(status["VmHWM"].split()[0]) * 1024 / MEBIBYTE
                yield Worker(int(on_core) / NANOSECONDS, int(waited) / NANOSECONDS, peak)
        except (OSError, KeyError):  # not a process, or gone
            continue


def own_cpu_seconds() -> float:
    """Give user and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def own_waited_seconds() -> float:
    """Give how long the main thread of this process waited for a core."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / NANOSECONDS


def curated(door: str, batch: str) -> BatchReport:
    """Curate a batch through a door."""
    return curate_batch(SITE, batch) if door == "prefect" else curate_locally(SITE, batch, load_settings())


def main() -> None:
    """Curate the small batch and then the batch, and print what the second one took.

    ``seconds`` are those of the clock without the time in which our processes waited for a core that others had.
    """
    door, shard = sys.argv[1], os.environ[SHARD]
    os.environ[SHARD] = "1"
    curated(door, WARM_UP)
    os.environ[SHARD] = shard
    before, own, own_waited, started = list(workers()), own_cpu_seconds(), own_waited_seconds(), time.monotonic()
    report = curated(door, BATCH)
    seconds, after = time.monotonic() - started, list(workers())
    waited = sum(worker.waited_seconds for worker in after) - sum(worker.waited_seconds for worker in before)
    figures = {
        "seconds": seconds - waited / len(after) - (own_waited_seconds() - own_waited),
        "own_cpu_seconds": own_cpu_seconds() - own,
        "workers_cpu_seconds": sum(w.cpu_seconds for w in after) - sum(w.cpu_seconds for w in before),
        "peak_rss_mb": max(worker.peak_rss_mb for worker in after),
        "counts": dict(report.counts),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
