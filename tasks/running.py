"""The stages as calls that name everything: they open what they need and keep foreign error texts out.

This is the one set of functions behind every door: Prefect tasks bind them, the command line calls them, and neither
sees a store, a key or a parser's words.
"""

import functools
import hashlib
import json
import os
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from config.deid import load_profile
from config.errors import ConfigError
from config.keys import load_key_ring
from config.release import load_release_policy
from config.settings import Settings
from config.site import load_site
from tasks.context import BatchContext
from tasks.errors import BatchNotReadyError, CurationError
from tasks.layout import decision_key, raw_prefix
from tasks.model import BatchPlan, ShardRef, StageReport
from tasks.store.opening import open_named

if TYPE_CHECKING:
    from tasks.harmonize.drafting.draft import SiteDraft
    from tasks.release.model import ReleaseContext, ReleasePlan, ReleaseReport
    from tasks.release.withdrawn import Withdrawal

P = ParamSpec("P")
R = TypeVar("R")
_OURS = Path(__file__).parent


@functools.lru_cache(maxsize=8)
def open_context(site: str, batch: str, settings: Settings) -> BatchContext:
    """Open all that the stages of one batch are given.

    Raises
    ------
    ConfigError
        If the site is unknown, or an address or the key ring is missing or wrong.
    """
    return BatchContext(
        site=load_site(settings.sites, site),
        batch=batch,
        settings=settings,
        profile=load_profile(),
        ring=load_key_ring(settings.key_ring),
        raw=open_named("raw", settings),
        work=open_named("work", settings),
    )


def sealed(stage: Callable[P, R]) -> Callable[P, R]:
    """Let a stage fail only with our own errors: a foreign exception's text may hold a patient's values.

    What is kept of a foreign exception is its class and the line of ours that met it.
    """

    @functools.wraps(stage)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return stage(*args, **kwargs)
        except (CurationError, ConfigError):
            raise
        except Exception as problem:  # noqa: BLE001 -- the edge of a stage: what leaves here has no foreign text
            where = _last_line_of_ours(problem)
            raise CurationError(
                f"{stage.__name__} failed with {type(problem).__name__} at {where}",
                next_step="run the batch again; if it fails again, report this line",
            ) from None

    return call


def _last_line_of_ours(problem: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if _OURS in Path(frame.filename).parents]
    return f"{Path(frames[-1].filename).relative_to(_OURS.parent)}:{frames[-1].lineno}" if frames else "start-up"


@sealed
def intake(site: str, batch: str, settings: Settings) -> BatchPlan:
    """List a batch, harvest what its tables say of its patients, and plan its shards."""
    from tasks.deidentify.given import keep_given
    from tasks.intake.plan import plan_batch

    return plan_batch(open_context(site, batch, settings), keep_given)


@sealed
def deidentify(shard: ShardRef, settings: Settings) -> StageReport:
    """De-identify the objects of one shard."""
    from tasks.deidentify.shard import deidentify_shard

    return deidentify_shard(shard, open_context(shard.site, shard.batch, settings))


@sealed
def settle(plan: BatchPlan, settings: Settings) -> StageReport:
    """Merge the ledgers of all shards and settle what only the whole batch can tell."""
    from tasks.deidentify.settle import settle_batch

    return settle_batch(plan, open_context(plan.site, plan.batch, settings))


@sealed
def retention_page(plan: BatchPlan, settings: Settings) -> str:
    """Give the de-identification report of a settled batch as Markdown."""
    from tasks.deidentify.retention import retention_markdown
    from tasks.deidentify.settle import RETENTION

    context = open_context(plan.site, plan.batch, settings)
    report = json.loads(context.work.read(context.layout.run(plan.run, RETENTION)))
    return retention_markdown(f"De-identification of {plan.site}/{plan.batch}", report)


@sealed
def harmonize(plan: BatchPlan, settings: Settings) -> StageReport:
    """Map the site's tables and the images' facts to the canonical tables."""
    from tasks.harmonize.shard import harmonize_batch

    return harmonize_batch(plan, open_context(plan.site, plan.batch, settings))


@sealed
def harmonization_page(plan: BatchPlan, settings: Settings) -> str:
    """Give what harmonization found in a batch as Markdown: counts per rule and what to send, no name of the site's."""
    from tasks.harmonize.shard import SUMMARY

    context = open_context(plan.site, plan.batch, settings)
    return context.work.read(context.layout.run(plan.run, SUMMARY)).decode()


@sealed
def draft(site: str, batch: str, settings: Settings, codebook: Mapping[str, bytes]) -> "SiteDraft":
    """Draft the file of a site from the clinical tables of one of its batches; the site need not be known.

    Raises
    ------
    BatchNotReadyError
        If the batch has no clinical tables.
    """
    from tasks.harmonize.drafting.draft import draft_site
    from tasks.intake.completeness import require_name
    from tasks.intake.roles import IS_TABLE, intake_rule

    require_name(batch)
    raw, prefix = open_named("raw", settings), raw_prefix(site, batch)
    keys = [
        one.key
        for one in raw.list(prefix)
        if intake_rule(one.key.removeprefix(prefix), size_bytes=one.size_bytes) == IS_TABLE
    ]
    if not keys:
        raise BatchNotReadyError(
            f"{site}/{batch} has no clinical tables in the raw store", next_step="check site, batch and --raw"
        )
    return draft_site(site, ((key.removeprefix(prefix), raw.read(key)) for key in keys), codebook)


@sealed
def validate(plan: BatchPlan, settings: Settings) -> StageReport:
    """Check the canonical tables and set aside what is held."""
    from tasks.validate.shard import validate_batch

    return validate_batch(plan, open_context(plan.site, plan.batch, settings))


@sealed
def validation_page(plan: BatchPlan, settings: Settings) -> str:
    """Give what validation found in a batch as Markdown, in counts; empty if it did not come so far."""
    context = open_context(plan.site, plan.batch, settings)
    found = context.work.read_versioned(context.layout.run(plan.run, "report/validation.md"))
    return found[0].decode() if found else ""


@sealed
def accept(plan: BatchPlan, settings: Settings) -> StageReport:
    """Make the run the one that counts for its batch."""
    from tasks.validate.accept import accept_batch

    return accept_batch(plan, open_context(plan.site, plan.batch, settings))


@sealed
def search_late(plan: BatchPlan, settings: Settings) -> StageReport:
    """Search between an accepted run and those of its subjects' other batches."""
    from tasks.deidentify.late import search_other_batches

    return search_other_batches(plan, open_context(plan.site, plan.batch, settings))


@sealed
def finished(plan: BatchPlan, settings: Settings) -> StageReport | None:
    """Give the report of this very run if it already counts, which means that there is nothing to do."""
    from tasks.validate.accept import accepted_run

    return accepted_run(plan, open_context(plan.site, plan.batch, settings))


@sealed
def plan_publication(version: str, settings: Settings, batches: Sequence[str] = ()) -> "ReleasePlan":
    """Say what building a release of these batches, or of all that the policy names, would do; writes nothing."""
    from tasks.release.build import plan_release

    return plan_release(version, context=_release_context(settings, batches))


@sealed
def stage_publication(version: str, settings: Settings, batches: Sequence[str] = ()) -> "ReleasePlan":
    """Build and check a release and lay it into the work store for a person to decide about."""
    from tasks.release.build import stage_release

    return stage_release(version, context=_release_context(settings, batches))


@sealed
def publish(
    version: str,
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
    approved: str = "",
    batches: Sequence[str] = (),
) -> "ReleaseReport":
    """Build, check and publish a release of accepted batches.

    Parameters
    ----------
    approved
        The root digest that a person saw.
    batches
        The only ones to take, as ``<site>/<batch>``; all that the policy releases if none are named.
    """
    from tasks.release.build import build_release
    from tasks.validate.releases import release_check

    context = _release_context(settings, batches)
    return build_release(
        version, context=context, progress=progress, approved=approved, check=release_check(context.work)
    )


@sealed
def keep_decision(version: str, root_digest: str, decision: Mapping[str, str], settings: Settings) -> None:
    """Keep who decided what about a release, and why, under the private prefix."""
    content = (json.dumps(dict(decision), sort_keys=True, indent=1) + "\n").encode()
    key = decision_key(version, root_digest, hashlib.sha256(content).hexdigest())
    open_named("work", settings).create(key, content)


@sealed
def plan_withdrawal(asked: "Sequence[Withdrawal]", version: str, settings: Settings) -> "ReleasePlan":
    """Say what withdrawing would do; writes nothing."""
    from tasks.release.withdraw import plan_withdrawal as plan

    return plan(asked, version, context=_release_context(settings))


@sealed
def withdraw(
    asked: "Sequence[Withdrawal]",
    version: str,
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
) -> "ReleaseReport":
    """Publish a release without some subjects, studies or series, and take their objects away."""
    from tasks.release.withdraw import withdraw as take_out
    from tasks.validate.releases import release_check

    context = _release_context(settings)
    return take_out(asked, version, context=context, progress=progress, check=release_check(context.work))


def _release_context(settings: Settings, batches: Sequence[str] = ()) -> "ReleaseContext":
    from config.signing import load_signing_key
    from tasks.release.model import ReleaseContext

    return ReleaseContext(
        work=open_named("work", settings),
        release=open_named("release", settings),
        policy=load_release_policy(settings.release_policy),
        settings=settings,
        sequestered=open_named("sequestered", settings) if settings.sequestered else None,
        ring=load_key_ring(settings.key_ring) if settings.key_ring else None,
        signer=load_signing_key(settings.signing_key) if settings.signing_key else None,
        batches=tuple(batches),
    )


def _end_with_parent() -> None:
    """Make a worker process end when the process that asked for it is gone, however it went."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(process: BaseProcess) -> None:
    process.join()
    os._exit(1)


@functools.cache
def workers(processes: int) -> ProcessPoolExecutor:
    """Give the pool of worker processes that all shards of this process share."""
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_end_with_parent)


def start_deidentify(shard: ShardRef, settings: Settings) -> Future[StageReport]:
    """Start `deidentify` of one shard in a worker process; a pool that lost a worker is replaced."""
    try:
        return workers(settings.processes).submit(deidentify, shard, settings)
    except BrokenProcessPool:
        workers.cache_clear()
        return workers(settings.processes).submit(deidentify, shard, settings)


def end_workers(settings: Settings) -> None:
    """End the worker processes, whatever they do; the next shard gets new ones."""
    for process in active_children():
        process.kill()
    workers(settings.processes).shutdown(wait=False, cancel_futures=True)
    workers.cache_clear()
