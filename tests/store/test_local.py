"""What only a folder can do wrong: paths, links, special files, names, rights, half-written files."""

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import KeyExistsError, StoreError
from tasks.store.folder import PARTIAL
from tasks.store.local import LocalStore

ESCAPES = ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "", "a/", "..", "a\0b", "x" * 256, "é" * 200]
OWN = [".curate-partial", ".curate-partial/lock", ".curate-partial/x"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    (tmp_path / "x").write_bytes(b"outside")
    return folder


@pytest.fixture
def store(root: Path) -> LocalStore:
    return LocalStore(root)


def keys(store: LocalStore, prefix: str = "") -> list[str]:
    return [item.key for item in store.list(prefix)]


@pytest.mark.parametrize("key", ESCAPES + OWN, ids=repr)
def test_no_key_leads_out_of_the_folder_or_to_our_own_files(store: LocalStore, root: Path, key: str) -> None:
    for call in (
        lambda: store.read(key),
        lambda: store.head(key),
        lambda: store.create(key, b"x"),
        lambda: store.swap(key, b"x", expected=None),
        lambda: store.delete(key),
    ):
        with pytest.raises(StoreError, match="cannot be a file"):
            call()
    assert (root.parent / "x").read_bytes() == b"outside"
    assert keys(store) == []


@pytest.mark.parametrize("prefix", ["../", "//x", "a/../../", ".curate-partial/"])
def test_no_prefix_leads_out_of_the_folder(store: LocalStore, prefix: str) -> None:
    with pytest.raises(StoreError, match="cannot be a file"):
        list(store.list(prefix))


def test_a_prefix_without_a_slash_finds_nothing_outside(store: LocalStore) -> None:
    store.create("a", b"x")
    assert keys(store, "..") == []
    assert keys(store, "/") == []
    assert keys(store, ".curate") == []


@pytest.mark.parametrize("target", ["../x", "..", "inside", "nowhere"])
def test_links_are_not_followed(store: LocalStore, root: Path, target: str) -> None:
    store.create("inside", b"x")
    (root / "link").symlink_to(target)
    with pytest.raises(StoreError, match="a symbolic link"):
        list(store.list())
    for key in ("link", "link/x"):
        with pytest.raises(StoreError, match="a symbolic link"):
            store.read(key)
    with pytest.raises(StoreError, match="a symbolic link"):
        store.create("link/new", b"x")
    assert sorted(path.name for path in root.parent.iterdir()) == ["store", "x"]


def test_the_folder_itself_may_be_a_link(root: Path) -> None:
    link = root.with_name("link")
    link.symlink_to(root)
    store = LocalStore(link)
    store.create("a/b", b"x")
    assert keys(store) == ["a/b"]
    assert (root / "a" / "b").read_bytes() == b"x"


def test_a_pipe_is_no_object_and_is_not_waited_for(store: LocalStore, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(StoreError, match="a special file"):
        store.read("pipe")
    with pytest.raises(StoreError, match="a special file"):
        list(store.list())


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems refuse such names")
def test_a_name_that_is_not_utf8_is_told_of_and_not_shown(store: LocalStore, root: Path) -> None:
    with open(os.fsencode(root) + b"/ZZCANARY\xff", "wb"):  # noqa: PTH123 -- a path of bytes
        pass
    with pytest.raises(StoreError, match="not UTF-8") as caught:
        list(store.list())
    assert "ZZCANARY" not in str(caught.value)


def test_a_folder_that_is_not_there_is_never_made(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "missing")
    for call in (
        lambda: list(store.list()),
        lambda: list(store.folders()),
        lambda: store.head("a"),
        lambda: store.create("a", b"x"),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StoreError, match="there is no folder"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_half_written_files_are_never_listed(store: LocalStore, root: Path) -> None:
    store.create("a", b"x")
    (root / ".curate-partial" / "left by a killed process").write_bytes(b"half")
    assert keys(store) == ["a"]
    assert list(store.folders()) == []


def test_a_file_that_goes_while_the_folder_is_listed_is_passed_over(store: LocalStore) -> None:
    for key in ("a", "b", "c"):
        store.create(key, b"x")
    listing = store.list()
    assert next(listing).key == "a"
    store.delete("b")
    assert [item.key for item in listing] == ["c"]


def test_hidden_files_of_others_are_objects(store: LocalStore, root: Path) -> None:
    (root / ".hidden").write_bytes(b"x")
    assert keys(store) == [".hidden"]


def test_nothing_is_left_of_a_write_that_failed(store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "ZZCANARY")

    monkeypatch.setattr("tasks.store.local.os.fsync", full)
    with pytest.raises(StoreError, match="No space left on device") as caught:
        store.create("a", b"x")
    assert "ZZCANARY" not in str(caught.value)
    assert "space" in caught.value.next_step
    assert keys(store) == []
    assert list((root / ".curate-partial").iterdir()) == []


def no_links(_source: object, _target: object) -> None:
    raise OSError(errno.EPERM, "no hard links here")


def test_a_file_system_without_links_still_creates_once(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.store.local.os.link", no_links)
    assert store.create("a/b", b"x")
    assert not store.create("a/b", b"x")
    with pytest.raises(KeyExistsError):
        store.create("a/b", b"y")
    assert store.read("a/b") == b"x"


def test_another_failure_to_link_is_a_failure(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_source: object, _target: object) -> None:
        raise OSError(errno.EIO, "")

    monkeypatch.setattr("tasks.store.local.os.link", fail)
    with pytest.raises(StoreError, match="Input/output error"):
        store.create("a", b"x")


@pytest.mark.parametrize("taken", ["a", "a/b"])
def test_a_swap_cannot_make_a_file_where_a_folder_is(store: LocalStore, taken: str) -> None:
    store.create("a/b/c", b"x")
    with pytest.raises(StoreError):
        store.swap(taken, b"y", expected=None)
    assert keys(store) == ["a/b/c"]


def test_a_deep_key_below_a_file_is_refused_clearly(store: LocalStore) -> None:
    store.create("a", b"x")
    assert store.head("a/b/c") is None
    with pytest.raises(StoreError, match="an object and a folder"):
        store.create("a/b/c", b"y")


def test_removal_leaves_no_empty_folders_but_the_root(store: LocalStore, root: Path) -> None:
    store.create("a/b/c", b"x")
    store.create("a/d", b"x")
    store.delete("a/b/c")
    assert sorted(path.name for path in (root / "a").iterdir()) == ["d"]
    store.delete("a/d")
    assert sorted(path.name for path in root.iterdir()) == [".curate-partial"]


def test_processes_that_create_the_same_key_agree_on_one_winner(root: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from tasks.store.local import LocalStore\n"
        "from tasks.errors import KeyExistsError\n"
        "store = LocalStore(pathlib.Path(sys.argv[1]))\n"
        "won = 0\n"
        "for number in range(50):\n"
        "    try:\n"
        "        won += store.create(f'k/{number}', sys.argv[2].encode())\n"
        "    except KeyExistsError:\n"
        "        pass\n"
        "print(won)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(root), name], stdout=subprocess.PIPE, text=True)
        for name in ("one", "two", "three")
    ]
    won = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(won) == 50
    assert len(keys(LocalStore(root), "k/")) == 50


def test_a_file_is_read_piece_by_piece_under_its_version_token(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.create("a/b", b"0123456789")
    buffer = memoryview(bytearray(4))
    with store.incoming("a/b") as file:
        assert file is not None
        parts = []
        while count := file.readinto(buffer):
            parts.append(bytes(buffer[:count]))
        assert b"".join(parts) == b"0123456789"
        found = store.head("a/b")
        assert found is not None
        assert (file.size_bytes, file.etag) == (10, found.etag)
    with store.incoming("a/c") as file:
        assert file is None


def test_a_file_that_is_written_piece_by_piece_is_nowhere_until_it_is_created(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    digest = hashlib.sha256(b"0123").hexdigest()
    with store.outgoing() as file:
        file.write(b"01")
        file.write(memoryview(b"23"))
        assert list(store.list()) == []
        assert file.create("a/b", sha256=digest)
    with store.outgoing() as file:
        file.write(b"0123")
        assert not file.create("a/b", sha256=digest)
    with store.outgoing() as file:
        file.write(b"other")
        with pytest.raises(KeyExistsError):
            file.create("a/b", sha256=hashlib.sha256(b"other").hexdigest())
    with store.outgoing() as file:
        file.write(b"never created")
    assert [(one.key, store.read(one.key)) for one in store.list()] == [("a/b", b"0123")]
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"b", "lock"}


def test_a_folder_keeps_no_checksum_beside_its_files(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.create("k", b"content")
    assert store.stored_checksum("k") is None


def test_half_written_files_of_a_writer_that_was_stopped_are_found_and_discarded(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert list(store.leftovers()) == []
    store.create("a", b"whole")
    half = tmp_path / PARTIAL / "0123abcd"
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    (left,) = store.leftovers()
    assert (left.token, left.size_bytes, left.age_seconds > 1e9) == (("0123abcd",), 4, True)
    store.discard(left)
    store.discard(left)
    assert list(store.leftovers()) == []
    assert store.read("a") == b"whole"
