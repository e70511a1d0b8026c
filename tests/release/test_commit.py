"""Whatever happens to a builder, a reader sees a whole release, and whoever builds next finishes."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tasks.errors import GateError, VerificationError
from tasks.layout import object_key
from tasks.release.build import build_release
from tasks.release.reading import read_pointer
from tasks.release.verify import verify_release
from tasks.store.memory import MemoryStore
from tests.release.batches import (
    SOME_WRITES,
    Batch,
    Installation,
    Stopped,
    StoppingStore,
    first_batch,
    second_batch,
    some_images,
)


def installed(release: MemoryStore | None = None) -> Installation:
    made = Installation(release=release or MemoryStore("release"))
    first_batch().write(made.work)
    return made


def grown(installation: Installation) -> Installation:
    """The same with a second batch."""
    second_batch().write(installation.work)
    return installation


@pytest.fixture(scope="module")
def first_release() -> Mapping[str, bytes]:
    """What lies in the release store after a first release."""
    made = installed()
    build_release("2026.11", context=made.context)
    return made.contents()


@pytest.fixture
def released_once(first_release: Mapping[str, bytes]) -> Installation:
    """A first release, and a second batch that waits for the next."""
    made = grown(installed())
    for key, data in first_release.items():
        made.release.create(key, data)
    return made


@pytest.fixture(scope="module")
def end(first_release: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """What lies in the release store after a second release that nothing disturbed."""
    made = grown(installed())
    for key, data in first_release.items():
        made.release.create(key, data)
    build_release("2026.12", context=made.context)
    return made.contents()


@pytest.fixture(scope="module")
def writes(first_release: Mapping[str, bytes], end: Mapping[str, bytes]) -> int:
    """How many writes the second release takes: what it adds, and the pointer."""
    return len(end.keys() - first_release.keys()) + 1


def is_whole(release: MemoryStore) -> bool:
    """Tell whether the current release is whole, whatever a killed builder of another has left beside it."""
    problems = [problem.check for problem in verify_release(release) if not problem.is_note]
    return set(problems) <= {"orphans"}


@pytest.mark.parametrize("lands", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("place", SOME_WRITES)
def test_a_builder_killed_at_any_write_leaves_a_whole_release_and_the_next_one_finishes(
    released_once: Installation,
    end: Mapping[str, bytes],
    writes: int,
    place: int,
    lands: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    killed = released_once.with_release(
        StoppingStore(released_once.release, after=range(1, writes + 1)[place], lands=lands)
    )
    with pytest.raises(Stopped):
        build_release("2026.12", context=killed.context)
    assert is_whole(released_once.release)
    build_release("2026.12", context=released_once.context)
    assert released_once.contents() == end


def test_a_builder_that_is_never_killed_makes_that_many_writes(
    released_once: Installation, end: Mapping[str, bytes], writes: int
) -> None:
    spared = released_once.with_release(StoppingStore(released_once.release, after=writes + 1, lands=False))
    build_release("2026.12", context=spared.context)
    assert released_once.contents() == end


def test_two_builders_at_once_make_one_release_and_neither_fails() -> None:
    for _ in range(5):
        made = grown(installed())
        start = threading.Barrier(2)

        def build(made: Installation = made, start: threading.Barrier = start) -> str:
            start.wait()
            return build_release("2026.11", context=made.context).root_digest

        with ThreadPoolExecutor(2) as pool:
            one, other = [future.result() for future in [pool.submit(build), pool.submit(build)]]
        assert one == other
        assert is_whole(made.release)


class Meddling(StoppingStore):
    """A store in which something happens just before the n-th write."""

    def __init__(self, inner: MemoryStore, *, before: int, what: Any) -> None:
        super().__init__(inner, after=before, lands=True)
        self._what = what

    def _write(self, write: Any) -> Any:
        with self._lock:
            self.writes += 1
            if self.writes == self._after:
                self._what()
        return write()


@pytest.mark.parametrize("back", [1, 2], ids=["before the pointer", "before the commit"])
def test_a_second_builder_that_finishes_in_between_is_no_error(
    released_once: Installation, end: Mapping[str, bytes], writes: int, back: int
) -> None:
    made = released_once
    meddling = Meddling(
        made.release,
        before=writes + 1 - back,
        what=lambda: build_release("2026.12", context=made.context),
    )
    build_release("2026.12", context=made.with_release(meddling).context)
    assert made.contents() == end


def test_a_later_release_that_is_published_in_between_keeps_the_pointer(
    released_once: Installation, writes: int
) -> None:
    made = released_once

    def overtake() -> None:
        build_release("2026.12", context=made.context)
        build_release("2026.12.1", context=made.context)

    meddling = Meddling(made.release, before=writes, what=overtake)
    build_release("2026.12", context=made.with_release(meddling).context)
    pointer = read_pointer(made.release)
    assert pointer is not None
    assert pointer.release_version == "2026.12.1"


@pytest.mark.parametrize("back", [1, 2], ids=["before the pointer", "before the commit"])
def test_another_release_that_is_published_in_between_wins(released_once: Installation, writes: int, back: int) -> None:
    made = released_once
    meddling = Meddling(
        made.release,
        before=writes + 1 - back,
        what=lambda: build_release("2026.12.1", context=made.context),
    )
    with pytest.raises(GateError, match=r"2026\.12 follows 2026\.11, but 2026\.12\.1 was published meanwhile"):
        build_release("2026.12", context=made.with_release(meddling).context)
    pointer = read_pointer(made.release)
    assert pointer is not None
    assert pointer.release_version == "2026.12.1"
    assert is_whole(made.release)


def test_a_release_that_was_overtaken_before_its_commit_is_not_committed(released_once: Installation) -> None:
    made = released_once
    meddling = Meddling(made.release, before=1, what=lambda: build_release("2026.12.1", context=made.context))
    with pytest.raises(GateError, match="follows"):
        build_release("2026.12", context=made.with_release(meddling).context)
    assert "releases/2026.12/_COMMIT.json" not in made.contents()


class Forgetful(MemoryStore):
    """A store that says yes and keeps nothing, or something else, under some keys."""

    def __init__(self, prefix: str, kept: bytes | None) -> None:
        super().__init__("release")
        self._prefix, self._kept = prefix, kept

    def create(self, key: str, data: bytes) -> bool:
        if not key.startswith(self._prefix):
            return super().create(key, data)
        return super().create(key, self._kept[:1] * len(data)) if self._kept else True


@pytest.mark.parametrize(
    ("prefix", "kept", "said"),
    [
        ("data/", None, "7 objects and 0 files"),
        ("data/", b"x", "7 of 7 objects read again are damaged"),
        ("releases/2026.11/tables/subject", None, "0 objects and 1 files"),
    ],
)
def test_a_store_that_does_not_keep_what_it_is_given_gets_no_release(
    prefix: str, kept: bytes | None, said: str
) -> None:
    made = installed(Forgetful(prefix, kept))
    with pytest.raises(VerificationError, match=said):
        build_release("2026.11", context=made.context)
    assert "current.json" not in made.contents()


def test_other_bytes_under_the_key_of_an_object_stop_the_release() -> None:
    made = installed()
    build_release("2026.11", context=made.context)
    key = next(key for key in made.contents() if key.startswith("data/"))
    made.release.delete(key)
    made.release.create(key, b"tampered")
    with pytest.raises(GateError, match="R-IMMUTABLE"):
        build_release("2026.12", context=made.context)


def test_a_work_object_that_is_not_what_its_key_says_stops_the_release() -> None:
    made = installed()
    image = first_batch().images[0]
    made.work.delete(object_key(image.sha256))
    made.work.create(object_key(image.sha256), image.data + b" ")
    with pytest.raises(VerificationError):
        build_release("2026.11", context=made.context)
    assert "current.json" not in made.contents()


def test_an_object_that_vanished_is_copied_again_by_the_next_release() -> None:
    made = installed()
    build_release("2026.11", context=made.context)
    made.release.delete(next(key for key in made.contents() if key.startswith("data/")))
    assert build_release("2026.12", context=made.context).objects_copied == 1


def test_a_batch_that_grows_is_released_as_it_stands() -> None:
    made = installed()
    build_release("2026.11", context=made.context)
    more = Batch("site-a/batch-2", some_images("SUBJECTA", study="9"), subjects={})
    more.write(made.work)
    assert build_release("2026.12", context=made.context).changes["study"] == {"added": 1}
