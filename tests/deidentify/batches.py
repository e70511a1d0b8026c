"""A batch in memory, planned and ready to be worked on, and its results as rows."""

import json
from collections.abc import Mapping
from typing import Any

from config.deid import load_profile
from config.keys import KeyRing
from config.settings import Settings
from config.site import Site
from tasks.context import BatchContext
from tasks.deidentify.given import keep_given
from tasks.deidentify.settle import settle_batch
from tasks.deidentify.shard import deidentify_shard
from tasks.intake.plan import plan_batch
from tasks.layout import MARKER
from tasks.model import BatchPlan, StageReport
from tasks.store.memory import MemoryStore
from tasks.store.parquet import read_table

PREFIX = "s01/b1/"


def a_batch(files: Mapping[str, bytes], **settings: Any) -> BatchContext:
    """Lay out a complete batch of site s01."""
    raw = MemoryStore("raw")
    for path, content in (dict(files) | {MARKER: b""}).items():
        raw.create(PREFIX + path, content)
    return BatchContext(
        site=Site(code="s01"),
        batch="b1",
        settings=Settings(**settings),
        profile=load_profile(),
        ring=KeyRing(1, {1: b"k" * 32}),
        raw=raw,
        work=MemoryStore("work"),
    )


def worked(context: BatchContext) -> tuple[BatchPlan, list[StageReport]]:
    """Plan a batch and de-identify its shards."""
    plan = plan_batch(context, keep_given)
    return plan, [deidentify_shard(shard, context) for shard in plan.shards]


def settled(context: BatchContext) -> tuple[BatchPlan, StageReport]:
    """Plan, de-identify and settle a batch."""
    plan, _ = worked(context)
    return plan, settle_batch(plan, context)


def rows_at(context: BatchContext, key: str) -> list[dict[str, Any]]:
    """Rows of a Parquet file of the work store."""
    rows: list[dict[str, Any]] = read_table(context.work.read(key)).to_pylist()
    return rows


def ends(context: BatchContext, ledger: str, sources: str) -> dict[str, str]:
    """Rule of every source, by the name that it came under."""
    names = {row["source_id"]: row["source"].removeprefix(PREFIX) for row in rows_at(context, sources)}
    return {names[row["source_id"]]: row["rule_id"] for row in rows_at(context, ledger)}


def shard_ends(context: BatchContext, plan: BatchPlan) -> dict[str, str]:
    """Rule of every source of all shards."""
    layout = context.layout
    found: dict[str, str] = {}
    for shard in plan.shards:
        files = layout.shard(shard.key, "ledger.parquet"), layout.private_shard(shard.key, "sources.parquet")
        found |= ends(context, *files)
    return dict(sorted(found.items()))


def settled_ends(context: BatchContext, plan: BatchPlan) -> dict[str, str]:
    """Rule of every source of a settled run."""
    layout = context.layout
    files = layout.run(plan.run, "settled/ledger.parquet"), layout.private_run(plan.run, "sources.parquet")
    return dict(sorted(ends(context, *files).items()))


def document(context: BatchContext, key: str) -> dict[str, Any]:
    """A JSON document of the work store."""
    found: dict[str, Any] = json.loads(context.work.read(key))
    return found


def everything(context: BatchContext) -> dict[str, bytes]:
    """The whole work store."""
    return {listed.key: context.work.read(listed.key) for listed in context.work.list()}
