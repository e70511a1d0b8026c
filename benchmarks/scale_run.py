"""A batch over one and two processes and through both doors, measured from inside.

A small batch goes first, untimed, so that imports, connections and worker processes are there.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scale_names import BATCH, SHARD, SITE, WARM_UP

from config.settings import Settings, load_settings
from flows.curate import curate_batch
from flows.local import curate_locally
from tasks import running

MEBIBYTE = 1 << 20
NANOSECONDS = 1e9

Figures = dict[str, float]


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


def waited_seconds() -> float:
    """Give how long the main thread of this process waited for a core."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / NANOSECONDS


def measured(work: Callable[[Settings], object], settings: Settings) -> Figures:
    """Do something with an empty work store, and give what it took.

    ``seconds`` are those of the clock without the time in which our processes waited for a core that others had.
    """
    store = Path(settings.work.removeprefix("file://"))
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    before, own, own_waited, started = list(workers()), time.process_time(), waited_seconds(), time.monotonic()
    work(settings)
    seconds, after = time.monotonic() - started, list(workers())
    waited = sum(worker.waited_seconds for worker in after) - sum(worker.waited_seconds for worker in before)
    return {
        "seconds": seconds - waited / settings.processes - (waited_seconds() - own_waited),
        "own_cpu_seconds": time.process_time() - own,
        "workers_cpu_seconds": sum(w.cpu_seconds for w in after) - sum(w.cpu_seconds for w in before),
        "peak_rss_mb": max(worker.peak_rss_mb for worker in after),
    }


def shards_only(settings: Settings) -> None:
    """De-identify the shards of the batch."""
    plan = running.intake(SITE, BATCH, settings)
    for future in [running.start_deidentify(shard, settings) for shard in plan.shards]:
        future.result()


def through_prefect(settings: Settings) -> None:
    """Curate the batch through the flow, which loads the same settings by itself."""
    if load_settings() != settings:
        raise RuntimeError("the flow would not do the same")
    curate_batch(SITE, BATCH)


def warm_up() -> None:
    """Let all imports, connections and worker processes happen, with shards of one object."""
    shard, os.environ[SHARD] = os.environ[SHARD], "1"
    curate_batch(SITE, WARM_UP)
    os.environ[SHARD] = shard


def main() -> None:
    """Measure one and two processes in turns, then the local door and the flow, both with two."""
    two = load_settings()
    one = two.model_copy(update={"processes": 1})
    warm_up()
    measured(shards_only, one)
    taken: dict[str, list[Figures]] = {"1 process": [], "2 processes": [], "local": [], "Prefect": []}
    for _ in range(int(sys.argv[1])):
        taken["1 process"].append(measured(shards_only, one))
        taken["2 processes"].append(measured(shards_only, two))
    taken["local"].append(measured(lambda settings: curate_locally(SITE, BATCH, settings), two))
    taken["Prefect"].append(measured(through_prefect, two))
    print(json.dumps({name: min(each, key=lambda figures: figures["seconds"]) for name, each in taken.items()}))
