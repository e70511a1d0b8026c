"""Where the policy says so, withdrawn objects are kept in their store, where readers are denied."""

from collections.abc import Mapping

import pyarrow as pa
import pytest

from tasks.errors import VerificationError
from tasks.release.build import build_release
from tasks.release.reading import open_tables
from tasks.release.removal import take_away
from tasks.release.sweep import sweep_release
from tasks.release.verify import verify_release
from tasks.release.withdraw import withdraw
from tasks.release.withdrawn import Withdrawal
from tasks.store.memory import MemoryStore
from tests.release.batches import Installation, Stopped, StoppingStore, first_batch, second_batch

A = Withdrawal("subject", "SUBJECTA", "consent withdrawn")
HIDE = {"objects": "hide"}


class Keeping(StoppingStore):
    """A store that forgets to remove."""

    def delete(self, key: str) -> None:
        pass


def standing_at(store: MemoryStore, prefix: str) -> dict[str, bytes]:
    return {stored.key.removeprefix(prefix): store.read(stored.key) for stored in store.list(prefix)}


@pytest.fixture(scope="module")
def published() -> Mapping[str, bytes]:
    """All of a store in which a subject is withdrawn, and its five objects only stand at their addresses."""
    made = Installation().with_policy(withdrawal=HIDE)
    first_batch().write(made.work)
    second_batch().write(made.work)
    build_release("2026.11", context=made.context)
    kept = made.with_release(Keeping(made.release, after=10**6, lands=True))
    with pytest.raises(VerificationError, match="5 withdrawn objects are still listed"):
        withdraw([A], "2026.12", context=kept.context)
    return {key: content for key, content in made.contents().items() if not key.startswith("withdrawn/")}


@pytest.fixture
def store(published: Mapping[str, bytes]) -> MemoryStore:
    return a_copy(published)


def a_copy(contents: Mapping[str, bytes]) -> MemoryStore:
    made = MemoryStore("release")
    for key, content in contents.items():
        made.create(key, content)
    return made


def gone(store: MemoryStore) -> pa.Table:
    return open_tables(store, None, ["withdrawals"])["withdrawals"]


def test_withdrawn_objects_leave_their_addresses_and_are_kept_whole(installation: Installation) -> None:
    made = installation.with_policy(withdrawal=HIDE)
    build_release("2026.11", context=made.context)
    before = standing_at(made.release, "data/")
    assert withdraw([A], "2026.12", context=made.context).objects_removed == 5
    after, hidden = standing_at(made.release, "data/"), standing_at(made.release, "withdrawn/data/")
    assert set(hidden) == set(before) - set(after) == {key.removeprefix("data/") for key in keys_of(made.release)}
    assert hidden == {key: before[key] for key in hidden}
    assert build_release("2026.12", context=made.context).unchanged


def keys_of(store: MemoryStore) -> list[str]:
    return [str(key) for key in gone(store)["key"].to_pylist()]


def test_what_is_kept_is_no_orphan_and_is_never_swept(store: MemoryStore) -> None:
    take_away(store, gone(store), objects="hide")
    assert [one for one in verify_release(store) if not one.is_note] == []
    assert sweep_release("release", store, days=0, delete=True).unreferenced == 0
    assert len(standing_at(store, "withdrawn/data/")) == 5


@pytest.mark.parametrize("lands", [False, True], ids=["before the write", "after the write"])
def test_killed_at_any_write_it_is_finished_by_the_next(
    published: Mapping[str, bytes],
    lands: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    undisturbed = a_copy(published)
    assert take_away(undisturbed, gone(undisturbed), objects="hide") == 5
    for after in range(1, 16):  # five notes, five copies, five removals
        killed = a_copy(published)
        with pytest.raises(Stopped):
            take_away(StoppingStore(killed, after=after, lands=lands), gone(killed), objects="hide")
        take_away(killed, gone(killed), objects="hide")
        assert standing_at(killed, "") == standing_at(undisturbed, "")


def test_a_damaged_object_is_taken_away_all_the_same_and_told(published: Mapping[str, bytes]) -> None:
    damaged = a_copy(published)
    key = keys_of(damaged)[0]
    damaged.delete(key)
    damaged.create(key, b"other bytes")
    with pytest.raises(VerificationError, match="1 withdrawn objects were damaged"):
        take_away(damaged, gone(damaged), objects="hide")
    assert not set(keys_of(damaged)) & set(standing_at(damaged, ""))
    assert len(standing_at(damaged, "withdrawn/data/")) == 4


def test_a_policy_that_now_removes_leaves_what_was_kept(store: MemoryStore) -> None:
    take_away(store, gone(store), objects="hide")
    assert take_away(store, gone(store), objects="delete") == 0
    assert len(standing_at(store, "withdrawn/data/")) == 5
