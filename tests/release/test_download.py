import hashlib
import os
import zipfile
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from config.errors import ConfigError
from tasks.errors import VerificationError
from tasks.release import filters
from tasks.release.build import build_release
from tasks.release.download import _object, _Outcome, download
from tasks.release.filters import Catalogue, Choice, opened
from tasks.release.reading import open_tables
from tasks.release.withdraw import withdraw
from tasks.release.withdrawn import Withdrawal
from tasks.store.memory import MemoryStore
from tests.release.batches import Batch, Image, Installation, a_condition, first_batch, second_batch, some_images


@pytest.fixture(scope="module")
def built() -> Installation:
    """Four subjects, of whom one was diagnosed."""
    installation = Installation()
    first_batch().write(installation.work)
    second_batch().write(installation.work)
    Batch(
        "site-c/batch-1",
        some_images("SUBJECTD", study="5", instances=1),
        subjects={"SUBJECTD": {"age_at_index": 12, "race_ethnicity": ["White"], "race": "White"}},
        conditions=[a_condition("c1", "SUBJECTD", 3)],
    ).write(installation.work)
    build_release("2026.11", context=installation.context)
    return installation


@pytest.fixture
def released(built: Installation) -> Installation:
    """A release that a test may damage."""
    return built.with_release(a_copy(built.release))


def images(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("data/**/*") if path.is_file())


def chosen(installation: Installation, folder: Path, *words: str, where: str | None = None) -> int:
    return download(installation.release, folder, Choice(words, where)).objects


def test_everything_comes_to_the_path_that_is_its_key(released: Installation, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    report = download(released.release, tmp_path, Choice(), progress=lambda done, total: told.append((done, total)))
    contents = {key: data for key, data in released.contents().items() if key.startswith("data/")}
    assert {name: (tmp_path / name).read_bytes() for name in images(tmp_path)} == contents
    assert (report.version, report.objects, report.fetched, report.kept) == ("2026.11", 11, 11, 0)
    assert report.size_bytes == sum(map(len, contents.values()))
    assert sorted(told) == [(done, 11) for done in range(1, 12)]


@pytest.mark.parametrize("name", ["it's", 'a "b"', "a[1]*"])
def test_a_folder_may_have_any_name(released: Installation, tmp_path: Path, name: str) -> None:
    assert chosen(released, tmp_path / name, "modality=CT") == 11


def test_the_tables_come_along_under_their_keys(released: Installation, tmp_path: Path) -> None:
    chosen(released, tmp_path, "sex=Male")
    assert (tmp_path / "releases/2026.11/tables/subject.parquet").read_bytes() == released.release.read(
        "releases/2026.11/tables/subject.parquet"
    )


def test_what_is_whole_is_kept_and_what_is_not_is_fetched_again(released: Installation, tmp_path: Path) -> None:
    chosen(released, tmp_path)
    first, second, third, *_ = images(tmp_path)
    size = (tmp_path / first).stat().st_size
    (tmp_path / first).write_bytes(b"\0" * size)
    (tmp_path / second).write_bytes((tmp_path / second).read_bytes()[:100])
    (tmp_path / third).rename(tmp_path / f"{third}.part")
    report = download(released.release, tmp_path, Choice())
    assert (report.fetched, report.kept) == (3, 8)
    assert all((tmp_path / name).read_bytes() == released.release.read(name) for name in images(tmp_path))


@pytest.mark.parametrize(
    ("words", "where", "objects"),
    [
        (["sex=Male"], None, 3),
        (["sex=Male", "sex=Female"], None, 11),
        (["subject_id=SUBJECTA", "study_uid=2.25.2"], None, 1),
        (["modality=CT"], None, 11),
        (["modality=MR"], None, 0),
        (["modalities=CT"], None, 11),
        (["race_ethnicity=Asian"], None, 10),
        (["age_at_index=12"], None, 1),
        (["age_at_index_gt89=FALSE"], None, 11),
        (["condition.code=U07.1"], None, 1),
        (["imaging_study.n_instances=3"], None, 3),
        ([], "age_at_index BETWEEN 10 AND 20", 1),
        ([], "subject_id IN (SELECT subject_id FROM clinical_event WHERE event_type = 'icu_stay')", 5),
        (["subject_id=SUBJECTA"], "imaging_series.n_instances > 1 -- a remark", 4),
        ([], "age_at_index = 12 OR sex = 'Male'", 4),
        (["sex=Female"], "age_at_index = 12 OR sex = 'Male'", 1),
    ],
)
def test_filters_choose_what_they_say(
    released: Installation, tmp_path: Path, words: list[str], where: str | None, objects: int
) -> None:
    assert chosen(released, tmp_path, *words, where=where) == objects == len(images(tmp_path))


@pytest.mark.parametrize(
    ("words", "where", "says"),
    [
        (["modalty=CT"], None, "no table has a column 'modalty'"),
        (["series.modality=CT"], None, "no table has a column 'series.modality'"),
        (["modality=XR"], None, "modality is never 'XR'"),
        (["race_ethnicity=asian"], None, "never 'asian'"),
        (["CT"], None, "'CT' is no filter"),
        (["age_at_index=young"], None, "'young' is no int16"),
        (["age_at_index_gt89=no"], None, "'no' is no bool"),
        (["n_instances=3"], None, "several tables have a column n_instances"),
        ([], "modalty = 'CT'", "the filter is wrong"),
        ([], "modality = ", "the filter is wrong"),
        ([], "n_instances = 3", "the filter is wrong"),
        ([], "1 IN (SELECT size FROM read_text('/etc/hostname'))", "the filter is wrong"),
    ],
)
def test_a_filter_that_is_not_understood_stops_before_any_object(
    released: Installation, tmp_path: Path, words: list[str], where: str | None, says: str
) -> None:
    with pytest.raises(ConfigError) as problem:
        chosen(released, tmp_path, *words, where=where)
    assert says in problem.value.message
    assert problem.value.next_step
    assert images(tmp_path) == []


def test_a_near_miss_is_told(released: Installation, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as problem:
        chosen(released, tmp_path, "modalty=CT")
    assert "modality" in problem.value.next_step


@pytest.mark.parametrize(
    ("word", "says", "then"),
    [
        ("country=us", "no country of this release is 'us'", "perhaps US"),
        ("deid_method_codes=113101", "no deid_method_codes of this release is '113101'", "perhaps 113100"),
        ("transfer_syntax_uid=none", "no transfer_syntax_uid", "it has 1.2.840.10008.1.2.1"),
        ("manufacturer=Simens", "no manufacturer of this release", "nothing stands there"),
    ],
)
def test_a_value_that_stands_nowhere_in_the_release_is_no_empty_selection(
    released: Installation, tmp_path: Path, word: str, says: str, then: str
) -> None:
    with pytest.raises(ConfigError, match=says) as problem:
        chosen(released, tmp_path, word)
    assert problem.value.next_step == then


def test_of_very_many_values_none_is_told(
    released: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MOST_WORDS", 2)
    with pytest.raises(ConfigError, match="no subject_id of this release is 'SUBJECTX'") as problem:
        chosen(released, tmp_path, "subject_id=SUBJECTX")
    assert problem.value.next_step == "look for it in the table"


def test_objects_that_are_damaged_or_gone_are_counted_and_the_others_are_there(
    released: Installation, tmp_path: Path
) -> None:
    keys = [key for key in released.contents() if key.startswith("data/")]
    released.release.delete(keys[0])
    released.release.delete(keys[1])
    released.release.create(keys[1], b"other bytes")
    with pytest.raises(VerificationError, match="2 of 11 objects"):
        chosen(released, tmp_path)
    assert images(tmp_path) == sorted(keys[2:])


def test_a_damaged_table_stops_it(released: Installation, tmp_path: Path) -> None:
    key = "releases/2026.11/tables/subject.parquet"
    released.release.delete(key)
    released.release.create(key, b"other bytes")
    with pytest.raises(VerificationError, match="subject"):
        chosen(released, tmp_path)


def test_an_earlier_version_can_be_had(installation: Installation, tmp_path: Path) -> None:
    build_release("2026.11", context=installation.context)
    Batch("site-d/batch-1", [Image("SUBJECTE", "2.25.9", "2.25.9.1", "2.25.9.1.1")]).write(installation.work)
    build_release("2026.12", context=installation.context)
    assert chosen(installation, tmp_path / "now") == 11
    assert download(installation.release, tmp_path / "then", Choice(), version="2026.11").objects == 10


def test_a_manifest_that_leads_out_of_the_folder_is_not_followed(released: Installation, tmp_path: Path) -> None:
    """A publisher who names a key such as ``../../x`` must not write there."""
    (tmp_path / "in").mkdir()
    released.release.create("data/../../outside.dcm", b"x")
    row = ("data/../../outside.dcm", 1, hashlib.sha256(b"x").hexdigest())
    assert _object(released.release, tmp_path / "in", row) is _Outcome.DAMAGED
    assert not (tmp_path / "outside.dcm").exists()


def test_a_folder_without_room_is_refused_first(
    released: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(ConfigError, match="room for 10 more bytes"):
        chosen(released, tmp_path)
    assert images(tmp_path) == []


def test_only_what_was_asked_for_and_is_there_needs_no_room(
    released: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen(released, tmp_path, "subject_id=SUBJECTA")
    other = tmp_path / "data/other/large.dcm"
    other.parent.mkdir()
    other.write_bytes(bytes(1 << 20))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    assert chosen(released, tmp_path, "subject_id=SUBJECTA") == 5
    with pytest.raises(ConfigError, match="room for 10 more bytes"):
        chosen(released, tmp_path)


def test_a_series_is_packed_into_the_same_zip_whenever_it_is_fetched(released: Installation, tmp_path: Path) -> None:
    for place in ("one", "other"):
        download(released.release, tmp_path / place, Choice(["subject_id=SUBJECTA"]), zipped=True)
    for path in (tmp_path / "other/data").rglob("*.dcm"):
        os.utime(path, (0, 0))
        path.chmod(0o600)
    stale = next((tmp_path / "other/data").glob("*")) / "00000000-0000-0000-0000-000000000000.dcm"
    stale.write_bytes(b"of an earlier version")
    download(released.release, tmp_path / "other", Choice(["subject_id=SUBJECTA"]), zipped=True)
    one, other = ({path.name: path.read_bytes() for path in (tmp_path / p / "zip").iterdir()} for p in ("one", "other"))
    assert one == other
    assert len(one) == 3
    for path in (tmp_path / "one/zip").iterdir():
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            assert {name: archive.read(name) for name in archive.namelist()} == {
                file.name: file.read_bytes() for file in (tmp_path / "one/data" / path.stem).iterdir()
            }


def test_only_whole_series_are_packed(released: Installation, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cut 1 series apart"):
        download(released.release, tmp_path, Choice(["sop_uid=2.25.1.1.1"]), zipped=True)
    assert images(tmp_path) == []


def test_what_was_withdrawn_since_is_left_out_and_counted(released: Installation, tmp_path: Path) -> None:
    released = replace(released, work=a_copy(released.work))
    withdraw([Withdrawal("subject", "SUBJECTA", "consent withdrawn")], "2026.12", context=released.context)
    report = download(released.release, tmp_path / "all", Choice(), version="2026.11")
    assert (report.objects, report.fetched, report.withdrawn) == (6, 6, 5)
    report = download(released.release, tmp_path / "other", Choice(["subject_id=SUBJECTB"]), version="2026.11")
    assert (report.objects, report.withdrawn) == (2, 0)
    report = download(released.release, tmp_path / "now", Choice())
    assert (report.version, report.objects, report.withdrawn) == ("2026.12", 6, 0)


def test_a_series_of_which_objects_were_withdrawn_is_packed_as_it_is_now(
    released: Installation, tmp_path: Path
) -> None:
    listed = open_tables(released.release, None, ["imaging_instance"])["imaging_instance"]
    gone = listed.filter(pc.equal(listed["sop_uid"], "2.25.1.1.1"))
    with opened_with(released, tmp_path, gone) as catalogue:
        assert (catalogue.cut_series(), catalogue.withdrawn(), catalogue.count()[0]) == (0, 1, 1)


def a_copy(store: MemoryStore) -> MemoryStore:
    """Give a store that a test may change, with what lies in one that tests share."""
    made = MemoryStore("copy")
    for stored in store.list():
        made.create(stored.key, store.read(stored.key))
    return made


def opened_with(installation: Installation, folder: Path, withdrawn: pa.Table) -> AbstractContextManager[Catalogue]:
    files = {}
    for name in ("imaging_instance", "imaging_series", "imaging_study", "subject"):
        files[name] = folder / f"{name}.parquet"
        files[name].write_bytes(installation.release.read(f"releases/2026.11/tables/{name}.parquet"))
    return opened(files, Choice(["series_uid=2.25.1.1"]), withdrawn)
