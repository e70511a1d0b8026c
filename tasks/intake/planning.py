"""How a batch is divided into shards, and what a run of it is called; pure functions of the listing.

A shard is redone when its key changes, so a late file should change one shard and leave the others as they are.
Cutting a sorted list every 500 objects would move every later cut. Instead the objects hang in a binary tree by the
bits of a digest of their names, and a branch is divided only where it passes a limit. An added object falls into one
leaf: that leaf changes, or divides if it is now too large, and no other leaf can tell. The same holds for a removed
one. Leaves end up between half full and full, since a digest spreads names evenly.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass

from config.settings import ShardLimits

RUN_DIGITS = 16
SHARD_DIGITS = 32
_DIGEST_BITS = 256


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """One raw object as listed, with the digests that its batch declares for it."""

    key: str
    size_bytes: int
    etag: str
    sha256: str | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """A bounded group of raw objects, in byte order of their keys, under the digest of all that decides its result."""

    key: str
    objects: tuple[PlannedObject, ...]

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes."""
        return sum(planned.size_bytes for planned in self.objects)


def in_byte_order(objects: Iterable[PlannedObject]) -> tuple[PlannedObject, ...]:
    """Give objects in ascending order of the UTF-8 bytes of their keys."""
    return tuple(sorted(objects, key=lambda planned: planned.key.encode()))


def plan_shards(objects: Iterable[PlannedObject], limits: ShardLimits, *, fingerprint: str) -> tuple[PlannedShard, ...]:
    """Divide objects into shards, each within the limits or of one object; every object is in exactly one.

    Parameters
    ----------
    objects
        In any order; the keys are unique.
    fingerprint
        Digest of all that decides a shard's result beside its objects.

    Returns
    -------
    tuple of PlannedShard
        In ascending order of their keys.
    """
    small: list[PlannedObject] = []
    groups: list[list[PlannedObject]] = []
    for planned in objects:
        if planned.size_bytes > limits.max_bytes:
            groups.append([planned])
        else:
            small.append(planned)
    groups.extend(_leaves([(_place(planned.key), planned) for planned in small], limits, bit=_DIGEST_BITS - 1))
    return tuple(sorted((_shard(group, fingerprint) for group in groups), key=lambda shard: shard.key))


def run_id(
    fingerprint: str,
    shards: Sequence[PlannedShard],
    tables: Sequence[PlannedObject],
    rows: Sequence[tuple[str, str, int]],
) -> str:
    """Give the id of a run: 16 hexadecimal digits of a digest of all inputs, so that equal inputs are one run.

    Parameters
    ----------
    rows
        Source id, rule and size of what ends at intake.
    """
    facts = [fingerprint, [shard.key for shard in shards], [astuple(table) for table in tables], sorted(rows)]
    return _digest(facts)[:RUN_DIGITS]


def _place(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")


def _leaves(branch: list[tuple[int, PlannedObject]], limits: ShardLimits, *, bit: int) -> Iterator[list[PlannedObject]]:
    if not branch:
        return
    size = sum(planned.size_bytes for _, planned in branch)
    if len(branch) == 1 or (len(branch) <= limits.max_objects and size <= limits.max_bytes):
        yield [planned for _, planned in branch]
        return
    for side in (0, 1):
        yield from _leaves([member for member in branch if member[0] >> bit & 1 == side], limits, bit=bit - 1)


def _shard(group: list[PlannedObject], fingerprint: str) -> PlannedShard:
    objects = in_byte_order(group)
    return PlannedShard(_digest([fingerprint, [astuple(planned) for planned in objects]])[:SHARD_DIGITS], objects)


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
