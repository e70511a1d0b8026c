"""Where benchmarks work: in memory where there is room, so that no disk is measured."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 -- the folder inside of it has a name of its own
GIBIBYTE = 1 << 30


@contextmanager
def scratch(name: str, gibibytes: int = 4) -> Iterator[Path]:
    """Give a new folder that is removed in the end."""
    root = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > gibibytes * GIBIBYTE else None
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=root) as folder:
        yield Path(folder)
