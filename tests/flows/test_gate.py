"""A gate that really stops: the batch ends with its own exit code, its reports stand, and no run counts."""

import io
import json
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from config.settings import Settings, load_settings
from flows.local import curate_locally
from tasks import running
from tasks.errors import GateError
from tests.flows.command import curate

SITE = """
[[tables]]
pattern = "*.csv"
[tables.columns]
"MRN" = {field = "patient_id"}
"Sex" = {field = "subject.sex", codes = {M = "Male", F = "Female"}}
"Test" = {field = "test.start", date = "vote"}
"Result" = {field = "test.result"}
[tables.constant]
"test.name" = "COVID-19"
"""


def a_ct(patient: str, number: int) -> bytes:
    """Give a small CT slice that passes de-identification."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = f"1.2.826.9.{number}.3", f"1.2.826.9.{number}.2"
    dataset.StudyInstanceUID, dataset.PatientID = f"1.2.826.9.{number}.1", patient
    dataset.PatientName, dataset.PatientSex, dataset.StudyDate = f"ZZCANARY^{patient}", "F", "20200401"
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Rows = dataset.Columns = 2
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = bytes(8)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    batch = tmp_path / "raw/s01/b1"
    for folder in (batch, tmp_path / "work", tmp_path / "release", tmp_path / "sites"):
        folder.mkdir(parents=True)
    (tmp_path / "sites/s01.toml").write_text(SITE)
    for number in (1, 2):
        (batch / f"{number}.dcm").write_bytes(a_ct(f"ZZCANARY{number}", number))
    (batch / "tests.csv").write_text(
        "MRN,Sex,Test,Result\nZZCANARY1,F,31/03/2020,Positive\nZZCANARY2,F,03/31/2020,Negative\n"
    )
    (batch / "_COMPLETE").write_bytes(b"")
    curate("keys", "new", "keys.toml", folder=tmp_path)
    stores = {name: f"file://{tmp_path / name}" for name in ("raw", "work", "release")}
    running.open_context.cache_clear()
    return load_settings(None, sites=str(tmp_path / "sites"), keys=str(tmp_path / "keys.toml"), **stores)


def test_a_column_with_mixed_date_orders_stops_the_batch(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(GateError, match="C-DATE-ORDER-VOTE") as problem:
        curate_locally("s01", "b1", settings)
    assert (problem.value.exit_code, bool(problem.value.next_step)) == (6, True)
    written = [path for path in (tmp_path / "work").rglob("*") if path.is_file()]
    assert [path.name for path in written if path.name == "current.json"] == []
    assert [path for path in written if path.name == "validation.md"]
    assert not [path for path in written if path.parts[-2] == "tables"]


def test_the_same_batch_passes_once_its_dates_agree(settings: Settings, tmp_path: Path) -> None:
    table = tmp_path / "raw/s01/b1/tests.csv"
    table.write_text(table.read_text().replace("03/31/2020", "31/03/2020"))
    report = curate_locally("s01", "b1", settings)
    assert report.counts == {"not-imaging": 2, "released-candidate": 2}
    pointer = json.loads((tmp_path / "work/batches/s01/b1/current.json").read_text())
    assert pointer == {"run": report.run}
    assert curate_locally("s01", "b1", settings).unchanged


def test_a_stopped_batch_ends_the_command_with_six(settings: Settings, tmp_path: Path) -> None:
    words = ["--raw", settings.raw, "--work", settings.work, "--sites", str(settings.sites), "--keys", "keys.toml"]
    answer = curate("batch", "s01", "b1", "--local", *words, folder=tmp_path)
    assert answer.returncode == 6
    assert "C-DATE-ORDER-VOTE" in answer.stderr
    assert "ZZCANARY" not in answer.stdout + answer.stderr
