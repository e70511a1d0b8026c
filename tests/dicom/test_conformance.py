"""The judge of conformance is an independent program, which may be missing, slow, or unable to read."""

import stat
from pathlib import Path

import pytest

from flows.scoring.outputs import instances_in
from tasks.dicom import conformance
from tasks.dicom.conformance import errors_of, new_errors, verifier
from tests.deidentify.objects import a_ct, bytes_of


def a_program(folder: Path, script: str) -> str:
    path = folder / "judge"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_errors_are_told_without_the_numbers_that_change(tmp_path: Path) -> None:
    program = a_program(
        tmp_path, "echo 'Error - bad <2.25.1> in <Rows>'; echo 'Warning - none'; echo 'Error - <a>' >&2"
    )
    assert errors_of(b"", program) == {"Error - bad <> in <Rows>", "Error - <a>"}
    assert new_errors(b"", b"", program) == 0


@pytest.mark.parametrize("script", ["sleep 5", "echo 'Error - Dicom dataset read failed'"])
def test_what_cannot_be_judged_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(conformance, "_SECONDS", 0.5)
    assert new_errors(b"", b"", a_program(tmp_path, script)) is None


def test_without_the_package_the_program_of_the_search_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    verifier.cache_clear()
    assert verifier() is None
    verifier.cache_clear()
    (tmp_path / "dciodvfy").write_text("#!/bin/sh\n")
    (tmp_path / "dciodvfy").chmod(0o700)
    assert verifier() == str(tmp_path / "dciodvfy")
    verifier.cache_clear()


def test_of_two_files_with_one_instance_the_first_counts_and_what_is_no_dicom_is_passed_over(tmp_path: Path) -> None:
    ct = a_ct()
    for name, content in (("b.dcm", bytes_of(ct)), ("a/c.dcm", bytes_of(ct)), ("x.txt", b"text"), ("y", b"")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert instances_in(tmp_path) == {ct.SOPInstanceUID: tmp_path / "a/c.dcm"}
