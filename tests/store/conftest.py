"""One store of every kind, each empty, for the contract that all of them keep."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.settings import S3Options
from tasks.store import Store
from tasks.store.local import LocalStore
from tasks.store.memory import MemoryStore
from tasks.store.opening import open_store
from tests.store import servers

MakeStore = Callable[[], Store]
_services = pytest.mark.services
_numbers = itertools.count()


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Options]:
    with servers.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as options:
        yield options


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Options]:
    with servers.ministack(tmp_path_factory.mktemp("ministack")) as options:
        yield options


@pytest.fixture(
    params=[
        "memory",
        "folder",
        pytest.param("seaweedfs", marks=_services),
        pytest.param("ministack", marks=_services),
    ]
)
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Give a function that opens a further empty store of one kind."""
    kind = request.param
    if kind == "memory":
        return lambda: MemoryStore(f"memory-{next(_numbers)}")
    if kind == "folder":
        return lambda: _folder(tmp_path / str(next(_numbers)))
    options: S3Options = request.getfixturevalue(kind)
    return lambda: open_store(f"s3://work/test-{next(_numbers)}", options)


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store()


def _folder(path: Path) -> LocalStore:
    path.mkdir()
    return LocalStore(path)
