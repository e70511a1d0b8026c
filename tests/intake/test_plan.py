"""Planning a batch from store to store."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from expectations.schemas.pipeline import LEDGER, PLAN, SOURCES
from tasks.context import BatchContext
from tasks.errors import AccountingError, BatchNotReadyError
from tasks.intake.plan import plan_batch
from tasks.layout import intake_shard
from tasks.store.memory import MemoryStore
from tasks.store.parquet import read_table

BatchOf = Callable[..., BatchContext]
SHA = "0" * 64
FILES = {
    "ZZCANARY/1.dcm": b"one",
    "ZZCANARY/2": b"two",
    "images.zip": b"three",
    "folder/": b"",
    "patients.csv": b"id\n",
    "declaration.json": json.dumps({"files": [{"path": "ZZCANARY/2", "size_bytes": 3, "sha256": SHA}]}).encode(),
    "_COMPLETE": b"",
}


def rows(context: BatchContext, key: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = read_table(context.work.read(key)).to_pylist()
    return found


def test_every_object_is_in_a_shard_or_in_the_ledger_of_intake(batch_of: BatchOf) -> None:
    context = batch_of(FILES)
    plan = plan_batch(context)
    own = intake_shard(plan.run)
    shard_keys = [row["key"] for ref in plan.shards for row in rows(context, context.layout.plan(ref.key))]
    sources = {
        row["source"]: row["source_id"] for row in rows(context, context.layout.private_shard(own, "sources.parquet"))
    }
    ledger = {row["source_id"]: row for row in rows(context, context.layout.shard(own, "ledger.parquet"))}
    assert sorted([*shard_keys, *sources]) == sorted(f"s01/b1/{path}" for path in FILES)
    assert {
        path: (ledger[source_id]["status"], ledger[source_id]["rule_id"]) for path, source_id in sources.items()
    } == {
        "s01/b1/_COMPLETE": ("not-imaging", "IN-MARKER"),
        "s01/b1/declaration.json": ("not-imaging", "IN-DECLARATION"),
        "s01/b1/folder/": ("not-imaging", "IN-FOLDER"),
        "s01/b1/patients.csv": ("not-imaging", "IN-TABLE"),
    }
    assert (plan.objects, plan.tables, plan.size_bytes) == (7, 1, sum(map(len, FILES.values())))
    assert [(ref.objects, ref.size_bytes) for ref in plan.shards] == [(3, 11)]


def test_plan_files_hold_what_their_schemas_say(batch_of: BatchOf) -> None:
    context = batch_of(FILES)
    plan = plan_batch(context)
    own = intake_shard(plan.run)
    for key, table in (
        (context.layout.plan(plan.shards[0].key), PLAN),
        (context.layout.plan_of_tables(plan.run), PLAN),
        (context.layout.shard(own, "ledger.parquet"), LEDGER),
        (context.layout.private_shard(own, "sources.parquet"), SOURCES),
    ):
        written = read_table(context.work.read(key))
        assert written.schema.equals(table.schema, check_metadata=True)
        assert written.num_rows
        assert [row[table.key[0]] for row in written.to_pylist()] == sorted(
            row[table.key[0]] for row in written.to_pylist()
        )


def test_declared_digests_stand_in_the_plan(batch_of: BatchOf) -> None:
    context = batch_of(FILES)
    plan = plan_batch(context)
    declared = {row["key"]: row["sha256"] for row in rows(context, context.layout.plan(plan.shards[0].key))}
    assert declared == {"s01/b1/ZZCANARY/1.dcm": None, "s01/b1/ZZCANARY/2": SHA, "s01/b1/images.zip": None}


def test_planning_again_changes_nothing(batch_of: BatchOf) -> None:
    context = batch_of(FILES)
    first = plan_batch(context)
    before = [(stored.key, stored.etag) for stored in context.work.list()]
    assert plan_batch(context) == first
    assert [(stored.key, stored.etag) for stored in context.work.list()] == before


def test_equal_batches_have_equal_plans_and_another_key_ring_another_run(batch_of: BatchOf) -> None:
    backwards = dict(reversed(FILES.items()))
    assert plan_batch(batch_of(FILES)) == plan_batch(batch_of(backwards))
    assert plan_batch(batch_of(FILES)).run != plan_batch(batch_of(FILES, key=b"x" * 32)).run


def test_a_changed_table_is_another_run_of_the_same_shards(batch_of: BatchOf) -> None:
    first, second = plan_batch(batch_of(FILES)), plan_batch(batch_of(FILES | {"patients.csv": b"id\n1\n"}))
    assert first.shards == second.shards
    assert first.run != second.run


def test_a_declaration_that_says_the_same_in_other_words_is_another_run_of_the_same_shards(batch_of: BatchOf) -> None:
    context = batch_of(FILES)
    first = plan_batch(context)
    context.raw.delete("s01/b1/declaration.json")  # type: ignore[attr-defined] -- the fixture's store can
    context.raw.create("s01/b1/declaration.json", FILES["declaration.json"] + b"\n")  # type: ignore[attr-defined] -- the fixture's store can
    second = plan_batch(context)
    assert first.shards == second.shards
    assert first.run != second.run


def test_names_stand_under_the_private_prefix_only(batch_of: BatchOf, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tasks")
    context = batch_of(FILES)
    plan = plan_batch(context)
    for stored in context.work.list():
        holds_a_name = any(b"ZZCANARY" in str(row).encode() for row in rows(context, stored.key))
        assert stored.key.startswith("private/") or not holds_a_name
        assert "ZZCANARY" not in stored.key
    assert caplog.messages == [f"planned s01/b1 as run {plan.run}: 7 objects, 1 shards, 1 tables"]


def test_a_batch_of_tables_has_no_shards_and_a_batch_of_images_an_empty_table_plan(batch_of: BatchOf) -> None:
    tables, images = batch_of({"a.csv": b"1", "_COMPLETE": b""}), batch_of({"a.dcm": b"1", "_COMPLETE": b""})
    assert plan_batch(tables).shards == ()
    assert rows(images, images.layout.plan_of_tables(plan_batch(images).run)) == []


def test_limits_of_the_settings_divide_a_batch(batch_of: BatchOf) -> None:
    files = {f"{number}.dcm": b"1" for number in range(40)} | {"_COMPLETE": b""}
    plan = plan_batch(batch_of(files, max_objects=10))
    assert len(plan.shards) >= 4
    assert sum(ref.objects for ref in plan.shards) == 40


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "empty or unknown"),
        ({"ZZCANARY.dcm": b"1"}, "half uploaded"),
        ({"_COMPLETE": b""}, "nothing beside its marker"),
        ({"declaration.json": b"ZZCANARY", "_COMPLETE": b""}, "cannot be read"),
        ({"sha256sums": f"{SHA}  ZZCANARY\n".encode(), "_COMPLETE": b""}, "1 are missing"),
    ],
)
def test_nothing_is_written_for_a_batch_that_is_not_ready(
    batch_of: BatchOf, files: dict[str, bytes], message: str
) -> None:
    context = batch_of(files)
    with pytest.raises(BatchNotReadyError, match=message) as caught:
        plan_batch(context)
    assert "ZZCANARY" not in str(caught.value)
    assert list(context.work.list()) == []


def test_a_batch_name_that_leads_elsewhere_is_refused(batch_of: BatchOf) -> None:
    with pytest.raises(BatchNotReadyError, match="no batch can have this name"):
        plan_batch(replace(batch_of(FILES), batch="../b1"))


class ChangingStore(MemoryStore):
    """A store whose declaration is written anew after it was listed, or removed."""

    def __init__(self, content: bytes | None) -> None:
        super().__init__()
        self.content = content

    def read_versioned(self, key: str) -> tuple[bytes, str] | None:
        return super().read_versioned(key) and self.content and (self.content, "new")


@pytest.mark.parametrize("content", [b"{}", None])
def test_a_declaration_that_changes_while_it_is_read_stops_the_plan(batch_of: BatchOf, content: bytes | None) -> None:
    raw = ChangingStore(content)
    for path, data in FILES.items():
        raw.create(f"s01/b1/{path}", data)
    with pytest.raises(BatchNotReadyError, match="changes while it is read"):
        plan_batch(replace(batch_of(FILES), raw=raw))


def test_an_object_that_gets_lost_in_planning_stops_the_run(batch_of: BatchOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.intake.plan.plan_shards", lambda *_, **__: ())
    context = batch_of(FILES)
    with pytest.raises(AccountingError, match="7 objects were listed and 4 planned"):
        plan_batch(context)
    assert list(context.work.list()) == []
