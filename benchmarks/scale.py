"""How a batch scales over processes, and what orchestration costs: a batch of CT through both doors.

``python benchmarks/scale.py [--quick] [--json]``. The shards of the batch are done by one and by two worker processes,
in turns: ``two_process_efficiency`` is half of the speed-up. Then the whole batch goes through the local door and
through the Prefect flow: ``orchestration_share`` is what the flow's process computes more than the local door's, per
shard, in all that is computed for a shard. A quick run has shards of fewer objects and puts it beside a full one's
computation.
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
from scale_names import BATCH, SHARD, SITE, WARM_UP
from scratch import scratch

from config.keys import write_key_ring
from flows.prefect_server import api_url, client_environment, start_server
from flows.processes import free_port
from tasks.layout import MARKER

FULL_SHARD = 480  # CT slices of 0.5 MB in the 256 MB of a shard
WARM_UP_OBJECTS = 8

Measured = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Plan:
    """The batch, of two CT series of 30 slices per patient; slices per shard; how often it is measured."""

    patients: int
    shard: int
    rounds: int

    @property
    def shards(self) -> int:
        """Number of shards."""
        return self.patients * 60 // self.shard


FULL_PLAN, QUICK_PLAN = Plan(patients=32, shard=FULL_SHARD, rounds=3), Plan(patients=2, shard=15, rounds=2)


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
    for name in ("work", "release", "sites"):
        (folder / name).mkdir()
    (folder / f"sites/{SITE}.toml").touch()
    write_key_ring(folder / "keys.toml")
    stores = [f'{name} = "file://{folder / name}"' for name in ("raw", "work", "release")]
    lines = [*stores, f'sites = "{folder / "sites"}"', f'keys = "{folder / "keys.toml"}"']
    (folder / "curate.toml").write_text("\n".join([*lines, ""]), encoding="utf-8")


def measure(plan: Plan, folder: Path) -> Measured:
    """Measure in a process of its own, since Prefect reads its environment when it is imported.

    Raises
    ------
    SystemExit
        If that fails; the end of what it said is shown.
    """
    lay_out(plan, folder)
    port = free_port()
    server = start_server(folder, port)
    try:
        env = {"CURATE_SETTINGS": str(folder / "curate.toml"), SHARD: str(plan.shard), "CURATE_PROCESSES": "2"}
        env |= client_environment(api_url(port), folder / "client") | {"PREFECT_LOGGING_LEVEL": "ERROR"}
        command = [sys.executable, str(Path(__file__).with_name("scale_door.py")), str(plan.rounds)]
        done = subprocess.run(command, env=os.environ | env, check=False, capture_output=True, text=True, cwd=folder)
    finally:
        server.stop()
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def figures(plan: Plan, measured: Measured) -> dict[str, float]:
    """Give the figures that others rely on."""
    local, flow = measured["local"], measured["Prefect"]
    more = max(0.0, flow["own_cpu_seconds"] - local["own_cpu_seconds"]) / plan.shards
    work = (local["own_cpu_seconds"] + local["workers_cpu_seconds"]) / plan.shards * FULL_SHARD / plan.shard
    return {
        "two_process_efficiency": round(measured["1 process"]["seconds"] / measured["2 processes"]["seconds"] / 2, 3),
        "orchestration_share": round(more / (more + work), 4),
        "peak_rss_mb": round(max(each["peak_rss_mb"] for each in measured.values()), 1),
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
        own, theirs = each["own_cpu_seconds"], each["workers_cpu_seconds"]
        print(f"{name:12} {each['seconds']:7.2f} s  CPU {own:6.2f} s here, {theirs:6.2f} s in workers")
    print(json.dumps(figures(plan, measured)))


if __name__ == "__main__":
    main()
