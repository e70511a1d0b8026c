"""The examination of a store: sound ones pass, and one that only seems to honour conditions is found out."""

import itertools
from pathlib import Path

import pytest

from config.settings import S3Options
from tasks.errors import StoreError
from tasks.store import Store
from tasks.store.doctor import Check, examine
from tasks.store.local import LocalStore
from tasks.store.memory import MemoryStore
from tasks.store.opening import open_store
from tasks.store.s3 import S3Store
from tests.store.faults import failing, without_conditions

_numbers = itertools.count()
ANY = ["reachable", "create once", "swap", "stale swap", "copy", "list order", "clean up"]
S3 = ["clock", "encrypted connection", "stored checksum", "wrong checksum", "copy on server", "create once in parts"]


class Careless(MemoryStore):
    """A store that ignores conditions, and so loses writes without a word."""

    def create(self, key: str, data: bytes) -> bool:
        self._objects[key] = data
        return True

    def swap(self, key: str, data: bytes, *, expected: str | None) -> str:  # noqa: ARG002 -- that is the fault
        self._objects[key] = data
        return "token"


class Strict(MemoryStore):
    """A store that refuses every swap of what is there, as a server does that misreads version tokens."""

    def swap(self, key: str, data: bytes, *, expected: str | None) -> str:
        return super().swap(key, data, expected="misread" if expected else None)


class Undeletable(MemoryStore):
    """A store under a policy that forbids removal."""

    def delete(self, key: str) -> None:
        raise StoreError(f"no removal of {key}")


def failed(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.ok]


def s3_store(options: S3Options, query: str = "") -> S3Store:
    store = open_store(f"s3://work/doctor-{next(_numbers)}{query}", options)
    assert isinstance(store, S3Store)
    return store


def test_a_sound_store_passes_and_is_left_as_it_was(store: Store) -> None:
    store.create("standing", b"x")
    checks = examine(store)
    assert failed(checks) == []
    assert {check.name for check in checks} == set(ANY) | (set(S3) if isinstance(store, S3Store) else set())
    assert all(check.detail and not check.next_step for check in checks)
    assert [item.key for item in store.list()] == ["standing"]


def test_an_examination_can_be_repeated_after_one_that_was_killed(store: Store) -> None:
    for name in ("once", "swap", "copy", "digest", "parts"):
        store.create(f"doctor/probe/{name}", b"left over")
    assert failed(examine(store)) == []


def test_a_store_that_ignores_conditions_is_refused() -> None:
    checks = examine(Careless())
    assert failed(checks) == ["create once", "stale swap"]
    assert all(check.detail == "conditional writes are not enforced" for check in checks if not check.ok)
    assert all("publish nothing here" in check.next_step for check in checks if not check.ok)


def test_a_store_that_refuses_every_swap_is_refused() -> None:
    assert failed(examine(Strict())) == ["swap", "stale swap"]


def test_a_store_that_forbids_removal_may_be_used() -> None:
    checks = examine(Undeletable())
    assert failed(checks) == []
    assert "removal is not allowed" in checks[-1].detail


def test_nothing_is_written_where_the_pipeline_only_reads(tmp_path: Path) -> None:
    checks = examine(LocalStore(tmp_path), writable=False)
    assert [check.name for check in checks] == ["reachable"]
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_not_there_has_one_failing_check(tmp_path: Path) -> None:
    (check,) = examine(LocalStore(tmp_path / "missing"))
    assert (check.name, check.ok) == ("reachable", False)
    assert "there is no folder" in check.detail
    assert check.next_step


@pytest.mark.services
def test_a_server_that_ignores_conditions_is_refused(seaweedfs: S3Options) -> None:
    store = s3_store(seaweedfs)
    with without_conditions(store.client):
        checks = examine(store)
    assert failed(checks) == ["create once", "stale swap", "create once in parts"]


@pytest.mark.services
def test_a_server_that_accepts_damaged_content_is_refused(seaweedfs: S3Options) -> None:
    store = s3_store(seaweedfs)

    def drop(params: dict[str, dict[str, str]], **_: object) -> None:
        for name in [name for name in params["headers"] if name.lower().startswith("x-amz-checksum")]:
            del params["headers"][name]

    store.client.meta.events.register("before-call.s3.PutObject", drop)
    try:
        checks = examine(store)
    finally:
        store.client.meta.events.unregister("before-call.s3.PutObject", drop)
    assert failed(checks) == ["stored checksum", "wrong checksum"]


@pytest.mark.services
def test_checksums_that_are_not_wanted_are_not_examined(seaweedfs: S3Options) -> None:
    assert failed(examine(s3_store(seaweedfs, "?checksum=none"))) == []


@pytest.mark.services
def test_a_server_that_refuses_to_copy_is_told_of(seaweedfs: S3Options) -> None:
    store = s3_store(seaweedfs)
    with failing(store.client, "CopyObject", 403, "AccessDenied", times=2):
        checks = examine(store)
    assert failed(checks) == ["copy on server"]


@pytest.mark.services
def test_a_clock_that_is_off_fails_before_the_server_refuses(
    seaweedfs: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = s3_store(seaweedfs)
    monkeypatch.setattr("tasks.store.doctor.email.utils.parsedate_to_datetime", lambda _: _Then())
    assert failed(examine(store, writable=False)) == ["clock"]


@pytest.mark.services
def test_an_error_of_the_store_is_the_answer_of_its_check(seaweedfs: S3Options) -> None:
    store = s3_store(seaweedfs)
    with failing(store.client, "HeadBucket", 403, "AccessDenied", times=1):
        checks = examine(store, writable=False)
    assert failed(checks) == ["clock"]
    assert "refuses" in checks[1].detail
    assert checks[1].next_step


class _Then:
    def timestamp(self) -> float:
        return 0.0
