"""De-identification beside a copy of the bytes and beside other tools: CPU time, memory, planted identifiers left.

``python benchmarks/deidentify.py [--quick] [--json]``. All read and write the same files in the same run, each in a
process that is warm, their rounds in turns; what counts is user and system time, of which the best round is taken, and
only ratios mean anything elsewhere. A whole run sets up the peers that are missing, and writes the chart and the table
of ``docs/explanation/performance.md``; a quick one takes the peers that are there and leaves the pages alone.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chart import Bar, bar_chart
from contest import Contestant, DiedError, Runner, own
from corpus import QUICK, Corpus, Shape, write_corpus
from leaks import left_in, planted_values, series_in
from page import PERFORMANCE, PICTURES, markdown, plain, put_section
from scratch import scratch

sys.path.append(str(Path(__file__).parent / "peers"))
from setup import PEERS, interpreter, set_up, version_of

OURS, HASHED, BARE = "imaging-curation", "engine + SHA-256", "engine"
MORE_DIGESTS = {  # beside SHA-256, by the figure that tells what they cost
    "md5": ("md5",),
    "crc64nvme": ("crc64nvme",),
    "pixel_sha256": ("pixel_sha256",),
    "all": ("md5", "crc64nvme", "pixel_sha256"),
}
CLEANED = ("ours", "peer")
COPY, COPY_SHA256 = "copy", "copy + SHA-256"
CHART = "deidentify-benchmark.svg"
HEAD = (
    "tool",
    "CT ms",
    "x copy+hash",
    "x ours",
    "CR/DX ms",
    "x copy+hash",
    "peak MB",
    "failed",
    "CT series",
    "left",
    "which",
)


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds of ours and of the floors, and how many of these the peers take part in."""

    shape: Shape
    rounds: int
    peer_rounds: int
    set_up: bool


FULL_PLAN = Plan(Shape(), rounds=7, peer_rounds=3, set_up=True)
QUICK_PLAN = Plan(QUICK, rounds=3, peer_rounds=1, set_up=False)


def contestants(plan: Plan) -> Iterator[Contestant]:
    """Give the floors, ours and the peers that can be had."""
    yield own(COPY, "floor", "floors.py", "copy")
    yield own(COPY_SHA256, "floor", "floors.py", "copy-sha256")
    yield own(OURS, "ours", "ours.py")
    yield own(HASHED, "ours", "ours.py", "bare")
    yield own(BARE, "ours", "ours.py", "bare", "unhashed")
    for name, digests in MORE_DIGESTS.items():
        yield own(f"{HASHED} + {name}", "digest", "ours.py", "bare", *digests)
    for peer in PEERS:
        python = interpreter(peer)
        if python is None and plan.set_up and set_up(peer):
            python = interpreter(peer)
        if python is None:
            print(f"skipped {peer.name}: not set up (benchmarks/peers/setup.py)", file=sys.stderr)
            continue
        adapter = str(Path(__file__).parent / "peers" / peer.adapter)
        yield Contestant(
            peer.name,
            "peer",
            (str(python), adapter),
            version_of(peer),
            pydicom=peer.pydicom,
            startup=bool(peer.command),
        )


def measure(plan: Plan, folder: Path) -> tuple[list[Runner], Corpus]:
    """Let all contestants take their rounds in turn, and search what each wrote."""
    corpus = write_corpus(folder / "corpus", plan.shape)
    files = {kind: [folder / "corpus" / name for name in getattr(corpus, kind)] for kind in ("ct", "dx")}
    runners = list(_started(plan, folder, files["ct"][0]))
    try:
        for number in range(plan.rounds):
            for runner in runners:
                if runner.contestant.kind != "peer" or number < plan.peer_rounds:
                    for modality, paths in files.items():
                        runner.round(modality, paths)
        searched = planted_values(corpus.planted)
        for runner in runners:
            runner.result.ct_series = series_in(runner.folder / "ct")
            if runner.contestant.kind in CLEANED:
                written = [runner.folder / modality for modality in files]
                runner.result.left = left_in(written, searched, corpus.native_pixel_bytes)
    finally:
        for runner in runners:
            runner.stop()
    return runners, corpus


def _started(plan: Plan, folder: Path, file: Path) -> Iterator[Runner]:
    for contestant in contestants(plan):
        runner = Runner(contestant, folder / "out")
        try:
            runner.warm_up(file)
        except DiedError as problem:
            runner.stop()
            print(f"skipped {problem}", file=sys.stderr)
            continue
        shutil.rmtree(runner.folder / "warm")
        yield runner


class Report:
    """The measured runners as figures, rows and bars."""

    def __init__(self, runners: Sequence[Runner], corpus: Corpus) -> None:
        self.runners = runners
        counts = {"ct": len(corpus.ct), "dx": len(corpus.dx)}
        self.counts = counts
        self.planted = sum(map(len, corpus.planted.values()))
        self.ms = {
            runner.contestant.name: {kind: runner.milliseconds(kind, counts[kind]) for kind in counts}
            for runner in runners
        }

    def figures(self) -> dict[str, object]:
        """Give the figures that others rely on.

        Beside the floor the engine and the hash, and all that we do, which is also the search for what is left. Peers
        neither hash nor search: they stand beside the engine alone, and once more beside all that we do.
        """
        hashed, searched, floor = self.ms[HASHED], self.ms[OURS], self.ms[COPY_SHA256]
        cleaned = [runner for runner in self.runners if runner.contestant.kind in CLEANED]
        own_runner = next(runner for runner in self.runners if runner.contestant.name == OURS)
        return {
            "ct_vs_copy_sha256": round(hashed["ct"] / floor["ct"], 3),
            "dx_vs_copy_sha256": round(hashed["dx"] / floor["dx"], 3),
            "ct_with_residual_vs_copy_sha256": round(searched["ct"] / floor["ct"], 3),
            "dx_with_residual_vs_copy_sha256": round(searched["dx"] / floor["dx"], 3),
            "ct_digests_vs_sha256": self._digests_vs_sha256("ct"),
            "dx_digests_vs_sha256": self._digests_vs_sha256("dx"),
            "ct_peers": self._times_slower(BARE),
            "ct_peers_with_residual": self._times_slower(OURS),
            "planted_left": {runner.contestant.name: sum(runner.result.left.values()) for runner in cleaned},
            "peak_rss_mb": round(own_runner.result.peak_rss_mb, 1),
        }

    def _digests_vs_sha256(self, kind: str) -> dict[str, float]:
        """Give how many times the CPU time of engine and SHA-256 alone is taken where further digests are made."""
        floor = self.ms[HASHED][kind]
        return {name: round(self.ms[f"{HASHED} + {name}"][kind] / floor, 2) for name in MORE_DIGESTS}

    def _times_slower(self, name: str) -> dict[str, float]:
        """Give how many times the CPU time of one of ours each peer takes on CT."""
        ours = self.ms[name]["ct"]
        peers = [runner.contestant.name for runner in self.runners if runner.contestant.kind == "peer"]
        return {peer: round(self.ms[peer]["ct"] / ours, 2) for peer in peers}

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table, fastest first."""
        return [HEAD, *(self._row(runner) for runner in self._sorted())]

    def _sorted(self) -> list[Runner]:
        return sorted(self.runners, key=lambda runner: self.ms[runner.contestant.name]["ct"])

    def _row(self, runner: Runner) -> tuple[str, ...]:
        contestant, result = runner.contestant, runner.result
        ms, floor = self.ms[contestant.name], self.ms[COPY_SHA256]
        left = ", ".join(f"{count} {kind}" for kind, count in sorted(result.left.items()))
        return (
            f"{contestant.name} {contestant.version}".strip(),
            f"{ms['ct']:.2f}",
            f"{ms['ct'] / floor['ct']:.2f}",
            f"{ms['ct'] / self.ms[OURS]['ct']:.2f}",
            f"{ms['dx']:.1f}",
            f"{ms['dx'] / floor['dx']:.2f}",
            f"{result.peak_rss_mb:.0f}",
            str(sum(result.failed.values())),
            str(result.ct_series),
            str(sum(result.left.values())) if contestant.kind in CLEANED else "-",
            left or "-",
        )

    def chart(self) -> str:
        """Give the chart of CPU time per CT slice."""
        bars = []
        for runner in self._sorted():
            if runner.contestant.kind == "digest":
                continue
            left, value = sum(runner.result.left.values()), self.ms[runner.contestant.name]["ct"]
            colour = "floor" if runner.contestant.kind == "floor" else "leaks" if left else "clean"
            note = f"{value:.2f} ms" + (f", {left} of {self.planted} left" if left else "")
            bars.append(Bar(runner.contestant.name, value, note, colour))
        return bar_chart("CPU time per CT slice of 0.5 MB", bars)

    def section(self) -> str:
        """Give the section of the page."""
        lead = (
            f"One run over {self.counts['ct']} CT slices (512 x 512) and {self.counts['dx']} CR/DX images "
            f"(2500 x 2000), CPU milliseconds per instance, {self.planted} identifiers planted. Every tool ran with "
            "the profile that it ships; programs that start once per folder are charged without their start. "
            f"`{OURS}` is all that we do to an object but for its further digests, `{HASHED}` leaves out the search "
            f"for what is left of the subject, and `{BARE}` the digest too: no peer makes either. `{HASHED} + all` "
            "adds MD5, CRC-64/NVME and the SHA-256 of the pixels, which every object of a batch is given. A number "
            "of CT series other than that of the copy tells that UIDs were lost, or made anew for every file."
        )
        return f"![CPU time per CT slice](../pictures/{CHART})\n\n{lead}\n\n{markdown(self.rows())}"


def main() -> None:
    """Measure and report; the last line printed is the JSON object of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="under a minute; only peers that are set up; no pages")
    parser.add_argument("--json", action="store_true", help="print the figures only")
    words = parser.parse_args()
    with scratch("deidentify") as folder:
        report = Report(*measure(QUICK_PLAN if words.quick else FULL_PLAN, folder))
    if not words.quick:
        (PICTURES / CHART).write_text(report.chart(), encoding="utf-8")
        put_section(PERFORMANCE, "deidentify", report.section())
    if not words.json:
        print(plain(report.rows()))
    print(json.dumps(report.figures()))


if __name__ == "__main__":
    main()
