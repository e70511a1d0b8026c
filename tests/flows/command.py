"""The command line run as a user would, and where pictures of a test run are kept."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ARTIFACTS = Path(__file__).parents[1] / "artifacts"


def curate(*words: str, folder: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *words],
        cwd=folder,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=1200,
        check=False,
    )


@dataclass(frozen=True)
class DemoRun:
    """A finished demo: its folder and what it printed."""

    folder: Path
    installation: Path
    answer: subprocess.CompletedProcess[str]
