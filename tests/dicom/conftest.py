"""Real DICOM files that ship in packages, and data sets built in code; nothing is fetched."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import data_store
import pydicom.data
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from config.settings import ObjectLimits
from tasks.dicom.silence import silenced

FOLDERS = (Path(pydicom.data.__file__).parent / "test_files", Path(data_store.__file__).parent / "data")
FILES = {path.name: path for folder in FOLDERS for path in sorted(folder.rglob("*")) if path.is_file()}
LIMITS = ObjectLimits()
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"

BytesOf = Callable[..., bytes]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `small_file` with every real file of up to 200 KB."""
    if "small_file" in metafunc.fixturenames:
        small = [name for name, path in sorted(FILES.items()) if path.stat().st_size < 200_000]
        metafunc.parametrize("small_file", small)


@pytest.fixture(scope="session")
def real() -> Callable[[str], bytes]:
    """Give a function that gives the bytes of a real file by its name."""
    return lambda name: FILES[name].read_bytes()


@pytest.fixture(scope="session")
def real_names() -> list[str]:
    """Names of all real files."""
    return sorted(FILES)


def an_image(**values: Any) -> Dataset:
    """Build a small image; a value of None leaves the attribute out."""
    facts: dict[str, Any] = {
        "SOPClassUID": CT_CLASS,
        "SOPInstanceUID": "1.2.3.4",
        "PatientName": "ZZCANARY^Ann",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 2,
        "Columns": 3,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": bytes(12),
    } | values
    dataset = Dataset()
    for keyword, value in facts.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


@pytest.fixture
def image() -> Callable[..., Dataset]:
    """Give the builder of small images."""
    return an_image


@pytest.fixture
def part10() -> BytesOf:
    """Give a function that writes a data set as a Part 10 file in a transfer syntax."""

    def make(dataset: Dataset, syntax: str = ExplicitVRLittleEndian, *, preamble: bytes = bytes(128)) -> bytes:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        dataset.preamble = preamble
        out = BytesIO()
        with silenced():
            dcmwrite(out, dataset, enforce_file_format=True)
        return out.getvalue()

    return make


@pytest.fixture
def encapsulated(part10: BytesOf) -> BytesOf:
    """Give a function that writes an image whose frames are these code streams."""

    def make(frames: list[bytes], syntax: str, *, has_bot: bool = True, **values: Any) -> bytes:
        dataset = an_image(NumberOfFrames=len(frames), **({"PixelData": encapsulate(frames, has_bot=has_bot)} | values))
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        return part10(dataset, syntax)

    return make


@pytest.fixture(scope="session")
def decoded() -> Callable[[bytes], Any]:
    """Give a function that decodes the pixels of a file, or gives None where the decoders refuse it."""

    def decode(content: bytes) -> Any:
        with silenced():
            try:
                return pydicom.dcmread(BytesIO(content), force=True).pixel_array
            except Exception:  # noqa: BLE001 -- some real files are beyond the decoders
                return None

    return decode
