"""What nothing refers to goes when it is old enough, and nothing else ever does."""

from dataclasses import replace

import pytest

from expectations.schemas.pipeline import LEDGER
from expectations.schemas.table import table_of
from tasks.errors import VerificationError
from tasks.layout import BatchLayout, object_key
from tasks.release.build import build_release
from tasks.release.sweep import SAFETY_DAYS, SECONDS_PER_DAY, sweep_release, sweep_work
from tasks.release.verify import verify_release
from tasks.store.memory import MemoryStore
from tasks.store.parquet import write_table
from tests.release.batches import Batch, Image, Installation, Stopped, StoppingStore, some_images

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
        "store": "work", "unreferenced": 0, "old": 0, "old_bytes": 0, "removed": 0,
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
