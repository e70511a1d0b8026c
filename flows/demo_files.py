"""The real DICOM files of the demo: those that ship inside the packages pydicom and pydicom-data, found by path.

Nothing is fetched: pydicom's own functions for its data may reach for the network, so none of them is called.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from config.errors import ConfigError

MAX_BYTES = 2 << 20  # larger ones would make the demo wait and show nothing more
LEFT_OUT = frozenset({".json", ".py", ".pyc", ".pyi"})  # code, and JSON that would count as a clinical table
_FOLDERS = (("pydicom", "data/test_files"), ("pydicom", "data/charset_files"), ("pydicom", "data/palettes"))
_MORE = ("data_store", "data")


@cache
def real_files() -> dict[str, bytes]:
    """Give the real files by name, such as ``test_files/CT_small.dcm``; those of pydicom-data begin with ``more/``.

    Raises
    ------
    ConfigError
        If a package is not installed.
    """
    found: dict[str, bytes] = {}
    for module, folder in _FOLDERS:
        found |= _files(_folder(module, folder), folder.removeprefix("data/"))
    return found | _files(_folder(*_MORE), "more")


def _folder(module: str, inside: str) -> Path:
    spec = find_spec(module)
    places = list(spec.submodule_search_locations or []) if spec else []
    folder = Path(places[0], inside) if places else None
    if folder is None or not folder.is_dir():
        raise ConfigError(
            f"the demo needs the data files of the package that holds {module}",
            next_step="install the extra: pip install 'imaging-curation[local]'",
        )
    return folder


def _files(folder: Path, name: str) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in LEFT_OUT)
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in paths
        if path.stat().st_size <= MAX_BYTES
    }
