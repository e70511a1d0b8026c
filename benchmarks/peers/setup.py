"""Make an environment of its own for each peer, once: ``python benchmarks/peers/setup.py [TOOL ...]``.

They lie in ``$CURATE_PEERS``, by default ``~/.cache/imaging-curation/peers``: outside of the repository. Tools that are
no Python packages are taken from PATH; Debian has them in ``dcmtk`` and ``libgdcm-tools``.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PYDICOM = "pydicom==3.0.2"


@dataclass(frozen=True)
class Peer:
    """A tool to be compared with: its adapter here, and where it comes from.

    `requirements` are pinned; `alone` are pinned too, and installed without what they say they need (a window's
    toolkit and a segmentation stack, in the one case). `command` names a program that must be on PATH. `pydicom` tells
    that it works on data sets of pydicom.
    """

    name: str
    adapter: str
    requirements: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    python: str = ""
    command: str = ""
    pydicom: bool = False


PEERS = (
    Peer("dicognito", "run_dicognito.py", ("dicognito==0.19.0", PYDICOM), pydicom=True),
    Peer("dicom-anonymizer", "run_dicom_anonymizer.py", ("dicom-anonymizer==2.1.0", PYDICOM), pydicom=True),
    Peer("deid", "run_deid.py", ("deid==0.4.13", PYDICOM), pydicom=True),
    Peer("dicom-dre", "run_dicom_dre.py", ("dicom-dre==1.4.2", PYDICOM), python="3.12", pydicom=True),
    Peer(
        "rsna-anonymizer",
        "run_rsna_anonymizer.py",
        (
            PYDICOM,
            "sqlalchemy==2.1.9",
            "dataclasses-json==0.6.7",
            "pynetdicom==3.0.4",
            "openpyxl==3.1.5",
            "toml==0.10.2",
        ),
        alone=("rsna-anonymizer==19.0.10",),
        pydicom=True,
    ),
    Peer("dcmanon", "run_dcmanon.py", ("dcmanon==0.3.1",)),
    Peer("gdcmanon", "run_gdcmanon.py", command="gdcmanon"),
    Peer("dcmodify", "run_dcmodify.py", command="dcmodify"),
)


def environments() -> Path:
    """Give the folder of the environments."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CURATE_PEERS") or cache / "imaging-curation/peers")


def interpreter(peer: Peer) -> Path | None:
    """Give the Python that runs a peer's adapter; none if the peer is not set up."""
    if peer.command:
        return Path(sys.executable) if shutil.which(peer.command) else None
    folder = environments() / peer.name
    return folder / "bin/python" if (folder / ".ready").exists() else None


def version_of(peer: Peer) -> str:
    """Give the version that is compared: the pinned one, or what the program says."""
    if not peer.command:
        return (*peer.alone, *peer.requirements)[0].partition("==")[2]
    said = subprocess.run([str(shutil.which(peer.command)), "--version"], check=False, capture_output=True, text=True)
    numbers = re.findall(r"\d+(?:\.\d+)+", said.stdout)
    return numbers[0] if numbers else ""


def set_up(peer: Peer) -> bool:
    """Install a peer if it is not there yet, and tell whether it is there now."""
    if interpreter(peer) is None and not peer.command:
        folder = environments() / peer.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if all(_ran(command) for command in _commands(peer, folder)):
            (folder / ".ready").touch()
    return interpreter(peer) is not None


def _commands(peer: Peer, folder: Path) -> list[list[str]]:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv:
        version = peer.python or f"{sys.version_info.major}.{sys.version_info.minor}"
        made = [uv, "venv", "--quiet", "--python", version, str(folder)]
        install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python")]
    else:
        made = [f"python{peer.python}" if peer.python else sys.executable, "-m", "venv", str(folder)]
        install = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = [[*install, "--no-deps", *peer.alone]] if peer.alone else []
    return [made, [*install, *peer.requirements], *alone]


def _ran(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False).returncode == 0
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tools", nargs="*", metavar="TOOL", help="all of them by default")
    wanted = parser.parse_args().tools
    for one in PEERS:
        if not wanted or one.name in wanted:
            print(f"{one.name}: {'ready' if set_up(one) else 'not to be had here'}")
