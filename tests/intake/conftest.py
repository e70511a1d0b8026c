"""A batch in memory, laid out as a table of names and contents."""

from collections.abc import Callable, Mapping

import pytest

from config.deid import load_profile
from config.keys import KeyRing
from config.settings import Settings, ShardLimits
from config.site import Site
from tasks.context import BatchContext
from tasks.store.memory import MemoryStore

BatchOf = Callable[..., BatchContext]


@pytest.fixture
def batch_of() -> BatchOf:
    """Give a function that lays out a batch of site s01 and gives its context."""

    def make(files: Mapping[str, bytes], *, max_objects: int = 500, key: bytes = b"k" * 32) -> BatchContext:
        raw = MemoryStore("raw")
        for path, content in files.items():
            raw.create(f"s01/b1/{path}", content)
        return BatchContext(
            site=Site(code="s01"),
            batch="b1",
            settings=Settings(shard=ShardLimits(max_objects=max_objects, max_bytes=1 << 28)),
            profile=load_profile(),
            ring=KeyRing(1, {1: key}),
            raw=raw,
            work=MemoryStore("work"),
        )

    return make
