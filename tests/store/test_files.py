"""Large objects between any store and a local file."""

from pathlib import Path

import pytest

from tasks.errors import KeyExistsError, MissingKeyError
from tasks.store import Store
from tasks.store.files import PIECE_BYTES, create_from, fetch

SIZES = [0, 1, PIECE_BYTES, 2 * PIECE_BYTES + 7]


def file_of(folder: Path, size: int) -> Path:
    path = folder / "content"
    path.write_bytes(bytes(at % 251 for at in range(size)))
    return path


@pytest.mark.parametrize("size", SIZES)
def test_a_file_that_became_an_object_comes_back_as_it_was(store: Store, tmp_path: Path, size: int) -> None:
    path, back = file_of(tmp_path, size), tmp_path / "back"
    assert create_from(store, "tables/large.parquet", path)
    assert store.read("tables/large.parquet") == path.read_bytes()
    fetch(store, "tables/large.parquet", back)
    assert back.read_bytes() == path.read_bytes()


def test_the_same_file_again_is_not_written(store: Store, tmp_path: Path) -> None:
    path = file_of(tmp_path, PIECE_BYTES + 1)
    assert create_from(store, "k", path)
    assert not create_from(store, "k", path)


def test_a_file_never_replaces_other_bytes(store: Store, tmp_path: Path) -> None:
    store.create("k", b"stands")
    with pytest.raises(KeyExistsError):
        create_from(store, "k", file_of(tmp_path, 9))
    assert store.read("k") == b"stands"


def test_what_is_not_there_cannot_be_fetched(store: Store, tmp_path: Path) -> None:
    with pytest.raises(MissingKeyError):
        fetch(store, "nowhere", tmp_path / "back")
