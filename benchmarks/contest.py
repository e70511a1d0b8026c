"""Contestants as processes that wait for rounds, so that all are warm and their rounds can take turns."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ADAPTERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Contestant:
    """Who takes part: `kind` is floor, ours or peer; `startup` tells that each round starts a program anew."""

    name: str
    kind: str
    command: tuple[str, ...]
    version: str = ""
    pydicom: bool = False
    startup: bool = False


@dataclass
class Result:
    """What was measured, and what came out.

    `rounds` are CPU seconds by modality, `peak_rss_mb` is in MiB, `left` counts planted values by kind, and `ct_series`
    the different series of the CT outputs.
    """

    rounds: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    peak_rss_mb: float = 0.0
    left: dict[str, int] = field(default_factory=dict)
    ct_series: int = 0


class DiedError(Exception):
    """A contestant ended before it answered; the message names its log."""


class Runner:
    """One running contestant and its result."""

    def __init__(self, contestant: Contestant, folder: Path) -> None:
        environment = os.environ | {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(folder.parent / "bytecode"),
        }
        self.contestant, self.folder, self.result = contestant, folder / contestant.name, Result()
        self.folder.mkdir(parents=True)
        self.log = folder / f"{contestant.name}.log"
        self.startup_seconds = 0.0
        with self.log.open("w") as log:
            # Once without work, so that nobody compiles its modules in the contest.
            subprocess.run(
                contestant.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, check=False
            )
            self.process = subprocess.Popen(
                contestant.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )

    def warm_up(self, file: Path) -> None:
        """Let imports, rules and caches happen; for a program that starts anew each time, note what a start costs."""
        for _ in range(3 if self.contestant.startup else 1):
            seconds = float(self._asked([file], "warm")["cpu_seconds"])
            self.startup_seconds = min(seconds, self.startup_seconds or seconds)

    def round(self, modality: str, files: Sequence[Path]) -> None:
        """Do all files once and note the CPU seconds, without those of a start and its one file."""
        answer = self._asked(files, modality)
        seconds = answer["cpu_seconds"]
        if self.contestant.startup:
            seconds = (seconds - self.startup_seconds) * len(files) / (len(files) - 1)
        self.result.rounds.setdefault(modality, []).append(seconds)
        self.result.failed[modality] = int(answer["failed"])
        self.result.peak_rss_mb = max(self.result.peak_rss_mb, answer["peak_rss_mb"])

    def milliseconds(self, modality: str, files: int) -> float:
        """Give the CPU milliseconds per file of the best round: what disturbs a round only ever adds."""
        return min(self.result.rounds[modality]) * 1000 / files

    def stop(self) -> None:
        """End the process."""
        _input(self.process).close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def _asked(self, files: Sequence[Path], modality: str) -> dict[str, float]:
        asked = {"files": [str(file) for file in files], "out": str(self.folder / modality)}
        try:
            print(json.dumps(asked), file=_input(self.process), flush=True)
            answer = self.process.stdout.readline() if self.process.stdout else ""
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise DiedError(f"{self.contestant.name} ended: {self.log.read_text()[-500:]}")
        given: dict[str, float] = json.loads(answer)
        return given


def _input(process: subprocess.Popen[str]) -> IO[str]:
    if process.stdin is None:
        raise DiedError("a contestant has no standard input")
    return process.stdin


def own(name: str, kind: str, script: str, *words: str) -> Contestant:
    """Give a contestant that runs in this environment."""
    return Contestant(name, kind, (sys.executable, str(ADAPTERS / script), *words))
