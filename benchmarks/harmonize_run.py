"""Harmonize the batch of `harmonize_corpus` in a process of its own, and say what it took."""

import json
import sys
import time
from pathlib import Path

from harmonize_corpus import BATCH, RING, RUN, SITE, SITE_FILE

from config.deid import load_profile
from config.settings import Settings
from config.site import load_site
from tasks.context import BatchContext
from tasks.harmonize.shard import harmonize_batch
from tasks.model import BatchPlan
from tasks.store.local import LocalStore

KIBIBYTE = 1 << 10


def peak_rss_mb() -> float:
    """Give the largest resident size of this process so far, in MiB; the counter of the kernel starts at its start."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / KIBIBYTE


def main() -> None:
    """Harmonize the batch in the folder that is named."""
    folder = Path(sys.argv[1])
    (folder / f"{SITE}.toml").write_text(SITE_FILE, encoding="utf-8")
    site, raw, work = load_site(folder, SITE), LocalStore(folder / "raw"), LocalStore(folder / "work")
    context = BatchContext(site, BATCH, Settings(), load_profile(), RING, raw, work)
    before, started, computed = peak_rss_mb(), time.monotonic(), time.process_time()
    report = harmonize_batch(BatchPlan(SITE, BATCH, RUN, (), 0, 2, 0), context)
    figures = {
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - computed,
        "peak_rss_mb": peak_rss_mb(),
        "imports_mb": before,
        **report.counts,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
