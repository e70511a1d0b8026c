"""What a large release takes: built, checked and committed from one accepted batch to a bucket.

``python benchmarks/release.py [--quick] [--json]``. Tables are made from counters, and images are known by their
digests only; the files of the release go to the embedded object store. The release is built in a process of its own,
whose largest resident size the kernel counts, and so is another that follows it and holds the same: it copies nothing,
and compares everything. ``vs_parquet_write`` is the time of the first as a multiple of that of writing the Parquet
files of the same release once more, measured in this run. A full run has 30,000 exams and five million instances; its
figures go into the documentation.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
from page import markdown
from release_corpus import Size, write_batch
from reporting import Benchmark, report

from config.settings import S3Options
from flows import object_store
from tasks.store.files import fetch
from tasks.store.opening import open_store
from tasks.store.parquet import write_batches

ROOT = Path(__file__).parents[1]
FULL, QUICK = Size(30_000, 5_000_000), Size(300, 50_000)
GIBIBYTES = 12
HEAD = ("a release of", "number")
FIRST, NEXT = "2026.11", "2026.12"

Measured = dict[str, float]


def measure(size: Size, folder: Path) -> Measured:
    """Make the batch, release it twice, each time in a process of its own, and write its tables once more.

    Raises
    ------
    SystemExit
        If that fails; the end of what it said is shown.
    """
    write_batch(size, folder / "work")
    bucket = object_store.start(folder / "store")
    try:
        measured, following = _released(folder, FIRST, bucket.options), _released(folder, NEXT, bucket.options)
        measured |= {f"next_{name}": following[name] for name in ("seconds", "peak_rss_mb")}
        return measured | {"parquet_seconds": parquet_seconds(folder, bucket.options)}
    finally:
        bucket.stop()


def _released(folder: Path, version: str, options: S3Options) -> Measured:
    told = [str(folder), version, options.model_dump_json()]
    command = [sys.executable, str(Path(__file__).with_name("release_run.py")), *told]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def parquet_seconds(folder: Path, options: S3Options) -> float:
    """Give the seconds that writing the tables of the first release takes, without reading them."""
    seconds, release = 0.0, open_store("s3://release", options)
    for stored in release.list(f"releases/{FIRST}/tables/"):
        fetch(release, stored.key, folder / "table.parquet")
        table = pq.read_table(folder / "table.parquet")
        started = time.monotonic()
        write_batches(table.to_batches(), table.schema, folder / "again.parquet")
        seconds += time.monotonic() - started
    return seconds


def figures(measured: Measured) -> dict[str, float]:
    """Give the figures that others rely on."""
    return {
        "vs_parquet_write": round(measured["seconds"] / measured["parquet_seconds"], 2),
        "instances": int(measured["n_instances"]),
        "seconds": round(measured["seconds"], 1),
        "peak_rss_mb": round(measured["peak_rss_mb"], 1),
        "next_seconds": round(measured["next_seconds"], 1),
        "next_peak_rss_mb": round(measured["next_peak_rss_mb"], 1),
    }


def table(measured: Measured) -> list[tuple[str, ...]]:
    """Give the rows of the section's table; the first names the columns."""
    names = ("n_subjects", "n_studies", "n_series", "n_instances")
    return [HEAD, *((name.removeprefix("n_"), f"{measured[name]:,.0f}") for name in names)]


def section(measured: Measured) -> str:
    """Give the section of the page."""
    said = figures(measured)
    lead = (
        f"A release to a bucket, two cores: {said['seconds']:.0f} seconds, {measured['cpu_seconds']:.0f} of CPU "
        f"time, {said['vs_parquet_write']:.1f} times as long as writing its Parquet files once, and "
        f"{said['peak_rss_mb']:.0f} MB resident at most. The next one, of the same content: {said['next_seconds']:.0f} "
        f"seconds, {said['next_peak_rss_mb']:.0f} MB."
    )
    return f"{lead}\n\n{markdown(table(measured))}"


def main() -> None:
    """Measure and report; the last line printed is the JSON object of figures."""
    report(Benchmark("release", GIBIBYTES, (FULL, QUICK), measure, figures, table, section), __doc__)


if __name__ == "__main__":
    main()
