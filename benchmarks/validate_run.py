"""Validate the batch of `validate_corpus` in a process of its own, and say what it took; then the same in one query.

``validate_run.py FOLDER batch`` runs the whole stage; ``validate_run.py FOLDER rules`` times the rules alone, ours and
hand-written, on the same files.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
from harmonize_run import peak_rss_mb
from validate_corpus import NAME, RUN, SITE
from validate_sql import CLINICAL, clinical_queries, clinical_sql, instance_sql

from config.deid import load_profile
from config.keys import KeyRing
from config.settings import Settings
from config.site import Site
from expectations.suites.cross_table import checks
from tasks.context import BatchContext
from tasks.layout import BatchLayout
from tasks.model import BatchPlan
from tasks.store.local import LocalStore
from tasks.validate import checking
from tasks.validate.database import MEMORY, opened
from tasks.validate.facts import facts_of, with_vocabularies
from tasks.validate.instances import instance_facts
from tasks.validate.running import run_suites
from tasks.validate.shard import CROSSWALK, EVIDENCE, TABLES, validate_batch

TIMES = 3


def run_batch(folder: Path) -> dict[str, float]:
    """Run the stage on the folder's stores."""
    site, ring = Site(code=SITE), KeyRing(1, {1: b"benchmark".ljust(32, b"-")})
    work = LocalStore(folder / "work")
    context = BatchContext(site, NAME, Settings(), load_profile(), ring, LocalStore(folder / "raw"), work)
    before, started, computed = peak_rss_mb(), time.monotonic(), time.process_time()
    report = validate_batch(BatchPlan(SITE, NAME, RUN, (), 0, 1, 0), context)
    seconds, cpu = time.monotonic() - started, time.process_time() - computed
    if report.rules:
        raise SystemExit(f"the corpus breaks {sorted(report.rules)}")
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_rss_mb": peak_rss_mb(),
        "imports_mb": before,
        "rows": sum(report.counts.values()),
    }


def run_rules(folder: Path) -> dict[str, float]:
    """Time the rules on clinical tables and on the instance table, ours and by hand, the best of some runs each."""
    layout, work = BatchLayout(SITE, NAME), folder / "work"
    files = {name: work / layout.run(RUN, f"harmonized/{name}.parquet") for name in TABLES}
    evidence = {name: work / layout.run(RUN, f"{place}.parquet") for name, place in EVIDENCE.items()}
    evidence[CROSSWALK] = work / layout.private_run(RUN, f"{CROSSWALK}.parquet")
    spill = folder / "spill"
    spill.mkdir()
    with opened({**files, **evidence}, spill) as database:
        instances = database.execute("SELECT count(*) FROM imaging_instance").fetchall()[0][0]
        with_vocabularies(database)
        database.register("site", pa.table({"ventilation_outside_icu": [False]}))
        names = [check.name for check in checks()]
        frames = checking.frames_of({name: files[name] for name in CLINICAL})
        run_suites({"condition": frames["condition"]}, {"condition": 1}, {})  # what is loaded once per process

        def clinical() -> None:
            found = facts_of(database, clinical_queries())
            facts = {"cross_table": replace(found, counts=dict.fromkeys(names, 0) | found.counts)}
            results = run_suites(frames, dict.fromkeys(frames, 1), facts)
            _require(sum(not outcome.success for result in results for outcome in result.outcomes))

        def instance() -> None:
            facts = {"imaging_instance": instance_facts(database, files["imaging_instance"], (1, instances))}
            (result,) = run_suites({}, {}, facts)
            _require(sum(not outcome.success for outcome in result.outcomes))

        return {
            "clinical": _seconds(clinical),
            "clinical_sql": _seconds(lambda: _require(_failures(database, clinical_sql()))),
            "instance": _seconds(instance),
            "instance_sql": _seconds(lambda: _require(_failures(database, instance_sql(instances)))),
        }


def _failures(database: duckdb.DuckDBPyConnection, statement: str) -> int:
    (numbers,) = database.execute(statement).fetchall()
    return sum(int(number or 0) for number in numbers)


def _require(failures: int) -> None:
    if failures:
        raise SystemExit(f"{failures} rules fire on a corpus that keeps every rule")


def _seconds(work: Callable[[], None]) -> float:
    best = float("inf")
    for _ in range(TIMES):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def main() -> None:
    """Do what is named on the folder that is named."""
    folder, what = Path(sys.argv[1]), sys.argv[2]
    print(json.dumps({"batch": run_batch, "rules": run_rules}[what](folder) | {"engine_memory": MEMORY}))


if __name__ == "__main__":
    main()
