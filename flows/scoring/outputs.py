"""The folder that is scored: which of its files holds which instance."""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import FileDataset

from tasks.dicom.silence import silenced

SOP_INSTANCE = 0x00080018


@dataclass(frozen=True, slots=True)
class Output:
    """One file: its path relative to the folder, its bytes, and what they are read as."""

    path: str
    content: bytes = field(repr=False)
    dataset: FileDataset = field(repr=False)


def instances_in(folder: Path) -> dict[str, Path]:
    """Give the file of every SOP Instance UID below a folder; what cannot be read as DICOM is passed over.

    Of two files with one UID the first by path counts.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        uid = _uid_of(path) if path.is_file() else ""
        if uid:
            found.setdefault(uid, path)
    return found


def _uid_of(path: Path) -> str:
    with silenced():
        try:
            header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=[SOP_INSTANCE])
            return str(header.get("SOPInstanceUID", ""))
        except Exception:  # noqa: BLE001 -- a folder may hold anything, and its bytes may do anything to the parser
            return ""


def read_output(path: Path, folder: Path) -> Output:
    """Read one file whole."""
    content = path.read_bytes()
    return Output(path.relative_to(folder).as_posix(), content, dcmread(BytesIO(content), force=True))
