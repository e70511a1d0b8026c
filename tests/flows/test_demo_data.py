"""The demo's input: real files, the same bytes every time, with every kind of object that a batch can hold."""

import hashlib
import io
import json
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from pydicom import dcmread

from config.deid import load_profile
from config.errors import ConfigError
from config.keys import KeyRing
from config.settings import Settings
from config.site import Site
from flows import demo_files
from flows.demo_canaries import canaries
from flows.demo_cohort import CANARY, RETURNED, REUSED, CohortPatient, age_years, images_of, read_header
from flows.demo_data import WRONGLY_DECLARED, DemoBatch, demo_batches, upload
from flows.demo_files import real_files
from tasks.context import BatchContext
from tasks.intake.completeness import require_complete
from tasks.intake.declaration import Form, form_of, parse_declaration
from tasks.intake.plan import plan_batch
from tasks.layout import MARKER
from tasks.store.memory import MemoryStore


@pytest.fixture(scope="module")
def batches() -> list[DemoBatch]:
    return demo_batches()


def everything(batches: list[DemoBatch]) -> dict[str, bytes]:
    return {f"{b.site}/{b.batch}/{path}": content for b in batches for path, content in b.files.items()}


def test_the_demo_is_the_same_every_time(batches: list[DemoBatch]) -> None:
    assert demo_batches() == batches


def test_two_sites_send_three_batches_of_bounded_size(batches: list[DemoBatch]) -> None:
    assert [(b.site, b.batch) for b in batches] == [("s01", "b2026-01"), ("s01", "b2026-02"), ("s02", "b2026-01")]
    found = everything(batches)
    assert 300 <= len(found) <= 400
    assert sum(map(len, found.values())) < 60_000_000


def test_real_files_stand_in_the_batches_byte_for_byte(batches: list[DemoBatch]) -> None:
    found = {hashlib.sha256(content).digest() for content in everything(batches).values()}
    missing = [
        name
        for name, content in real_files().items()
        if hashlib.sha256(content).digest() not in found and "TINY_ALPHA" not in name
    ]
    assert missing == []


def test_every_category_of_input_is_there(batches: list[DemoBatch]) -> None:
    headers = [read_header(content) for content in everything(batches).values() if content[128:132] == b"DICM"]
    modalities = Counter(str(header.get("Modality", "")) for header in headers)
    syntaxes = {str(header.file_meta.get("TransferSyntaxUID", "")) for header in headers}
    charsets = {str(header.get("SpecificCharacterSet", "")) for header in headers}
    assert set(modalities) >= {"CT", "CR", "MR", "US", "SR", "SEG", "RTDOSE", "RTPLAN", "OT", "NM", "ECG"}
    assert len(syntaxes) >= 10
    assert len(charsets) >= 8
    paths = list(everything(batches))
    for ending in (".zip", ".tar.gz", ".gz", "DICOMDIR", "README.txt", "empty.dcm", "DOSE", ".jpg", ".bak", ".IMA"):
        assert any(path.endswith(ending) for path in paths), ending
    assert max(path.count("/") for path in paths) >= 5
    assert any(" " in path for path in paths)
    assert any("+" in path for path in paths)
    assert any(not path.isascii() for path in paths)


def test_the_quarrels_are_what_they_are_called(batches: list[DemoBatch]) -> None:
    files = batches[2].files
    one, two, three, four = (dcmread(io.BytesIO(files[f"quarrels/{number}.dcm"])) for number in range(1, 5))
    assert one.SOPInstanceUID == two.SOPInstanceUID == two.file_meta.MediaStorageSOPInstanceUID
    assert one.InstanceNumber != two.InstanceNumber
    assert three.StudyInstanceUID == four.StudyInstanceUID != one.StudyInstanceUID
    assert three.PatientID != four.PatientID
    assert three.SOPInstanceUID != four.SOPInstanceUID


def test_the_odds_are_what_they_are_called(batches: list[DemoBatch]) -> None:
    files = batches[0].files
    assert files["images/empty.dcm"] == b""
    copy = files["images/copy of first.dcm"]
    assert sum(content == copy for content in files.values()) == 2
    assert copy.startswith(files["images/torn.dcm"])
    assert len(files["images/torn.dcm"]) < len(copy)


def test_archives_hold_a_disc_and_images(batches: list[DemoBatch]) -> None:
    files = batches[2].files
    with zipfile.ZipFile(io.BytesIO(files["archives/disc.zip"])) as disc:
        assert "DICOMDIR" in disc.namelist()
        assert len(disc.namelist()) > 50
    with tarfile.open(fileobj=io.BytesIO(files["archives/images.tar.gz"])) as images:
        assert "notes.txt" in images.getnames()
        assert len(images.getnames()) > 2


def test_declarations_are_true_but_for_one_digest(batches: list[DemoBatch]) -> None:
    wrong = []
    for batch, form in ((batches[0], Form.JSON), (batches[2], Form.TSV)):
        path = next(path for path in batch.files if form_of(path) is form)
        declaration = parse_declaration(form, batch.files[path])
        require_complete({name: len(data) for name, data in batch.files.items()}, declaration, batch="x")
        assert set(batch.files) - set(declaration) == {path, MARKER}
        for name, declared in declaration.items():
            digests = {
                hashlib.sha256(batch.files[name]).hexdigest(),
                hashlib.md5(batch.files[name], usedforsecurity=False).hexdigest(),
            }
            wrong += [name] if (declared.sha256 or declared.md5) not in digests else []
    assert wrong == [WRONGLY_DECLARED]
    assert json.loads(batches[0].files["declaration.json"])["files"]


def test_every_batch_brings_the_tables_of_its_patients(batches: list[DemoBatch]) -> None:
    assert [len(batch.patients) for batch in batches] == [10, 4, 10]
    for batch in batches:
        tables = b"".join(content for path, content in batch.files.items() if path.endswith((".csv", ".tsv")))
        assert any(patient.patient_id.encode() in tables for patient in batch.patients) or any(
            path.endswith((".xlsx", ".parquet", ".json")) for path in batch.files
        )


def test_invented_patients_have_one_to_three_studies_one_comes_again_and_one_has_the_number_of_another() -> None:
    cohort = [CohortPatient("s01" if number < 14 else "s02", number) for number in range(24)]
    assert len({(patient.site, patient.patient_id) for patient in cohort if patient.site == "s02"}) == 10
    assert {patient.patient_id for patient in cohort[:14]} & {patient.patient_id for patient in cohort[14:]}
    assert len({patient.name for patient in cohort}) == len({patient.birth for patient in cohort}) == 23
    returned, reused = cohort[RETURNED], cohort[REUSED]
    assert (returned.patient_id, returned.name, returned.birth, returned.sex) == (
        cohort[0].patient_id, cohort[0].name, cohort[0].birth, cohort[0].sex,
    )  # fmt: skip
    assert reused.patient_id == cohort[1].patient_id
    assert reused.sex != cohort[1].sex
    assert {len(patient.study_dates) for patient in cohort} == {1, 2, 3}
    assert {day.year for patient in cohort for day in patient.study_dates} == {2020, 2021}
    assert any(patient.age_years > 89 for patient in cohort)
    assert all(patient.age_years == age_years(patient.birth, patient.study_dates[0]) for patient in cohort)


def test_an_issued_image_keeps_its_technique_and_gets_a_new_person() -> None:
    patient = CohortPatient("s01", 0)
    image = next(images_of(patient, real_files()))
    before = dcmread(io.BytesIO(real_files()["more/RG1_J2KI.dcm"]))
    after = dcmread(io.BytesIO(image.content))
    assert len(after.PixelData) == len(before.PixelData)
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert (after.Modality, after.BodyPartExamined, after.Rows) == (
        before.Modality,
        before.BodyPartExamined,
        before.Rows,
    )
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "StudyDate", "PatientBirthDate"):
        assert after[keyword].value != before[keyword].value
    for keyword in ("PatientID", "PatientName", "AccessionNumber", "InstitutionName", "PatientComments"):
        assert CANARY in str(after[keyword].value)


def test_slices_of_one_series_stay_one_series() -> None:
    patient = next(p for p in (CohortPatient("s01", number) for number in range(24)) if p.number % 8 == 1)
    images = [image for image in images_of(patient, real_files()) if image.study == 0]
    headers = [read_header(image.content) for image in images]
    assert len(images) == 5
    assert len({image.series_uid for image in images}) == len({header.FrameOfReferenceUID for header in headers}) == 1
    assert len({header.SOPInstanceUID for header in headers}) == 5


def test_upload_writes_markers_last_and_nothing_twice(batches: list[DemoBatch]) -> None:
    store, told, order = MemoryStore(), [], []

    class Watching:
        def create(self, key: str, data: bytes) -> bool:
            order.append(key)
            return store.create(key, data)

    total = sum(len(batch.files) for batch in batches)
    assert upload(batches, Watching(), lambda done, of: told.append((done, of))) == total
    assert told == [(done, total) for done in range(1, total + 1)]
    assert upload(batches, store) == 0
    for batch in batches:
        mine = [key for key in order if key.startswith(f"{batch.site}/{batch.batch}/")]
        assert mine[-1] == f"{batch.site}/{batch.batch}/{MARKER}"


@pytest.mark.parametrize("number", range(3))
def test_intake_takes_every_batch(batches: list[DemoBatch], number: int) -> None:
    batch, raw = batches[number], MemoryStore()
    upload(batches, raw)
    context = BatchContext(
        site=Site(code=batch.site),
        batch=batch.batch,
        settings=Settings(),
        profile=load_profile(),
        ring=KeyRing(1, {1: b"k" * 32}),
        raw=raw,
        work=MemoryStore(),
    )
    plan = plan_batch(context)
    assert plan.objects == len(batch.files)
    assert plan.tables >= 1
    assert plan.size_bytes == sum(map(len, batch.files.values()))


def test_canaries_are_identifiers_that_do_not_turn_up_by_chance() -> None:
    found = canaries()
    assert found[0] == CANARY
    assert len(found) == len(set(found)) > 300
    assert {"77654033", "Doe^Archibald", "山田^太郎", "CQ500-CT-310"} <= set(found)
    assert not [text for text in found if len(text) < 6 and text.isascii()]
    assert not [text for text in found if text.startswith("1.2.840.10008.")]


def test_every_invented_identifier_holds_the_canary(batches: list[DemoBatch]) -> None:
    for path, content in everything(batches).items():
        if "/images/ZZ" in path or "/data/ZZ" in path:
            header = read_header(content)
            assert CANARY in str(header.PatientID)
            assert all(CANARY in part for part in str(header.PatientName).split("^"))


def test_without_the_packages_the_demo_says_what_to_install() -> None:
    with pytest.raises(ConfigError) as caught:
        demo_files._folder("no_such_module", "data")
    assert "local" in caught.value.next_step
    with pytest.raises(ConfigError):
        demo_files._folder("pydicom", "no such folder")


def test_larger_files_and_code_are_left_out() -> None:
    assert max(map(len, real_files().values())) <= demo_files.MAX_BYTES
    assert not [name for name in real_files() if Path(name).suffix in demo_files.LEFT_OUT]
