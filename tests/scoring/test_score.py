"""The generated corpus is de-identified and scored: everything asked is fulfilled, and what is broken is noticed."""

import csv
import json
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit
from typer.testing import CliRunner

from flows.cli import app
from flows.crosswalk import write_pairs
from flows.scoring.checks import Identifiers
from flows.scoring.score import NO_INPUT, Scored, read_identifiers, score
from tasks.dicom.conformance import verifier
from tasks.errors import VerificationError
from tests.deidentify.objects import a_ct, bytes_of, outcome_of
from tests.scoring.corpus import planted_corpus
from tests.scoring.keys import asked, row_of, write_key

Figures = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """Folders of source and output, the key, and the two lists."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        return self.folder / name

    def scored(self, **more: Path) -> Figures:
        ids = read_identifiers(self.folder / "uids.csv", self.folder / "patients.csv")
        return score(Scored(self.folder / "key.db", self.folder / "output", ids, **more))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The corpus, de-identified."""
    site = Site(tmp_path_factory.mktemp("scored"))
    for folder in (site.folder / "source", site.folder / "output"):
        folder.mkdir()
    uids: dict[str, str] = {}
    patients: dict[str, str] = {}
    rows = []
    for planted in planted_corpus():
        content = bytes_of(planted.dataset)
        (site.folder / "source" / f"{planted.name}.dcm").write_bytes(content)
        outcome = outcome_of(content)
        assert outcome.content is not None, (planted.name, outcome.rule_id, outcome.findings)
        (site.folder / "output" / f"{outcome.sop_uid}.dcm").write_bytes(outcome.content)
        for (kind, old), new in outcome.crosswalk.items():
            (patients if kind == "patient" else uids)[old] = new
        rows.append(row_of(planted.dataset, planted.checks))
    write_key(site.folder / "key.db", rows)
    write_pairs(site.folder / "uids.csv", uids.items())
    write_pairs(site.folder / "patients.csv", patients.items())
    (site.folder / "output" / "notes.txt").write_text("no DICOM")
    return site


@pytest.fixture
def broken(made: Site, tmp_path: Path) -> Callable[[Callable[[Any], None]], Figures]:
    """The figures after every output was changed."""

    def after(change: Callable[[Any], None]) -> Figures:
        for path in (made.folder / "output").glob("*.dcm"):
            dataset = dcmread(path)
            change(dataset)
            dataset.save_as(tmp_path / path.name)
        ids = read_identifiers(made.folder / "uids.csv", made.folder / "patients.csv")
        return score(Scored(made.folder / "key.db", tmp_path, ids, made.folder / "source"))

    return after


def test_every_required_action_passes_on_the_generated_corpus(made: Site) -> None:
    failed = made.folder / "failed.csv"
    figures = made.scored(source=made.folder / "source", discrepancies=failed)
    with failed.open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == []
    assert figures["instances"] == {"in the key": 11, "found": 11, "missing": 0, "unreadable": 0, "not in the key": 0}
    assert figures["by instance"]["score"] == figures["by series"]["score"] == 1
    assert figures["by instance"]["weighted category score"] == 1
    assert figures["leakage"]["left"] == figures["leakage"]["undecided"] == 0
    assert figures["leakage"]["checks"] > 90
    assert figures["retention"]["rate"] == figures["retention"]["rate in part"] == 1
    assert set(figures["identities"].values()) == {0}
    assert figures["intervals"]["moved otherwise"] == 0
    assert figures["intervals"]["dates"] > 11
    assert figures["unclean"] == {"instances": 11, "name_clean": 0, "meta_clean": 0, "codestream_clean": 0}


@pytest.mark.skipif(verifier() is None, reason="dicom3tools is not installed")
def test_no_output_has_an_error_that_its_source_lacked(made: Site) -> None:
    figures = made.scored(source=made.folder / "source")
    assert figures["conformance"] == {"new errors": 0, "undecided": 1, "without new errors": 10}  # one is deflated


def test_a_name_that_was_left_is_a_leak_and_no_loss(broken: Any) -> None:
    figures = broken(lambda dataset: setattr(dataset, "PatientName", "ZZCANARY^ANNA"))
    assert figures["leakage"]["left"] >= 10
    assert figures["retention"]["rate"] == 1
    assert figures["by instance"]["category scores"]["hipaa"] < 1
    assert figures["by instance"]["category scores"]["tcia"] == 1


def test_a_value_that_was_lost_is_no_leak(broken: Any) -> None:
    figures = broken(lambda dataset: dataset.pop("InstanceNumber"))
    assert figures["leakage"]["left"] == 0
    assert figures["actions"]["text_notnull"] == {"passed": 0, "failed": 11, "blank": 0, "partial": 0}
    assert figures["retention"]["rate"] < 1


def test_the_worst_instance_counts_for_a_series(broken: Any) -> None:
    def change(dataset: Any) -> None:
        if dataset.InstanceNumber == 3:
            dataset.Modality = "MR"

    figures = broken(change)
    assert figures["actions"]["text_retained"]["failed"] == 1
    assert figures["by series"]["failed"] == 1
    assert sum(figures["by series"][word] for word in ("passed", "failed", "blank")) < sum(
        figures["by instance"][word] for word in ("passed", "failed", "blank")
    )


def test_dates_that_moved_by_different_offsets_are_noticed(broken: Any) -> None:
    def change(dataset: Any) -> None:
        if dataset.InstanceNumber == 3:
            dataset.StudyDate = "20110101"

    assert broken(change)["intervals"]["moved otherwise"] == 1


def test_what_lies_around_the_data_set_is_noticed(broken: Any) -> None:
    def change(dataset: Any) -> None:
        dataset.preamble = b"x" * 128

    assert broken(change)["unclean"]["meta_clean"] == 11


@pytest.mark.skipif(verifier() is None, reason="dicom3tools is not installed")
def test_an_error_that_is_new_is_counted(broken: Any) -> None:
    figures = broken(lambda dataset: dataset.pop("SOPClassUID"))
    assert figures["conformance"]["with new errors"] == 10


def test_a_missing_instance_leaks_nothing_and_keeps_nothing(made: Site, tmp_path: Path) -> None:
    ids = read_identifiers(made.folder / "uids.csv", made.folder / "patients.csv")
    figures = score(Scored(made.folder / "key.db", tmp_path, ids))
    assert figures["instances"]["missing"] == 11
    assert figures["leakage"]["rate"] == 0
    assert figures["retention"]["rate"] == 0
    assert figures["intervals"] == figures["conformance"] == NO_INPUT


def test_two_people_who_became_one_are_counted(tmp_path: Path) -> None:
    write_key(tmp_path / "key.db", [])
    ids = Identifiers({"1.2": "2.25.1", "1.3": "2.25.2"}, {"a": "X", "b": "X", "c": "Y"})
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "1.dcm").write_bytes(bytes_of(a_ct()))
    figures = score(Scored(tmp_path / "key.db", tmp_path / "output", ids))
    assert figures["identities"] == {"uids that share their new one": 0, "patients that share their new id": 2}
    assert figures["instances"]["not in the key"] == 1
    assert figures["by instance"]["score"] is figures["by instance"]["weighted category score"] is None
    assert figures["leakage"]["rate"] is figures["retention"]["rate"] is None


def test_an_output_that_breaks_the_parser_is_counted_and_stops_nothing(tmp_path: Path) -> None:
    source = a_ct(StudyDate="no date", AcquisitionDateTime="2020")
    deflated = a_ct(SOPInstanceUID="1.2.5")
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = bytes_of(deflated)
    (tmp_path / "cut.dcm").write_bytes(content[:400] + b"\xff" * 60)
    odd = a_ct(SOPInstanceUID="1.2.6", AcquisitionDateTime="2020")
    odd.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    odd["PixelData"].VR = "OB"
    odd.PixelData = b"\xfe\xff\x00\xe0\xff\xff"
    with (tmp_path / "odd.dcm").open("wb") as file:
        dcmwrite(file, odd, enforce_file_format=False)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "1.dcm").write_bytes(bytes_of(source))
    write_key(tmp_path / "key.db", [row_of(source, [asked("pixels_retained", text="0")])])
    ids = Identifiers({source.SOPInstanceUID: "1.2.6"}, {})
    figures = score(Scored(tmp_path / "key.db", tmp_path, ids, tmp_path / "source"))
    assert figures["unclean"]["codestream_clean"] == 1
    assert figures["intervals"]["moved otherwise"] == 0


def test_an_original_identifier_in_a_name_is_noticed(tmp_path: Path) -> None:
    source = a_ct()
    write_key(tmp_path / "key.db", [row_of(source, [asked("text_removed", "<(0008,1030)>", text="Smith")])])
    (tmp_path / "smith").mkdir()
    (tmp_path / "smith" / "1.dcm").write_bytes(bytes_of(source))
    ids = Identifiers({source.SOPInstanceUID: source.SOPInstanceUID}, {})
    assert score(Scored(tmp_path / "key.db", tmp_path, ids))["unclean"]["name_clean"] == 1


def test_checks_that_did_not_pass_are_listed_for_the_owner_alone(made: Site, tmp_path: Path) -> None:
    ids = read_identifiers(made.folder / "uids.csv", made.folder / "patients.csv")
    listed = tmp_path / "failed.csv"
    figures = score(Scored(made.folder / "key.db", tmp_path, ids, discrepancies=listed))
    with listed.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == figures["by instance"]["failed"]
    assert {row["file_value"] for row in rows} == {"<MISSING FILE>"}
    assert ("dicom", "DICOM-IOD-1") in {(row["category"], row["subcategory"]) for row in rows}
    assert stat.S_IMODE(listed.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"no database", b""])
def test_a_file_that_is_no_key_is_refused_without_a_word_of_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.db").write_bytes(content)
    with pytest.raises(VerificationError, match="no SQLite database with a table answer_data"):
        score(Scored(tmp_path / "key.db", tmp_path, Identifiers({}, {})))


@pytest.mark.parametrize("document", ["ZZCANARY", '["ZZCANARY"]', '{"0": "ZZCANARY"}'])
def test_checks_that_are_no_json_are_refused_without_a_word_of_them(tmp_path: Path, document: str) -> None:
    write_key(tmp_path / "key.db", [("P", "1", "2", "3", "4", "CT", document)])
    with pytest.raises(VerificationError, match="row 1") as raised:
        score(Scored(tmp_path / "key.db", tmp_path, Identifiers({}, {})))
    assert "ZZCANARY" not in str(raised.value)


@pytest.mark.parametrize("content", ["old,new\n1,2\n", "\xff"])
def test_a_list_without_its_columns_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "u.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(VerificationError, match="UIDs"):
        read_identifiers(tmp_path / "u.csv", tmp_path / "u.csv")


def test_the_command_answers_in_json_and_in_tables(made: Site, tmp_path: Path) -> None:
    words = ["score-midib", str(made.folder / "key.db"), str(made.folder / "output")]
    words += ["--uids", str(made.folder / "uids.csv"), "--patients", str(made.folder / "patients.csv")]
    answer = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(answer.stdout)["by instance"]["score"] == 1
    more = ["--input", str(made.folder / "source"), "--discrepancies", str(tmp_path / "failed.csv")]
    shown = CliRunner().invoke(app, [*words, *more])
    assert shown.exit_code == 0
    assert "not measured" in CliRunner().invoke(app, words).stdout
    assert all(title in shown.stdout for title in ("Leakage", "Retention", "Conformance", "Categories"))
