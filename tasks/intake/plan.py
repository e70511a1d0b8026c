"""Read the listing of a batch, plan the run, write the private plan: the only part of intake that writes."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from config.rules import ledger_rules
from expectations.schemas.pipeline import LEDGER, PLAN, SOURCES
from expectations.schemas.table import Table, table_of
from tasks.context import BatchContext
from tasks.errors import AccountingError, BatchNotReadyError
from tasks.intake.completeness import require_complete, require_marked, require_name
from tasks.intake.declaration import Declaration, Declared, form_of, merge_declarations, parse_declaration
from tasks.intake.planning import PlannedObject, PlannedShard, in_byte_order, plan_shards, run_id
from tasks.intake.roles import IS_TABLE, intake_rule
from tasks.layout import intake_shard, raw_prefix
from tasks.model import BatchPlan, ShardRef, StoredObject
from tasks.store.parquet import write_table

log = logging.getLogger(__name__)
Tell = Callable[[Sequence[str], BatchContext], str]


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The objects of a batch by who reads them: shards, harmonize (`tables`), or nobody after intake (`rules`)."""

    shards: tuple[PlannedShard, ...]
    tables: tuple[PlannedObject, ...]
    rules: tuple[tuple[PlannedObject, str], ...]
    told: str


def nothing_told(_keys: Sequence[str], _context: BatchContext) -> str:
    """Leave clinical tables out of account."""
    return ""


def plan_batch(context: BatchContext, tell: Tell = nothing_told) -> BatchPlan:
    """Plan the run of a batch and write what its stages will read.

    Parameters
    ----------
    tell
        Keeps for the shards what the clinical tables say of the patients, and gives the digest of that.

    Returns
    -------
    BatchPlan
        `objects` and `size_bytes` count every raw object of the batch, `tables` the clinical tables among them.

    Raises
    ------
    BatchNotReadyError
        If the batch is unknown, empty, half uploaded, or wrongly declared; nothing was written.
    """
    require_name(context.batch)
    listing = _listing(context)
    batch = f"{context.site.code}/{context.batch}"
    sizes = {path: listed.size_bytes for path, listed in listing.items()}
    require_marked(sizes, batch=batch)
    declaration = _read_declaration(context, listing)
    require_complete(sizes, declaration, batch=batch)
    parts = _sort(context, listing, declaration, tell)
    _require_all(listing, parts)
    plan = _named(context, parts)
    _write(context, parts, plan.run)
    log.info(
        "planned %s as run %s: %d objects, %d shards, %d tables",
        batch,
        plan.run,
        plan.objects,
        len(plan.shards),
        plan.tables,
    )
    return plan


def _listing(context: BatchContext) -> dict[str, StoredObject]:
    prefix = raw_prefix(context.site.code, context.batch)
    return {listed.key.removeprefix(prefix): listed for listed in context.raw.list(prefix)}


def _read_declaration(context: BatchContext, listing: dict[str, StoredObject]) -> Declaration:
    found = []
    for path, listed in listing.items():
        form = form_of(path)
        if form is not None:
            content, etag = context.raw.read_versioned(listed.key) or (b"", "")
            if etag != listed.etag:
                raise BatchNotReadyError(
                    f"batch {context.site.code}/{context.batch} changes while it is read",
                    next_step="wait for the upload to end, then run again",
                )
            found.append(parse_declaration(form, content))
    return merge_declarations(found)


def _sort(context: BatchContext, listing: dict[str, StoredObject], declaration: Declaration, tell: Tell) -> _Sorted:
    by_rule: dict[str | None, list[PlannedObject]] = {}
    for path, listed in listing.items():
        declared = declaration.get(path) or Declared(path)
        planned = PlannedObject(listed.key, listed.size_bytes, listed.etag, declared.sha256, declared.md5)
        by_rule.setdefault(intake_rule(path, size_bytes=listed.size_bytes), []).append(planned)
    tables = in_byte_order(by_rule.get(IS_TABLE, []))
    told = tell([table.key for table in tables], context)
    return _Sorted(
        shards=plan_shards(by_rule.get(None, []), context.settings.shard, fingerprint=context.shard_fingerprint + told),
        tables=tables,
        told=told,
        rules=tuple((planned, rule) for rule, group in by_rule.items() if rule is not None for planned in group),
    )


def _require_all(listing: dict[str, StoredObject], parts: _Sorted) -> None:
    planned = len(parts.rules) + sum(len(shard.objects) for shard in parts.shards)
    if planned != len(listing):
        raise AccountingError(
            f"{len(listing)} objects were listed and {planned} planned",
            next_step="report this line; nothing was written",
        )


def _named(context: BatchContext, parts: _Sorted) -> BatchPlan:
    site, batch = context.site.code, context.batch
    refs = tuple(
        ShardRef(site, batch, shard.key, len(shard.objects), shard.size_bytes, parts.told) for shard in parts.shards
    )
    rows = [(context.pseudonymizer.source(planned.key), rule, planned.size_bytes) for planned, rule in parts.rules]
    return BatchPlan(
        site=site,
        batch=batch,
        run=run_id(context.fingerprint, parts.shards, parts.tables, rows),
        shards=refs,
        objects=len(parts.rules) + sum(ref.objects for ref in refs),
        tables=len(parts.tables),
        size_bytes=sum(planned.size_bytes for planned, _ in parts.rules) + sum(ref.size_bytes for ref in refs),
        told=parts.told,
    )


def _write(context: BatchContext, parts: _Sorted, run: str) -> None:
    layout, own = context.layout, intake_shard(run)
    for shard in parts.shards:
        _create(context, layout.plan(shard.key), PLAN, [asdict(planned) for planned in shard.objects])
    _create(context, layout.plan_of_tables(run), PLAN, [asdict(planned) for planned in parts.tables])
    named = sorted((context.pseudonymizer.source(planned.key), planned, rule) for planned, rule in parts.rules)
    sources: list[dict[str, object]] = [{"source_id": source, "source": planned.key} for source, planned, _ in named]
    _create(context, layout.private_shard(own, "sources.parquet"), SOURCES, sources)
    ledger = [_ledger_row(source, planned, rule) for source, planned, rule in named]
    _create(context, layout.shard(own, "ledger.parquet"), LEDGER, ledger)


def _ledger_row(source_id: str, planned: PlannedObject, rule: str) -> dict[str, object]:
    status = ledger_rules()[rule].status
    return {"source_id": source_id, "status": status, "rule_id": rule, "source_bytes": planned.size_bytes}


def _create(context: BatchContext, key: str, table: Table, rows: Sequence[dict[str, object]]) -> None:
    context.work.create(key, write_table(table_of(table, rows)))
