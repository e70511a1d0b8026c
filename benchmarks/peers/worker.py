"""The loop that every contestant runs: one process per tool, told over standard input what to do, figures back.

Standard library only, since each tool has an environment of its own. A line in is ``{"files": [...], "out": folder}``;
a line out is ``{"cpu_seconds": ..., "peak_rss_mb": ..., "failed": ...}``. What comes before the work (imports, rules,
a fresh state, copies to work on in place) is not timed.
"""

import json
import os
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

Pairs = list[tuple[Path, Path]]
Work = Callable[[], int]
MEBIBYTE = 1 << 20


def serve(prepare: Callable[[Path, Pairs], Work]) -> None:
    """Answer every line of standard input with the figures of one round.

    Parameters
    ----------
    prepare
        Gives, for an empty output folder and pairs of a source and a target file, the function that de-identifies
        them and tells how many failed. Called once per round, untimed.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a tool prints must not stand between the answers
    for line in sys.stdin:
        asked = json.loads(line)
        out = Path(asked["out"])
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        pairs = [(Path(name), out / f"{number:05d}.dcm") for number, name in enumerate(asked["files"])]
        work = prepare(out, pairs)
        before = cpu_seconds()
        failed = work()
        figures = {"cpu_seconds": cpu_seconds() - before, "peak_rss_mb": peak_rss_mb(), "failed": failed}
        print(json.dumps(figures), file=answers, flush=True)


def one_by_one(deidentify: Callable[[Path, Path], object], pairs: Pairs) -> Work:
    """Give the work that calls a function for every pair; an exception is a failed file."""

    def work() -> int:
        failed = 0
        for source, target in pairs:
            try:
                deidentify(source, target)
            except Exception as problem:  # noqa: BLE001 -- whatever a tool raises, the others go on
                print(type(problem).__name__, problem, file=sys.stderr)
                failed += 1
        return failed

    return work


def cpu_seconds() -> float:
    """Give user and system time of this process and of the children it waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_rss_mb() -> float:
    """Give the largest resident size so far, of this process or of one child, in MiB.

    Where there is /proc, its VmHWM is taken for this process: ``ru_maxrss`` starts at the size of whoever started it.
    """
    status = Path("/proc/self/status")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if status.exists():
        own = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024 / MEBIBYTE
