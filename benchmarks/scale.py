"""How a batch scales over processes, and what orchestration costs: a batch of CT through both doors.

``python benchmarks/scale.py [--quick] [--json]``. The batch goes through the local door with one and with two worker
processes, and through the Prefect flow with two. ``two_process_efficiency`` is half of the speed-up.
``orchestration_share`` is what the flow's own process computes more than the local door's, per shard, in a shard's
whole computation; a quick run has shards of fewer objects and puts that beside the computation of a full one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from corpus import Shape, write_corpus
from scale_door import BATCH, SHARD, SITE, WARM_UP
from scratch import scratch

from config.keys import write_key_ring
from flows.prefect_server import api_url, client_environment, start_server
from flows.processes import free_port
from tasks.layout import MARKER

FULL_SHARD = 480  # CT slices of 0.5 MB in the 256 MB of a shard
WARM_UP_OBJECTS = 8


@dataclass(frozen=True)
class Plan:
    """The batch: CT series of 30 slices, two per patient, and how many slices make a shard."""

    patients: int
    shard: int

    @property
    def shards(self) -> int:
        """Number of shards."""
        return self.patients * 60 // self.shard


@dataclass(frozen=True)
class Measured:
    """What one door took; see `scale_door`."""

    seconds: float
    own_cpu_seconds: float
    workers_cpu_seconds: float
    peak_rss_mb: float
    counts: dict[str, int]


FULL_PLAN, QUICK_PLAN = Plan(patients=32, shard=FULL_SHARD), Plan(patients=2, shard=15)


def lay_out(plan: Plan, folder: Path) -> None:
    """Lay out stores, site, keys and settings with a batch to warm up with and the batch."""
    batch, warm_up = folder / f"raw/{SITE}/{BATCH}", folder / f"raw/{SITE}/{WARM_UP}"
    corpus = write_corpus(batch, Shape(ct_patients=plan.patients, slices=30, dx_patients=0))
    (batch / "corpus.json").unlink()
    warm_up.mkdir(parents=True)
    for number, name in enumerate(corpus.ct[:WARM_UP_OBJECTS]):
        shutil.copyfile(batch / name, warm_up / f"{number}.dcm")
    for place in (batch, warm_up):
        (place / MARKER).touch()
    (folder / "sites").mkdir()
    (folder / f"sites/{SITE}.toml").touch()
    write_key_ring(folder / "keys.toml")
    stores = [f'{name} = "file://{folder / name}"' for name in ("raw", "work", "release")]
    lines = [*stores, f'sites = "{folder / "sites"}"', f'keys = "{folder / "keys.toml"}"']
    (folder / "curate.toml").write_text("\n".join([*lines, ""]), encoding="utf-8")


def through(door: str, processes: int, plan: Plan, folder: Path, **more: str) -> Measured:
    """Curate the batch through a door into an empty work store.

    Raises
    ------
    SystemExit
        If it fails; its log is shown.
    """
    shutil.rmtree(folder / "work", ignore_errors=True)
    (folder / "work").mkdir()
    sizes = {SHARD: str(plan.shard), "CURATE_PROCESSES": str(processes)}
    env = os.environ | {"CURATE_SETTINGS": str(folder / "curate.toml")} | sizes | more
    command = [sys.executable, str(Path(__file__).with_name("scale_door.py")), door]
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def measure(plan: Plan, folder: Path) -> dict[str, Measured]:
    """Measure the three ways."""
    lay_out(plan, folder)
    port = free_port()
    server = start_server(folder, port)
    try:
        client = client_environment(api_url(port), folder / "client") | {"PREFECT_LOGGING_LEVEL": "ERROR"}
        return {
            "1 process": through("local", 1, plan, folder),
            "2 processes": through("local", 2, plan, folder),
            "2 processes, Prefect": through("prefect", 2, plan, folder, **client),
        }
    finally:
        server.stop()


def figures(plan: Plan, measured: dict[str, Measured]) -> dict[str, float]:
    """Give the figures that others rely on."""
    one, two, flow = measured.values()
    more = max(0.0, flow.own_cpu_seconds - two.own_cpu_seconds) / plan.shards
    work = (two.own_cpu_seconds + two.workers_cpu_seconds) / plan.shards * FULL_SHARD / plan.shard
    return {
        "two_process_efficiency": round(one.seconds / two.seconds / 2, 3),
        "orchestration_share": round(more / (more + work), 4),
        "peak_rss_mb": round(max(each.peak_rss_mb for each in measured.values()), 1),
    }


def main() -> None:
    """Measure and report; the last line printed is the JSON object of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small batch in small shards")
    parser.add_argument("--json", action="store_true", help="print the figures only")
    words = parser.parse_args()
    plan = QUICK_PLAN if words.quick else FULL_PLAN
    with scratch("scale") as folder:
        measured = measure(plan, folder)
    for name, each in measured.items() if not words.json else ():
        own, theirs = each.own_cpu_seconds, each.workers_cpu_seconds
        print(f"{name:22} {each.seconds:7.2f} s  CPU {own:6.2f} + {theirs:6.2f} s in workers  {each.counts}")
    print(json.dumps(figures(plan, measured)))


if __name__ == "__main__":
    main()
