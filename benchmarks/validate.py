"""What validating a large batch takes, and what the same rules take in one DuckDB query each.

``python benchmarks/validate.py [--quick] [--json]``. The corpus is made from counters and keeps every rule.
`validate_batch` runs over it in a process of its own, whose largest resident size the kernel counts. Then the rules
alone are timed in another process: those of the clinical tables (Great Expectations on frames, counts across tables
by query) and those of the instance table (counted in one pass), against one plain statement each on the same files.
A full run is a million clinical rows and five million instances; its figures are put into the documentation.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from page import markdown
from reporting import Benchmark, report
from validate_corpus import Size, write_batch

ROOT = Path(__file__).parents[1]
FULL, QUICK = Size(1_000_000, 5_000_000), Size(20_000, 100_000)
GIBIBYTES = 8
HEAD = ("what", "figure")

Measured = dict[str, Any]


def measure(size: Size, folder: Path) -> Measured:
    """Make the batch, validate it, and time the rules; each in a process of its own.

    Raises
    ------
    SystemExit
        If that fails; the end of what it said is shown.
    """
    write_batch(size, folder)
    measured: Measured = {"clinical_rows": size.clinical_rows, "instances": size.instances}
    for what in ("rules", "batch"):
        command = [sys.executable, str(Path(__file__).with_name("validate_run.py")), str(folder), what]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        measured |= json.loads(done.stdout.splitlines()[-1])
    return measured


def figures(measured: Measured) -> dict[str, float]:
    """Give the figures that others rely on."""
    return {
        "clinical_vs_duckdb_sql": round(measured["clinical"] / measured["clinical_sql"], 2),
        "instance_vs_duckdb_sql": round(measured["instance"] / measured["instance_sql"], 2),
        "rows": int(measured["rows"]),
        "peak_rss_mb": round(measured["peak_rss_mb"], 1),
        "seconds": round(measured["seconds"], 2),
        "cpu_seconds": round(measured["cpu_seconds"], 2),
    }


def table(measured: Measured) -> list[tuple[str, ...]]:
    """Give the rows of the section's table; the first names the columns."""
    said = figures(measured)
    return [
        HEAD,
        ("rows of clinical tables", f"{measured['clinical_rows']:,.0f}"),
        ("rows of imaging_instance", f"{measured['instances']:,.0f}"),
        ("rules of clinical tables, seconds", f"{measured['clinical']:.2f}"),
        ("the same in one DuckDB query, seconds", f"{measured['clinical_sql']:.2f}"),
        ("rules of imaging_instance, seconds", f"{measured['instance']:.2f}"),
        ("the same in one DuckDB query, seconds", f"{measured['instance_sql']:.2f}"),
        ("whole stage, seconds", f"{said['seconds']:.1f}"),
        ("whole stage, largest resident size in MB", f"{said['peak_rss_mb']:.0f}"),
    ]


def section(measured: Measured) -> str:
    """Give the section of the page."""
    said = figures(measured)
    lead = (
        f"One batch of {measured['clinical_rows']:,.0f} clinical rows and {measured['instances']:,.0f} instances on a "
        f"folder store, two cores: the rules of the clinical tables take {said['clinical_vs_duckdb_sql']} times what "
        f"one DuckDB query takes for them, those of the instance table {said['instance_vs_duckdb_sql']} times, and the "
        f"whole stage holds {said['peak_rss_mb']:.0f} MB at most. Both sides have {measured['engine_memory']} for "
        "DuckDB, which the exact joins and groups of the plain statement exceed on the instance table."
    )
    return f"{lead}\n\n{markdown(table(measured))}"


def main() -> None:
    """Measure and report; the last line printed is the JSON object of figures."""
    report(Benchmark("validate", GIBIBYTES, (FULL, QUICK), measure, figures, table, section), __doc__)


if __name__ == "__main__":
    main()
