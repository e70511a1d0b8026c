"""Shards: the same from any listing, bounded, and hardly disturbed by a late object."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import ShardLimits
from tasks.intake.planning import PlannedObject, PlannedShard, plan_shards, run_id

LIMITS = ShardLimits(max_bytes=100, max_objects=5)
objects = st.builds(
    PlannedObject, key=st.text(min_size=1, max_size=8), size_bytes=st.integers(0, 150), etag=st.just("e")
)
listings = st.lists(objects, max_size=80, unique_by=lambda planned: planned.key)


def shards(listing: list[PlannedObject], fingerprint: str = "f") -> tuple[PlannedShard, ...]:
    return plan_shards(listing, LIMITS, fingerprint=fingerprint)


@given(listings, st.randoms(use_true_random=False))
def test_any_order_of_listing_gives_the_same_plan(listing: list[PlannedObject], random: Random) -> None:
    shuffled = random.sample(listing, len(listing))
    assert shards(shuffled) == shards(listing)


@given(listings)
def test_every_object_is_in_exactly_one_shard(listing: list[PlannedObject]) -> None:
    planned = [one for shard in shards(listing) for one in shard.objects]
    assert sorted(planned, key=lambda one: one.key) == sorted(listing, key=lambda one: one.key)


@given(listings)
def test_no_shard_passes_a_limit_unless_it_is_one_object(listing: list[PlannedObject]) -> None:
    for shard in shards(listing):
        assert len(shard.objects) == 1 or (len(shard.objects) <= 5 and shard.size_bytes <= 100)


@given(listings, objects)
def test_an_added_object_replaces_at_most_one_shard(listing: list[PlannedObject], late: PlannedObject) -> None:
    listing = [planned for planned in listing if planned.key != late.key]
    before, after = set(shards(listing)), set(shards([*listing, late]))
    assert len(before - after) <= 1
    replaced = {planned for shard in before - after for planned in shard.objects}
    assert {planned for shard in after - before for planned in shard.objects} == replaced | {late}


@given(listings)
def test_objects_of_a_shard_are_in_byte_order(listing: list[PlannedObject]) -> None:
    for shard in shards(listing):
        keys = [planned.key.encode() for planned in shard.objects]
        assert keys == sorted(keys)


def test_a_late_object_redoes_one_shard_of_many() -> None:
    listing = [PlannedObject(f"s01/b1/{number:05}.dcm", 10, "e") for number in range(1000)]
    before = {shard.key for shard in shards(listing)}
    after = {shard.key for shard in shards([PlannedObject("s01/b1/00000.a", 10, "e"), *listing])}
    assert len(before) > 200
    assert len(before - after) <= 1
    assert len(after - before) <= 3


def test_shards_are_half_full_or_more_on_the_average() -> None:
    listing = [PlannedObject(f"s01/b1/{number:05}.dcm", 1, "e") for number in range(20_000)]
    planned = plan_shards(listing, ShardLimits(max_objects=500, max_bytes=1 << 28), fingerprint="f")
    assert 40 <= len(planned) <= 80


@pytest.mark.parametrize(
    "change",
    [{"key": "b"}, {"size_bytes": 2}, {"etag": "x"}, {"sha256": "s"}, {"md5": "m"}],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_the_result_is_in_the_shard_key(change: dict[str, object]) -> None:
    one = PlannedObject("a", 1, "e")
    assert shards([one])[0].key != shards([replace(one, **change)])[0].key  # type: ignore[arg-type] -- one field each


def test_another_fingerprint_gives_other_keys_and_the_same_groups() -> None:
    listing = [PlannedObject(str(number), 1, "e") for number in range(50)]
    first, second = shards(listing), shards(listing, "g")
    assert not {shard.key for shard in first} & {shard.key for shard in second}
    assert {shard.objects for shard in first} == {shard.objects for shard in second}


def test_a_run_is_named_by_all_its_inputs() -> None:
    table = PlannedObject("t.csv", 1, "e")
    planned = shards([PlannedObject("a", 1, "e")])
    runs = {
        run_id("f", planned, [table], [("s1", "r", 1)]),
        run_id("g", planned, [table], [("s1", "r", 1)]),
        run_id("f", (), [table], [("s1", "r", 1)]),
        run_id("f", planned, [replace(table, etag="x")], [("s1", "r", 1)]),
        run_id("f", planned, [table], [("s2", "r", 1)]),
    }
    runs.add(run_id("f", planned, [table], [("s1", "r", 2)]))
    assert len(runs) == 6
    assert all(len(run) == 16 and int(run, 16) >= 0 for run in runs)
    assert run_id("f", (), [], [("a", "r", 1), ("b", "r", 1)]) == run_id("f", (), [], [("b", "r", 1), ("a", "r", 1)])
