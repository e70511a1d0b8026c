"""What every store keeps, whatever it is made of: memory, a folder, SeaweedFS, MiniStack."""

import itertools
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.errors import KeyExistsError, MissingKeyError, StaleVersionError, StoreError, VerificationError
from tasks.store import Store
from tasks.store.content import sha256_of
from tasks.store.memory import MemoryStore

ODD_KEYS = [
    "with space/and + plus",
    "percent %2F/100%",
    "ünïcode/日本語/🫁.dcm",
    "quotes '\"&<>/=;:@,$~!*()[]{}^|`#?",
    "dots/1.2.840.113619.2.55/..not-a-parent",
    "trailing.dot.",
    "-dash",
    "/".join(["long" * 40] * 5),
]
BYTE_ORDER = ["B", "a", "a b", "a+b", "a-b", "a.b", "a/b", "a0", "u/1.2.3.4/x", "u/1.2.3/x", "u/1.2.30/x", "ä", "日"]
NOT_ASCENDING_BY_FOLDER = ["u/1.2.3.4/x", "u/1.2.3/x", "u/1.2.3/y"]


def keys(store: Store, prefix: str = "") -> list[str]:
    """The keys in their order; what is listed without order is the same."""
    listed = list(store.list(prefix))
    assert sorted(store.sizes(prefix)) == sorted((item.key, item.size_bytes) for item in listed)
    return [item.key for item in listed]


def test_what_was_created_is_read_back(store: Store) -> None:
    assert store.create("objects/aa/x.dcm", b"content")
    assert store.read("objects/aa/x.dcm") == b"content"


def test_the_same_bytes_again_are_not_written(store: Store) -> None:
    assert store.create("k", b"same")
    assert not store.create("k", b"same")


@pytest.mark.parametrize("other", [b"else", b"a longer one", b""])
def test_other_bytes_never_replace_what_stands(store: Store, other: bytes) -> None:
    store.create("k", b"same")
    with pytest.raises(KeyExistsError):
        store.create("k", other)
    assert store.read("k") == b"same"


def test_an_empty_object_is_an_object(store: Store) -> None:
    assert store.create("empty", b"")
    assert not store.create("empty", b"")
    found = store.head("empty")
    assert found is not None
    assert (store.read("empty"), found.size_bytes, keys(store)) == (b"", 0, ["empty"])


def test_what_is_not_there_is_missing(store: Store) -> None:
    assert store.head("not/there") is None
    assert store.read_versioned("not/there") is None
    assert keys(store) == []
    with pytest.raises(MissingKeyError) as caught:
        store.read("not/there/ZZCANARY")
    assert "ZZCANARY" not in str(caught.value)
    assert caught.value.next_step


def test_head_list_and_read_agree_about_the_version(store: Store) -> None:
    store.create("k", b"12345")
    found = store.head("k")
    assert found is not None
    assert (found.key, found.size_bytes) == ("k", 5)
    assert list(store.list()) == [found]
    assert store.read_versioned("k") == (b"12345", found.etag)


def test_an_etag_changes_with_the_content(store: Store) -> None:
    first = store.swap("k", b"one", expected=None)
    second = store.swap("k", b"two", expected=first)
    found = store.read_versioned("k")
    assert first != second
    assert found == (b"two", second)


def test_swap_makes_what_is_not_there(store: Store) -> None:
    token = store.swap("current.json", b"1", expected=None)
    assert store.read_versioned("current.json") == (b"1", token)


@pytest.mark.parametrize("expected", [None, "stale"])
def test_a_stale_swap_changes_nothing(store: Store, expected: str | None) -> None:
    old = store.swap("k", b"one", expected=None)
    store.swap("k", b"two", expected=old)
    with pytest.raises(StaleVersionError):
        store.swap("k", b"three", expected=old if expected else None)
    assert store.read("k") == b"two"


def test_a_swap_of_what_is_gone_is_stale(store: Store) -> None:
    token = store.swap("k", b"one", expected=None)
    store.delete("k")
    with pytest.raises(StaleVersionError):
        store.swap("k", b"two", expected=token)
    assert store.head("k") is None


def test_a_swap_to_what_already_stands_counts_as_done(store: Store) -> None:
    old = store.swap("k", b"one", expected=None)
    new = store.swap("k", b"two", expected=old)
    assert store.swap("k", b"two", expected=old) == new


def test_one_of_many_creators_wins(store: Store) -> None:
    writers = [f"writer {number}".encode() for number in range(8)]
    with ThreadPoolExecutor(len(writers)) as pool:
        won = list(pool.map(together(lambda data: created(store, data), len(writers)), writers))
    assert won.count(True) == 1
    assert store.read("k") == writers[won.index(True)]


def test_all_creators_of_the_same_bytes_succeed(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(together(lambda data: created(store, data), 8), [b"same"] * 8))
    assert outcomes.count(True) == 1
    assert outcomes.count(False) == 7


def test_racing_swaps_lose_no_increment(store: Store) -> None:
    store.create("counter", b"0 start")

    def count(writer: int) -> None:
        done = 0
        while done < 4:
            found = store.read_versioned("counter")
            assert found is not None
            number = int(found[0].split()[0])
            try:
                store.swap("counter", f"{number + 1} {writer}.{done}".encode(), expected=found[1])
            except StaleVersionError:
                continue
            done += 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert store.read("counter").split()[0] == b"16"


def test_copy_within_a_kind_of_store(make_store: Callable[[], Store]) -> None:
    work, release = make_store(), make_store()
    work.create("objects/aa/x +é.dcm", b"pixels")
    digest = sha256_of(b"pixels")
    assert release.copy_from(work, "objects/aa/x +é.dcm", "data/s/i.dcm", sha256=digest)
    assert not release.copy_from(work, "objects/aa/x +é.dcm", "data/s/i.dcm", sha256=digest)
    assert release.read("data/s/i.dcm") == b"pixels"


def test_copy_from_another_kind_of_store(store: Store) -> None:
    memory = MemoryStore()
    memory.create("a", b"pixels")
    assert store.copy_from(memory, "a", "b", sha256=sha256_of(b"pixels"))
    assert memory.copy_from(store, "b", "c", sha256=sha256_of(b"pixels"))
    assert memory.read("c") == b"pixels"


def test_a_copy_that_is_not_what_was_announced_leaves_nothing(make_store: Callable[[], Store]) -> None:
    work, release = make_store(), make_store()
    work.create("a", b"other pixels")
    with pytest.raises(VerificationError):
        release.copy_from(work, "a", "b", sha256=sha256_of(b"pixels"))
    assert release.head("b") is None


def test_a_copy_never_replaces_other_bytes(make_store: Callable[[], Store]) -> None:
    work, release = make_store(), make_store()
    work.create("a", b"pixels")
    release.create("b", b"standing")
    with pytest.raises(KeyExistsError):
        release.copy_from(work, "a", "b", sha256=sha256_of(b"pixels"))
    assert release.read("b") == b"standing"


def test_a_copy_of_what_is_not_there_is_missing(make_store: Callable[[], Store]) -> None:
    with pytest.raises(MissingKeyError):
        make_store().copy_from(make_store(), "a", "b", sha256=sha256_of(b""))


def test_keys_are_listed_in_byte_order(store: Store) -> None:
    wanted = [key for key in BYTE_ORDER if key != "a"] if has_folders(store) else BYTE_ORDER
    for key in sorted(wanted, key=lambda key: (len(key), key)):
        store.create(key, key.encode())
    assert keys(store) == wanted


def test_a_prefix_need_not_end_at_a_slash(store: Store) -> None:
    for key in [*NOT_ASCENDING_BY_FOLDER, "v/1", "u.txt"]:
        store.create(key, b"")
    assert keys(store, "u/1.2.3") == NOT_ASCENDING_BY_FOLDER
    assert keys(store, "u/1.2.3/") == ["u/1.2.3/x", "u/1.2.3/y"]
    assert keys(store, "u/") == NOT_ASCENDING_BY_FOLDER
    assert keys(store, "w/") == []


def test_folders_are_named_without_walking_them(store: Store) -> None:
    for key in [*NOT_ASCENDING_BY_FOLDER, "u/file", "s01/b 1/_COMPLETE", "s01/b2/x/y", "root"]:
        store.create(key, b"")
    assert list(store.folders()) == ["s01", "u"]
    assert list(store.folders("s01/")) == ["b 1", "b2"]
    assert list(store.folders("u/")) == ["1.2.3", "1.2.3.4"]
    assert list(store.folders("none/")) == []


@pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
def test_odd_keys_are_kept_as_they_are(store: Store, key: str) -> None:
    assert store.create(key, key.encode())
    found = store.head(key)
    assert found is not None
    assert keys(store) == [key]
    assert store.read(key) == key.encode()
    assert store.copy_from(store, key, f"copy of/{key}", sha256=sha256_of(key.encode()))
    store.delete(key)
    assert keys(store) == [f"copy of/{key}"]


def test_a_key_may_be_the_folder_of_another_or_is_refused_clearly(store: Store) -> None:
    store.create("a", b"file")
    if has_folders(store):
        with pytest.raises(StoreError, match="an object and a folder"):
            store.create("a/b", b"below")
    else:
        store.create("a/b", b"below")
        assert keys(store) == ["a", "a/b"]
    assert store.read("a") == b"file"


def test_the_folder_of_a_key_may_become_a_key_or_is_refused_clearly(store: Store) -> None:
    store.create("a/b", b"below")
    refusal = None
    try:
        store.create("a", b"file")
    except StoreError as problem:
        refusal = problem
    assert keys(store) == (["a", "a/b"] if refusal is None else ["a/b"])
    assert refusal is None or ("an object and a folder" in str(refusal) and not isinstance(refusal, KeyExistsError))
    assert store.read("a/b") == b"below"


def test_a_large_object_passes_unchanged(store: Store) -> None:
    data = bytes(range(256)) * (20 << 12)
    assert len(data) == 20 << 20
    assert store.create("large", data)
    assert not store.create("large", data)
    assert store.read("large") == data
    with pytest.raises(KeyExistsError):
        store.create("large", data[:-1] + b"!")


def test_what_was_deleted_is_gone_and_may_be_deleted_again(store: Store) -> None:
    store.create("a/b/c", b"x")
    store.create("a/d", b"y")
    store.delete("a/b/c")
    store.delete("a/b/c")
    store.delete("never")
    assert keys(store) == ["a/d"]
    assert store.create("a/b/c", b"something else")


def test_an_object_is_as_old_as_its_last_write(store: Store) -> None:
    assert store.age_seconds("a/b") is None
    store.create("a/b", b"one")
    age = store.age_seconds("a/b")
    assert age is not None
    assert 0 <= age < 60
    time.sleep(2.1)
    older = store.age_seconds("a/b")
    assert older is not None
    assert older >= age + 1


def test_listing_many_keys_gives_each_once(store: Store) -> None:
    wanted = [f"many/{number:04}" for number in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.create(key, b""), wanted))
    assert keys(store, "many/") == wanted


def test_a_store_opens_again_in_another_process(store: Store) -> None:
    if isinstance(store, MemoryStore):
        pytest.skip("memory is gone with its process")
    store.create("k", b"x")
    again = pickle.loads(pickle.dumps(store))  # noqa: S301 -- made on this line
    assert again.read("k") == b"x"


def has_folders(store: Store) -> bool:
    return store.address.startswith("file:")


def created(store: Store, data: bytes) -> bool | None:
    try:
        return store.create("k", data)
    except KeyExistsError:
        return None


def together(work: Callable[[bytes], bool | None], count: int) -> Callable[[bytes], bool | None]:
    """Let threads begin at the same moment."""
    gate = threading.Barrier(count)

    def wait_and_work(data: bytes) -> bool | None:
        gate.wait()
        return work(data)

    return wait_and_work


def test_the_helper_keys_are_what_they_are_for() -> None:
    assert sorted(NOT_ASCENDING_BY_FOLDER, key=lambda key: key.split("/")) != NOT_ASCENDING_BY_FOLDER
    assert sorted(BYTE_ORDER, key=str.encode) == BYTE_ORDER
    assert all(len(key.encode()) < 1024 for key in itertools.chain(ODD_KEYS, BYTE_ORDER))
