"""What benchmarks of stages do alike: measure in a scratch folder, own a section of a page, print their figures."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from page import PERFORMANCE, plain, put_section
from scratch import scratch

Measured = dict[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """A benchmark by its section's name.

    It has the room that it needs in GiB, the sizes of a full and of a quick run, how one of them is measured below a
    folder, and how that is told.
    """

    name: str
    gibibytes: int
    sizes: tuple[Any, Any]
    measure: Callable[[Any, Path], Measured]
    figures: Callable[[Measured], Mapping[str, float]]
    table: Callable[[Measured], Sequence[Sequence[str]]]
    section: Callable[[Measured], str]


def report(benchmark: Benchmark, description: str | None) -> None:
    """Read the command line, measure and report; the last line printed is the JSON object of figures.

    Parameters
    ----------
    description
        What ``--help`` says, which is the script's own description.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="under a minute; no pages")
    parser.add_argument("--json", action="store_true", help="print the figures only")
    words = parser.parse_args()
    with scratch(benchmark.name, benchmark.gibibytes) as folder:
        measured = benchmark.measure(benchmark.sizes[words.quick], folder)
    if not words.quick:
        put_section(PERFORMANCE, benchmark.name, benchmark.section(measured))
    if not words.json:
        print(plain(benchmark.table(measured)))
    print(json.dumps(benchmark.figures(measured)))
