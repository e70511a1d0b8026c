import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.errors import VerificationError
from tasks.release import verify as module
from tasks.release.build import build_release
from tasks.release.model import Commit, ReleasedFile
from tasks.release.reading import committed, open_tables, pointer_bytes
from tasks.release.rendering import root_digest
from tasks.release.verify import verify_release
from tasks.store.content import sha256_of
from tasks.store.memory import MemoryStore
from tasks.store.parquet import read_table, write_table
from tests.release.batches import Batch, Image, Installation, first_batch, second_batch, some_images

ROOT = "releases/2026.11/"
Found = list[tuple[str, str]]


@pytest.fixture(scope="module")
def built() -> Mapping[str, bytes]:
    """All that lies in a store after a release."""
    made = Installation()
    first_batch().write(made.work)
    second_batch().write(made.work)
    build_release("2026.11", context=made.context)
    return made.contents()


@pytest.fixture
def released(built: Mapping[str, bytes]) -> MemoryStore:
    """A sound release, which a test may damage."""
    store = MemoryStore("release")
    for key, data in built.items():
        store.create(key, data)
    return store


def found(store: MemoryStore, **values: Any) -> Found:
    return [(problem.check, problem.place) for problem in verify_release(store, **values)]


def put(store: MemoryStore, key: str, data: bytes) -> None:
    store.delete(key)
    store.create(key, data)


def first_object(store: MemoryStore) -> str:
    return next(stored.key for stored in store.list("data/"))


def forge(store: MemoryStore, files: Mapping[str, bytes] | None = None, **values: Any) -> None:
    """Be a publisher who makes everything fit again after changing files or facts of the commit."""
    files = files or {}
    for key, data in files.items():
        put(store, key, data)
    commit = committed(store, None)
    entries = tuple(
        ReleasedFile(file.key, len(files[file.key]), sha256_of(files[file.key])) if file.key in files else file
        for file in commit.files
    )
    root = root_digest([file for file in entries if not file.key.endswith("/release.parquet")])
    forged = replace(commit, files=entries, **({"root_digest": root} | values))
    own = f"{ROOT}tables/release.parquet"
    if own not in files and forged.root_digest != commit.root_digest:
        row = changed(store.read(own), "root_digest", lambda _: root)
        return forge(store, {**files, own: row}, **values)
    put(store, f"{ROOT}_COMMIT.json", forged.to_bytes())
    put(store, "current.json", pointer_bytes(forged))
    return None


def changed(data: bytes, column: str, change: Callable[[Any], Any], *, row: int = 0) -> bytes:
    """Change one cell of a Parquet file."""
    table = read_table(data)
    values = table[column].to_pylist()
    values[row] = change(values[row])
    place = table.schema.get_field_index(column)
    return write_table(table.set_column(place, table.schema.field(column), pa.array(values, table[column].type)))


def test_a_sound_release_has_no_problem(released: MemoryStore) -> None:
    told: list[tuple[int, int]] = []
    assert verify_release(released, progress=lambda done, total: told.append((done, total))) == []
    assert told[-1] == (10, 10)


def test_no_more_bytes_are_read_ahead_than_memory_may_hold(
    released: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object of many frames may have gigabytes."""
    ahead: list[int] = []
    reads: list[str] = []
    read = released.read

    def counted(key: str) -> bytes:
        reads.extend([key] if key.startswith("data/") else [])
        return read(key)

    monkeypatch.setattr(released, "read", counted)
    monkeypatch.setattr(module, "BYTES_AT_ONCE", 2 * len(read(first_object(released))), raising=False)
    assert verify_release(released, progress=lambda done, _: ahead.append(len(reads) - done)) == []
    assert (len(reads), max(ahead)) == (10, 1)


def test_a_forger_who_changes_nothing_is_not_noticed(released: MemoryStore) -> None:
    forge(released)
    assert found(released) == []


def test_a_changed_object_is_found_by_its_key(released: MemoryStore) -> None:
    key = first_object(released)
    put(released, key, released.read(key).replace(b"pixels", b"PIXELS"))
    assert found(released) == [("digest", key)]


def test_a_missing_object_and_one_of_another_size_are_found_without_reading(released: MemoryStore) -> None:
    missing, cut = (stored.key for stored in list(released.list("data/"))[:2])
    released.delete(missing)
    put(released, cut, released.read(cut)[:-2])
    problems = {(problem.place, problem.detail) for problem in verify_release(released, sample=0)}
    assert problems == {(missing, "the object is missing"), (cut, "the object has another size")}
    assert set(found(released)) == {("I-COUNT", missing), ("I-COUNT", cut), ("digest", cut)}


def test_a_sample_is_the_same_every_time_and_of_the_size_that_was_asked_for(released: MemoryStore) -> None:
    read: list[list[str]] = []
    for _ in range(2):
        watched = Watched(released)
        assert verify_release(watched, sample=4) == []
        read.append(sorted(watched.read_keys))
    assert read[0] == read[1]
    assert len(read[0]) == 4


class Watched(MemoryStore):
    """A store that remembers which objects were read."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__("release")
        for stored in inner.list():
            self.create(stored.key, inner.read(stored.key))
        self.read_keys: list[str] = []

    def read(self, key: str) -> bytes:
        if key.startswith("data/"):
            self.read_keys.append(key)
        return super().read(key)


@pytest.mark.parametrize("name", ["tables/subject.parquet", "manifests/s5cmd.txt", "report/gates.json"])
def test_a_changed_or_missing_file_is_found(released: MemoryStore, name: str) -> None:
    put(released, f"{ROOT}{name}", b"tampered")
    assert ("digest", f"{ROOT}{name}") in found(released)
    released.delete(f"{ROOT}{name}")
    assert ("digest", f"{ROOT}{name}") in found(released)


def test_a_file_that_the_release_does_not_list_is_found(released: MemoryStore) -> None:
    released.create(f"{ROOT}tables/extra.parquet", b"extra")
    assert found(released) == [("unlisted", ROOT)]


def test_a_commit_that_is_not_the_one_of_the_pointer_is_found(released: MemoryStore) -> None:
    forged = replace(committed(released, None), held={"I-DUP-SOP": 1})
    put(released, f"{ROOT}_COMMIT.json", forged.to_bytes())
    assert found(released) == [("digest", f"{ROOT}_COMMIT.json")]


def without_table(commit: Commit, name: str) -> dict[str, Any]:
    return {"files": tuple(file for file in commit.files if not file.key.endswith(name))}


def test_a_release_without_one_of_its_tables_is_found(released: MemoryStore) -> None:
    commit = committed(released, None)
    forged = replace(commit, **without_table(commit, "/condition.parquet"))
    put(released, f"{ROOT}_COMMIT.json", forged.to_bytes())
    put(released, "current.json", pointer_bytes(forged))
    assert set(found(released)) == {
        ("tables", f"{ROOT}tables/condition.parquet"), ("digest", f"{ROOT}_COMMIT.json"), ("unlisted", ROOT),
    }  # fmt: skip


def test_a_size_that_the_commit_does_not_state_is_found(released: MemoryStore) -> None:
    commit = committed(released, None)
    files = tuple(replace(file, size_bytes=file.size_bytes + 1) for file in commit.files[:1]) + commit.files[1:]
    forged = replace(commit, files=files)
    put(released, f"{ROOT}_COMMIT.json", forged.to_bytes())
    put(released, "current.json", pointer_bytes(forged))
    assert found(released) == [("digest", commit.files[0].key)]


@pytest.mark.parametrize(
    ("table", "column", "value", "problem"),
    [
        ("clinical_event", "subject_id", "NOBODY", ("S-KEY-UNIQUE", "clinical_event.subject_id")),
        ("imaging_instance", "study_uid", "2.25.3", ("I-UID-TREE", "imaging_instance")),
        ("imaging_series", "n_instances", 9, ("I-COUNT", "imaging_series")),
        ("imaging_series", "series_sha256", "0" * 64, ("I-COUNT", "imaging_series")),
        ("imaging_study", "n_series", 9, ("I-COUNT", "imaging_study")),
        ("imaging_instance", "sha256", "0" * 64, ("derived", f"{ROOT}manifests/bag/manifest-sha256.txt")),
        ("imaging_instance", "key", "data/elsewhere.dcm", ("I-COUNT", "data/elsewhere.dcm")),
        ("release", "n_subjects", 9, ("I-COUNT", "release")),
    ],
)
def test_tables_that_do_not_agree_are_found_even_if_every_digest_fits(
    released: MemoryStore, table: str, column: str, value: object, problem: tuple[str, str]
) -> None:
    key = f"{ROOT}tables/{table}.parquet"
    forge(released, {key: changed(released.read(key), column, lambda _: value)})
    assert problem in found(released)


def test_counts_that_the_commit_does_not_state_are_found(released: MemoryStore) -> None:
    counts = dict(committed(released, None).counts) | {"n_bytes": 1}
    forge(released, counts=counts)
    assert found(released) == [("I-COUNT", "release")]


def test_a_schema_that_is_not_the_stated_one_is_found(released: MemoryStore) -> None:
    key = f"{ROOT}tables/condition.parquet"
    forge(released, {key: write_table(read_table(released.read(key)).drop_columns(["name"]))})
    assert ("schema", "condition") in found(released)


def test_a_release_of_another_version_of_the_code_is_checked_by_what_it_states(released: MemoryStore) -> None:
    key = f"{ROOT}tables/condition.parquet"
    table = read_table(released.read(key)).drop_columns(["name"])
    from tasks.release.tables import schema_digest  # noqa: PLC0415 -- only this test forges a schema

    digests = dict(committed(released, None).schema_digests) | {"condition": schema_digest(table.schema)}
    forge(released, {key: write_table(table)}, schema_digests=digests, pipeline_version="0.0.1")
    problems = verify_release(released)
    assert [(problem.check, problem.place, problem.is_note) for problem in problems] == [("schema", "tables/", True)]
    assert "0.0.1" in problems[0].detail


def test_what_another_version_of_the_code_rendered_is_not_compared(released: MemoryStore) -> None:
    key = f"{ROOT}README.md"
    forge(released, {key: released.read(key) + b"said otherwise"}, pipeline_version="0.0.1")
    problems = [(problem.check, problem.is_note) for problem in verify_release(released)]
    assert problems == [("derived", True)]


def test_a_card_that_says_something_else_is_found(released: MemoryStore) -> None:
    key = f"{ROOT}README.md"
    forge(released, {key: released.read(key) + b"and more"})
    assert found(released) == [("derived", key)]


@pytest.mark.parametrize("earlier", [False, True], ids=["the first release", "the second release"])
def test_a_change_log_that_hides_something_is_found(
    installation: Installation,
    earlier: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    if earlier:
        build_release("2026.10", context=installation.context)
        Batch("site-c/batch-1", some_images("SUBJECTD", study="5")).write(installation.work)
    build_release("2026.11", context=installation.context)
    key = f"{ROOT}tables/change_log.parquet"
    log = read_table(installation.release.read(key))
    forge(installation.release, {key: write_table(log.slice(1))})
    told = found(installation.release)
    assert ("R-DIFF", "change_log") in told
    assert ("derived", f"{ROOT}NOTES.md") in told


def test_a_release_before_that_is_gone_is_noted(installation: Installation) -> None:
    build_release("2026.10", context=installation.context)
    build_release("2026.11", context=installation.context)
    installation.release.delete("releases/2026.10/tables/subject.parquet")
    problems = verify_release(installation.release)
    assert [(problem.check, problem.is_note) for problem in problems] == [("R-DIFF", True)]


def test_objects_that_no_release_names_are_found(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    put(installation.release, "data/series/orphan.dcm", b"left by a stopped builder")
    put(installation.release, "releases/2026.12/tables/subject.parquet", b"left by a stopped builder")
    problems = verify_release(installation.release)
    assert [(problem.check, problem.is_note) for problem in problems] == [("orphans", False)]
    assert problems[0].detail.startswith("1 objects")
    assert "curate sweep" in problems[0].detail


def test_objects_of_other_releases_are_no_orphans(installation: Installation) -> None:
    build_release("2026.10", context=installation.context)
    Batch("site-a/batch-1", some_images("SUBJECTA", study="1"), run="run2").write(installation.work)
    build_release("2026.11", context=installation.context)
    assert found(installation.release) == []
    assert found(installation.release, version="2026.10") == []


def test_another_release_that_is_damaged_is_noted(installation: Installation) -> None:
    build_release("2026.10", context=installation.context)
    build_release("2026.11", context=installation.context)
    put(installation.release, "releases/2026.10/_COMMIT.json", b"{}")
    problems = verify_release(installation.release)
    assert [(problem.check, problem.is_note) for problem in problems] == [("R-DIFF", True), ("orphans", True)]


def test_an_object_that_is_not_marked_as_deidentified_is_found() -> None:
    made = Installation()
    image = Image("A", "2.25.1", "2.25.1.1", "2.25.1.1.1", identity_removed="NO")
    Batch("s1/b1", [image]).write(made.work)
    build_release("2026.11", context=made.context)
    problems = verify_release(made.release)
    assert [(problem.check, problem.detail) for problem in problems] == [
        ("marks", "the object is not marked as de-identified in (0012,0062)")
    ]


@pytest.mark.parametrize(
    ("column", "value", "detail"),
    [
        ("deid_method_codes", ["113100", "113101"], "the codes in (0012,0064) are not those of the manifest"),
        ("sop_uid", "2.25.9", "the object's identifiers are not those of the manifest"),
    ],
)
def test_a_header_that_says_other_than_the_manifest_is_found(
    released: MemoryStore, column: str, value: object, detail: str
) -> None:
    key = f"{ROOT}tables/imaging_instance.parquet"
    forge(released, {key: changed(released.read(key), column, lambda _: value)})
    assert detail in {problem.detail for problem in verify_release(released)}


def test_an_object_that_is_no_dicom_is_found() -> None:
    class Blob(Image):
        @property
        def data(self) -> bytes:
            return b"no DICOM"

    made = Installation()
    Batch("s1/b1", [Blob("A", "2.25.1", "2.25.1.1", "2.25.1.1.1")]).write(made.work)
    build_release("2026.11", context=made.context)
    assert [problem.detail for problem in verify_release(made.release)] == ["the object is no sound DICOM file"]


def test_a_release_that_is_not_there_cannot_be_verified(released: MemoryStore) -> None:
    with pytest.raises(VerificationError, match="no release"):
        verify_release(released, version="2026.10")
    with pytest.raises(VerificationError, match="nothing was released"):
        verify_release(MemoryStore("empty"))


def test_the_gate_report_says_what_was_held(installation: Installation) -> None:
    Batch("site-b/batch-2", some_images("SUBJECTB", study="3", content="other")).write(installation.work)
    build_release("2026.11", context=installation.context)
    report = json.loads(installation.release.read(f"{ROOT}report/gates.json"))
    assert report["held"] == {"I-DUP-SOP": 2}
    assert "S-KEY-UNIQUE" in report["passed"]


def test_a_check_that_was_stopped_goes_on_where_it_was(
    released: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READS_AT_ONCE", 4)
    monkeypatch.setattr(module, "SECONDS_PER_STATE", 0)
    damaged = open_tables(released)["imaging_instance"]["key"][0].as_py()
    put(released, damaged, released.read(damaged)[:-1] + b"?")
    state, told = tmp_path / "state.json", list[int]()

    def stop(done: int, total: int) -> None:
        assert total == 10
        told.append(done)
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify_release(released, state=state, progress=stop)
    assert json.loads(state.read_text())["done"] == 4
    stop_at = told.pop()
    problems = verify_release(released, state=state, progress=lambda done, _: told.append(done))
    assert told == [1, 2, 3, 4, 5, *range(5, 11)]
    assert stop_at == 6
    assert [(problem.check, problem.place) for problem in problems] == [("digest", damaged)]
    assert not state.exists()


@pytest.mark.parametrize("content", ["", "{}", '{"commit_sha256": "0", "objects": 10, "done": 9, "problems": []}'])
def test_a_state_of_something_else_is_not_trusted(released: MemoryStore, tmp_path: Path, content: str) -> None:
    state, told = tmp_path / "state.json", list[int]()
    state.write_text(content)
    verify_release(released, state=state, progress=lambda done, _: told.append(done))
    assert told == list(range(1, 11))
