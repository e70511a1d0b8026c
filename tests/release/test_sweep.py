"""What nothing refers to goes when it is old enough, and nothing else ever does."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expectations.schemas.pipeline import LEDGER
from expectations.schemas.table import table_of
from tasks.errors import VerificationError
from tasks.layout import BatchLayout, object_key
from tasks.release import query
from tasks.release.build import build_release, stage_release
from tasks.release.rows import OnDisk
from tasks.release.sweep import (
    SAFETY_DAYS,
    SECONDS_PER_DAY,
    sweep_release,
    sweep_staged,
    sweep_uploads,
    sweep_work,
)
from tasks.release.verify import verify_release
from tasks.store.folder import PARTIAL
from tasks.store.local import LocalStore
from tasks.store.memory import MemoryStore
from tasks.store.parquet import write_table
from tests.release.batches import Batch, Image, Installation, Stopped, StoppingStore, a_policy, some_images

STRAY = Image("SUBJECTX", "2.25.9", "2.25.9.1", "2.25.9.1.1")


class Aged(MemoryStore):
    """A memory store whose objects are as old as it is told, all but the young ones."""

    def __init__(self, name: str = "aged", days: float = SAFETY_DAYS) -> None:
        super().__init__(name)
        self.days, self.young = days, set[str]()

    def age_seconds(self, key: str) -> float | None:
        return 0 if key in self.young else self.days * SECONDS_PER_DAY


@pytest.fixture
def aged(installation: Installation) -> Installation:
    made = replace(installation, work=Aged("work"), release=Aged("release"))
    for stored in installation.work.list():
        made.work.create(stored.key, installation.work.read(stored.key))
    return made


def keys(store: MemoryStore) -> set[str]:
    return {stored.key for stored in store.list()}


def test_a_stray_object_is_told_and_goes_only_when_asked(aged: Installation) -> None:
    before = keys(aged.work)
    aged.work.create(object_key(STRAY.sha256), STRAY.data)
    found = sweep_work(aged.work)
    assert (found.store, found.unreferenced, found.old, found.old_bytes, found.removed) == (
        "work",
        1,
        1,
        len(STRAY.data),
        0,
    )
    assert keys(aged.work) == before | {object_key(STRAY.sha256)}
    assert sweep_work(aged.work, delete=True).removed == 1
    assert keys(aged.work) == before
    assert sweep_work(aged.work, delete=True).as_dict() == {
        "store": "work", "what": "objects", "unreferenced": 0, "old": 0, "old_bytes": 0, "removed": 0,
    }  # fmt: skip


def test_what_is_young_is_never_touched(aged: Installation) -> None:
    aged.work.create(object_key(STRAY.sha256), STRAY.data)
    aged.work.young.add(object_key(STRAY.sha256))
    found = sweep_work(aged.work, delete=True)
    assert (found.unreferenced, found.old, found.removed) == (1, 0, 0)
    assert object_key(STRAY.sha256) in keys(aged.work)
    aged.work.young.clear()
    assert sweep_work(aged.work, days=SAFETY_DAYS + 1).old == 0


def test_what_a_finished_shard_or_an_earlier_run_wrote_is_kept(aged: Installation) -> None:
    aged.work.create(object_key(STRAY.sha256), STRAY.data)
    rows = [row for row in Batch("s/b", [STRAY]).ledger() if row["status"] == "released-candidate"]
    aged.work.create(BatchLayout("s", "b").shard("k", "ledger.parquet"), write_table(table_of(LEDGER, rows)))
    Batch("site-a/batch-1", some_images("SUBJECTA", study="1"), run="run2").write(aged.work)
    assert sweep_work(aged.work).unreferenced == 0


def test_the_listing_is_compared_once_however_many_ledgers_there_are(
    aged: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = some_images("SUBJECTX", study="9", instances=5)
    for image in images:
        aged.work.create(object_key(image.sha256), image.data)
    for image in images[1:]:
        rows = table_of(LEDGER, [row for row in Batch("s/b", [image]).ledger() if "sha256" in row])
        aged.work.create(BatchLayout("s", "b").shard(image.sop, "ledger.parquet"), write_table(rows))
    compared: list[str] = []

    def counted(path: Path, *given: Any, **rows: Any) -> OnDisk:
        compared.append(path.name)
        return query.stored(path, *given, **rows)

    monkeypatch.setattr("tasks.release.sweep.stored", counted)
    assert sweep_work(aged.work).unreferenced == 1
    assert len(compared) == 1


def test_what_a_killed_builder_leaves_goes_and_every_release_stays_whole(aged: Installation) -> None:
    build_release("2026.10", context=aged.context)
    Batch("site-c/batch-1", some_images("SUBJECTD", study="5")).write(aged.work)
    build_release("2026.11", context=aged.context)
    committed = keys(aged.release)
    Batch("site-c/batch-2", [STRAY]).write(aged.work)
    stopping = StoppingStore(aged.release, after=17, lands=True)
    with pytest.raises(Stopped):
        build_release("2026.12", context=aged.with_release(stopping).context)
    found = sweep_release("release", aged.release, delete=True)
    assert (found.removed, found.store) == (17, "release")
    assert keys(aged.release) == committed
    for version in ("2026.10", "2026.11"):
        assert verify_release(aged.release, version=version) == []


def test_a_release_that_cannot_be_read_stops_the_sweep(aged: Installation) -> None:
    build_release("2026.10", context=aged.context)
    aged.release.create("data/stray/stray.dcm", b"stray")
    key = "releases/2026.10/tables/imaging_instance.parquet"
    content = aged.release.read(key)
    aged.release.delete(key)
    aged.release.create(key, content[:-1])
    with pytest.raises(VerificationError):
        sweep_release("release", aged.release, delete=True)
    assert "data/stray/stray.dcm" in keys(aged.release)


def test_tombstones_and_pointers_are_never_swept(aged: Installation) -> None:
    build_release("2026.10", context=aged.context)
    aged.release.create("tombstones/x.json", b"{}")
    assert sweep_release("release", aged.release, delete=True).unreferenced == 0


def staged(store: MemoryStore) -> set[str]:
    return {key.rsplit("/", 2)[0] for key in keys(store) if key.startswith("staged/") and key.endswith("_COMMIT.json")}


def test_a_staged_release_goes_unless_it_is_the_one_that_was_committed(aged: Installation) -> None:
    stage_release("2026.11", context=aged.context)
    Batch("site-c/batch-1", some_images("SUBJECTD", study="5")).write(aged.work)
    approved = stage_release("2026.11", context=aged.context)
    assert len(staged(aged.work)) == 2
    build_release("2026.11", context=aged.context, approved=approved.content_digest)
    rejected = len([key for key in keys(aged.work) if key.startswith("staged/")]) // 2
    found = sweep_staged(aged.work, {"open": aged.release})
    assert (found.unreferenced, found.old, found.removed) == (rejected, rejected, 0)
    assert sweep_staged(aged.work, {"open": aged.release}, delete=True).removed == rejected
    assert staged(aged.work) == {f"staged/2026.11/{approved.content_digest[:16]}"}
    assert sweep_work(aged.work).unreferenced == 0


def test_a_staged_release_that_is_young_or_of_a_store_that_is_not_known_is_kept(aged: Installation) -> None:
    stage_release("2026.11", context=aged.context)
    before = keys(aged.work)
    assert sweep_staged(aged.work, {}, delete=True).unreferenced == 0
    aged.work.days = SAFETY_DAYS - 1
    found = sweep_staged(aged.work, {"open": aged.release}, delete=True)
    assert (found.unreferenced > 0, found.old, found.removed) == (True, 0, 0)
    assert keys(aged.work) == before


def test_a_release_of_two_parts_is_kept_only_if_both_are_committed(aged: Installation) -> None:
    policy = a_policy(partition={"sequestered_percent": 34})
    made = replace(aged, policy=policy, sequestered=Aged("sequestered"))
    stage_release("2026.11", context=made.context)
    build_release("2026.11", context=made.context)
    parts = {"open": made.release, "sequestered": made.sequestered}
    assert sweep_staged(made.work, parts).unreferenced == 0
    made.sequestered.delete("releases/2026.11/_COMMIT.json")
    assert sweep_staged(made.work, parts, delete=True).removed > 0
    assert staged(made.work) == set()


def test_what_a_builder_laid_down_before_it_was_stopped_goes(aged: Installation) -> None:
    stage_release("2026.11", context=aged.context)
    for key in [key for key in keys(aged.work) if key.startswith("staged/") and key.endswith("_COMMIT.json")]:
        aged.work.delete(key)
    assert sweep_staged(aged.work, {"open": aged.release}, delete=True).removed > 0
    assert not any(key.startswith("staged/") for key in keys(aged.work))


def test_uploads_that_were_stopped_go_once_they_are_old(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.create("a", b"whole")
    old, young = (tmp_path / PARTIAL / name for name in ("0123", "4567"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    found = sweep_uploads("release", store)
    assert (found.store, found.unreferenced, found.old, found.old_bytes, found.removed) == ("release", 2, 1, 4, 0)
    assert sweep_uploads("release", store, delete=True).removed == 1
    assert (old.exists(), young.exists(), store.read("a")) == (False, True, b"whole")
    assert sweep_uploads("work", MemoryStore("none"), delete=True).unreferenced == 0
