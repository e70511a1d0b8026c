"""Files that hold source values: for their owner's eyes only."""

import os
from pathlib import Path
from typing import TextIO


def private_file(path: Path) -> TextIO:
    """Open a text file for writing that its owner alone can read; a file that stands there is replaced."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(handle, 0o600)  # a file that stood there may have been open to others
    return os.fdopen(handle, "w", encoding="utf-8", newline="")
