"""What harmonizing a large batch takes: clinical rows and instances of one batch on a folder store.

``python benchmarks/harmonize.py [--quick] [--json]``. The corpus is made from counters; `harmonize_batch` runs over it
in a process of its own, whose largest resident size the kernel counts. ``rows_per_second`` counts rows of clinical
tables and of instances alike, by the clock; ``cpu_seconds`` is what all threads computed. A full run is a million
clinical rows and five million instances; its figures are put into the documentation.
"""

import json
import subprocess
import sys
from pathlib import Path

from harmonize_corpus import Size, write_batch
from page import markdown
from reporting import Benchmark, report

ROOT = Path(__file__).parents[1]
FULL, QUICK = Size(1_000_000, 5_000_000), Size(60_000, 300_000)
GIBIBYTES = 8
HEAD = ("rows", "number")
TABLES = (
    "subject", "clinical_event", "test_result", "condition", "imaging_study", "imaging_series", "imaging_instance",
    "lineage",
)  # fmt: skip

Measured = dict[str, float]


def measure(size: Size, folder: Path) -> Measured:
    """Make the batch and harmonize it in a process of its own; give what that says of itself.

    Raises
    ------
    SystemExit
        If that fails; the end of what it said is shown.
    """
    write_batch(size, folder)
    command = [sys.executable, str(Path(__file__).with_name("harmonize_run.py")), str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def figures(measured: Measured) -> dict[str, float]:
    """Give the figures that others rely on."""
    rows = _rows_in(measured)
    return {
        "rows_per_second": round(rows / measured["seconds"]),
        "peak_rss_mb": round(measured["peak_rss_mb"], 1),
        "rows": rows,
        "clinical_rows": int(measured["rows_in"]),
        "instances": int(measured["imaging_instance"]),
        "seconds": round(measured["seconds"], 2),
        "cpu_seconds": round(measured["cpu_seconds"], 2),
    }


def _rows_in(measured: Measured) -> int:
    return int(measured["rows_in"] + measured["imaging_instance"])


def table(measured: Measured) -> list[tuple[str, ...]]:
    """Give the rows of the section's table; the first names the columns."""
    written = [(name, f"{measured[name]:,.0f}") for name in TABLES if name in measured]
    return [HEAD, ("rows of clinical tables in", f"{measured['rows_in']:,.0f}"), *written]


def section(measured: Measured) -> str:
    """Give the section of the page."""
    said = figures(measured)
    lead = (
        f"One batch of {said['clinical_rows']:,.0f} rows of two clinical tables and {said['instances']:,.0f} instances "
        f"on a folder store, two cores: {said['seconds']:.0f} seconds, {said['cpu_seconds']:.0f} of CPU time, "
        f"{said['rows_per_second']:,.0f} rows per second, and {said['peak_rss_mb']:.0f} MB resident at most."
    )
    return f"{lead}\n\n{markdown(table(measured))}"


def main() -> None:
    """Measure and report; the last line printed is the JSON object of figures."""
    report(Benchmark("harmonize", GIBIBYTES, (FULL, QUICK), measure, figures, table, section), __doc__)


if __name__ == "__main__":
    main()
