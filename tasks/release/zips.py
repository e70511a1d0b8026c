"""One ZIP per series whose bytes depend on its images only: no time, no owner, no order of a listing."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

_BEGINNING = (1980, 1, 1, 0, 0, 0)  # the first time that a ZIP can state
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3


def write_zip(path: Path, files: Sequence[Path]) -> None:
    """Write files into a ZIP, stored as they are, in the order of their names; it has its name once it is whole."""
    part = path.with_name(f"{path.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(files, key=lambda one: one.name):
            member = zipfile.ZipInfo(file.name, _BEGINNING)
            member.create_system, member.external_attr = _UNIX, _PLAIN_FILE
            member.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(member, "w") as target:
                while piece := source.read(1 << 20):
                    target.write(piece)
    part.replace(path)
