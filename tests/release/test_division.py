"""Two stores, each with its own whole release; the open one never names a sequestered subject."""

import csv
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from config.errors import ConfigError
from tasks.errors import GateError
from tasks.layout import PARTITIONS
from tasks.release.build import build_release, plan_release
from tasks.release.reading import committed, open_tables
from tasks.release.verify import verify_release
from tasks.store import ReadOnlyStore
from tasks.store.memory import MemoryStore
from tasks.store.parquet import read_table, write_table
from tests.release.batches import (
    ADDRESS,
    SOME_WRITES,
    Batch,
    Installation,
    Stopped,
    StoppingStore,
    a_policy,
    some_images,
)

SUBJECTS = [f"PERSON{number:02}X" for number in range(10)]


def a_batch(name: str, subjects: list[str]) -> Batch:
    images = [image for one in subjects for image in some_images(one, study=f"7{int(one[6:8])}", instances=1)]
    return Batch(name, images, subjects={one: {"sex": ("Male", "Female")[int(one[6:8]) % 2]} for one in subjects})


def a_divided_installation() -> Installation:
    made = Installation(policy=a_policy(partition={"sequestered_percent": 20}), sequestered=MemoryStore("sequestered"))
    a_batch("site-a/b1", SUBJECTS[:5]).write(made.work)
    return made


@pytest.fixture
def divided() -> Installation:
    return a_divided_installation()


def subjects(store: ReadOnlyStore, version: str | None = None) -> set[str]:
    return set(open_tables(store, version, ["subject"])["subject"]["subject_id"].to_pylist())


def everything(store: ReadOnlyStore) -> dict[str, bytes]:
    return {stored.key: store.read(stored.key) for stored in store.list()}


def test_each_part_is_a_whole_release_in_its_own_store(divided: Installation) -> None:
    report = build_release("2026.11", context=divided.context)
    assert (report.counts["n_subjects"], report.sequestered_counts["n_subjects"]) == (4, 1)
    assert report.objects_copied == 5
    for store, part in ((divided.release, "open"), (divided.sequestered, "sequestered")):
        assert verify_release(store) == []
        assert set(open_tables(store)["subject"]["partition"].to_pylist()) == {part}
    assert not subjects(divided.release) & subjects(divided.sequestered)
    instances = open_tables(divided.sequestered)["imaging_instance"]
    assert set(instances["access_level"].to_pylist()) == {"sequestered"}
    assert instances["authz"].to_pylist() == [["/sequestered"]]


def test_the_open_store_never_names_a_sequestered_subject(divided: Installation) -> None:
    build_release("2026.11", context=divided.context)
    (hidden,) = subjects(divided.sequestered)
    rows = open_tables(divided.sequestered)
    uids = {
        rows[name][column][0].as_py()
        for name, column in (("imaging_study", "study_uid"), ("imaging_instance", "sha256"))
    }
    for key, content in everything(divided.release).items():
        tables = read_table(content).to_pylist() if key.endswith(".parquet") else content.decode("latin-1")
        assert not any(one in f"{key} {tables}" for one in {hidden, *uids})


def said_of(store: ReadOnlyStore) -> dict[str, Any]:
    """What the files of a part say of who may read it, and from where."""
    root = "releases/2026.11/"
    croissant, datacite = (json.loads(store.read(f"{root}{name}.json")) for name in ("croissant", "datacite"))
    gen3 = store.read(f"{root}manifests/gen3_indexd.tsv").decode().splitlines()
    (row, *_) = csv.DictReader(gen3, delimiter="\t")
    return {
        "about": committed(store, None).about.access_level,
        "free": croissant["isAccessibleForFree"],
        "rights": [one["rightsIdentifier"] for one in datacite["rightsList"]],
        "card": "| Access | sequestered |" in store.read(f"{root}README.md").decode(),
        "acl": row["acl"],
        "urls": open_tables(store)["imaging_instance"]["urls"].to_pylist()[0],
        "unsigned": "--no-sign-request" in store.read(f"{root}README.md").decode(),
        "web": store.head(f"{root}manifests/curl.txt") is not None,
    }


def test_each_part_says_who_may_read_it_and_from_where(divided: Installation) -> None:
    where = {"sequestered_percent": 20, "address": "s3://hidden/collection"}
    divided.policy = a_policy(partition=where, web_address="https://open.example.org")
    build_release("2026.11", context=divided.context)
    opened, hidden = said_of(divided.release), said_of(divided.sequestered)
    keys = [
        open_tables(store)["imaging_instance"]["key"][0].as_py() for store in (divided.release, divided.sequestered)
    ]
    assert opened == {
        "about": "open", "free": True, "rights": ["CC-BY-4.0", "c_abf2"], "card": False, "acl": "*",
        "urls": [f"{ADDRESS}/{keys[0]}", f"https://open.example.org/{keys[0]}"], "unsigned": True, "web": True,
    }  # fmt: skip
    assert hidden == {
        "about": "sequestered", "free": False, "rights": ["CC-BY-4.0", "c_16ec"], "card": True, "acl": "",
        "urls": [f"s3://hidden/collection/{keys[1]}"], "unsigned": False, "web": False,
    }  # fmt: skip
    for key, content in everything(divided.sequestered).items():
        assert b"open.example.org" not in content, key
    assert verify_release(divided.sequestered) == []


def test_web_clients_that_are_let_in_are_told_the_sequestered_address(divided: Installation) -> None:
    divided.policy = a_policy(
        partition={"sequestered_percent": 20, "web_address": "https://hidden.example.org/"},
        web_address="https://open.example.org",
    )
    build_release("2026.11", context=divided.context)
    ((url,),) = open_tables(divided.sequestered)["imaging_instance"]["urls"].to_pylist()
    assert url.startswith("https://hidden.example.org/data/")
    assert said_of(divided.sequestered)["web"]


@pytest.mark.parametrize(("own", "told"), [({}, None), ({"doi": "10.5072/hidden.{version}"}, "10.5072/hidden.2026.11")])
def test_the_doi_of_the_open_part_does_not_name_the_other(
    divided: Installation, own: dict[str, str], told: str | None
) -> None:
    partition = {"sequestered_percent": 20, **own}
    divided.policy = a_policy(partition=partition, doi="10.5072/chest.{version}", concept_doi="10.5072/chest")
    build_release("2026.11", context=divided.context)
    dois = [open_tables(store)["release"]["doi"][0].as_py() for store in (divided.release, divided.sequestered)]
    assert dois == ["10.5072/chest.2026.11", told]
    assert not [key for key, content in everything(divided.sequestered).items() if b"10.5072/chest" in content]


def test_nobody_moves_and_later_subjects_fill_towards_the_share(divided: Installation) -> None:
    build_release("2026.11", context=divided.context)
    before = subjects(divided.release), subjects(divided.sequestered)
    a_batch("site-a/b2", SUBJECTS[5:]).write(divided.work)
    report = build_release("2026.12", context=divided.context)
    after = subjects(divided.release), subjects(divided.sequestered)
    assert all(old <= new for old, new in zip(before, after, strict=True))
    assert (len(after[0]), len(after[1])) == (8, 2)
    assert report.changes["subject"] == {"added": 4}
    assert report.sequestered_changes["subject"] == {"added": 1}
    assert verify_release(divided.release) == verify_release(divided.sequestered) == []


def test_a_subject_that_left_and_comes_again_is_where_it_was(divided: Installation) -> None:
    build_release("2026.11", context=divided.context)
    hidden = subjects(divided.sequestered)
    without = replace(divided, policy=a_policy(partition={"sequestered_percent": 20}, batches=("site-a/b2",)))
    a_batch("site-a/b2", SUBJECTS[5:]).write(divided.work)
    build_release("2026.12", context=without.context)
    assert not hidden & subjects(divided.sequestered)
    build_release("2027.01", context=divided.context)
    assert hidden <= subjects(divided.sequestered)


def test_the_balance_is_told_and_counted(divided: Installation) -> None:
    report = build_release("2026.11", context=divided.context)
    assert set(report.balance) == set(divided.policy.partition.attributes)
    assert report.found["R-SPLIT-BALANCE"] == sum((one or 0) > 0.1 for one in report.balance.values()) > 0
    written = json.loads(divided.release.read("releases/2026.11/report/partition.json"))
    assert written["subjects"] == {"open": 4, "sequestered": 1}
    assert json.loads(json.dumps(report.as_dict()))["sequestered_counts"]["n_subjects"] == 1


def test_a_plan_tells_of_both_parts_and_records_nothing(divided: Installation) -> None:
    before = everything(divided.work)
    plan = plan_release("2026.11", context=divided.context)
    assert everything(divided.work) == before
    assert everything(divided.release) == everything(divided.sequestered) == {}
    report = build_release("2026.11", context=divided.context)
    assert (plan.counts, plan.sequestered_counts) == (report.counts, report.sequestered_counts)
    assert (plan.objects_to_copy, plan.stands) == (5, False)
    assert plan_release("2026.11", context=divided.context).stands


def test_no_sequestered_store_or_no_key_ring_is_refused_before_anything_is_written(divided: Installation) -> None:
    before = everything(divided.work)
    with pytest.raises(ConfigError, match="no sequestered store is configured"):
        build_release("2026.11", context=replace(divided, sequestered=None).context)
    with pytest.raises(ConfigError, match="no key ring"):
        build_release("2026.11", context=replace(divided.context, ring=None))
    assert everything(divided.work) == before
    assert everything(divided.release) == {}


def test_a_policy_that_no_longer_sequesters_leaves_the_sequestered_where_they_are(divided: Installation) -> None:
    build_release("2026.11", context=divided.context)
    hidden = subjects(divided.sequestered)
    a_batch("site-a/b2", SUBJECTS[5:]).write(divided.work)
    opened = replace(divided, policy=a_policy())
    build_release("2026.12", context=replace(opened.context, ring=None))
    assert subjects(divided.sequestered) == hidden
    assert len(subjects(divided.release)) == 9
    with pytest.raises(ConfigError, match="no sequestered store"):
        build_release("2027.01", context=replace(opened, sequestered=None).context)


def test_all_is_open_where_the_policy_says_so() -> None:
    made = Installation()
    a_batch("site-a/b1", SUBJECTS).write(made.work)
    report = build_release("2026.11", context=made.context)
    assert (report.counts["n_subjects"], report.sequestered_counts, report.balance) == (10, {}, {})


def test_earlier_releases_stand_in_for_a_record_that_is_not_there(divided: Installation) -> None:
    build_release("2026.11", context=divided.context)
    record = divided.work.read(PARTITIONS)
    divided.work.delete(PARTITIONS)
    build_release("2026.12", context=divided.context)
    assert divided.work.read(PARTITIONS) == record


def test_a_record_that_contradicts_the_release_before_is_refused(divided: Installation) -> None:
    build_release("2026.11", context=divided.context)
    rows = read_table(divided.work.read(PARTITIONS))
    all_open = rows.set_column(1, rows.schema.field("partition"), pa.array(["open"] * 5))
    divided.work.delete(PARTITIONS)
    divided.work.create(PARTITIONS, write_table(all_open))
    with pytest.raises(GateError, match=r"R-SPLIT-STABLE at subject.partition \(1\)"):
        build_release("2026.12", context=divided.context)


def test_a_subject_that_earlier_releases_show_in_both_parts_is_refused(divided: Installation) -> None:
    build_release("2026.11", context=replace(divided, policy=a_policy()).context)
    other = replace(divided, release=divided.sequestered, policy=a_policy())
    divided.work.delete(PARTITIONS)
    build_release("2026.11", context=other.context)
    divided.work.delete(PARTITIONS)
    with pytest.raises(GateError, match="R-SPLIT-STABLE: earlier releases show 5 subjects in both parts"):
        build_release("2026.12", context=divided.context)


def test_two_builders_at_once_make_one_release_in_two_stores() -> None:
    for _ in range(3):
        made = a_divided_installation()
        start = threading.Barrier(2)

        def build(made: Installation = made, start: threading.Barrier = start) -> str:
            start.wait()
            return build_release("2026.11", context=made.context).root_digest

        with ThreadPoolExecutor(2) as pool:
            one, other = [future.result() for future in [pool.submit(build), pool.submit(build)]]
        assert one == other
        assert verify_release(made.release) == verify_release(made.sequestered) == []


def test_assignments_that_were_recorded_meanwhile_are_kept(divided: Installation) -> None:
    """Another release takes in other subjects between the draft of this one and its record."""
    other = replace(divided, release=MemoryStore("r2"), sequestered=MemoryStore("s2"))

    class Meddling(MemoryStore):
        def swap(self, key: str, data: bytes, *, expected: str | None) -> str:
            if other.release.head("current.json") is None:
                a_batch("site-a/b2", SUBJECTS[5:]).write(divided.work)
                build_release("2026.11", context=other.context)
            return divided.work.swap(key, data, expected=expected)

        def __getattribute__(self, name: str) -> object:
            return object.__getattribute__(self, name) if name == "swap" else getattr(divided.work, name)

    build_release("2026.11", context=replace(divided, work=Meddling()).context)
    assert subjects(divided.sequestered) == subjects(other.sequestered)
    assert subjects(divided.release) == subjects(other.release)


@pytest.fixture(scope="module")
def end() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What lies in both stores after a release that nothing disturbed."""
    made = a_divided_installation()
    build_release("2026.11", context=made.context)
    return everything(made.release), everything(made.sequestered)


@pytest.mark.parametrize("lands", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("store", ["release", "sequestered"])
def test_a_builder_killed_at_any_write_to_either_store_is_finished_by_the_next(
    store: str,
    end: tuple[dict[str, bytes], dict[str, bytes]],
    lands: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    writes = range(1, len(end[store == "sequestered"]) + 1)
    for place in SOME_WRITES:
        made = a_divided_installation()
        stopping = StoppingStore(getattr(made, store), after=writes[place], lands=lands)
        with pytest.raises(Stopped):
            build_release("2026.11", context=replace(made, **{store: stopping}).context)
        for part in (made.release, made.sequestered):
            if part.head("current.json"):
                assert committed(part, None).release_version == "2026.11"
                assert [one for one in verify_release(part, sample=1) if not one.is_note] == []
        build_release("2026.11", context=made.context)
        assert (everything(made.release), everything(made.sequestered)) == end
