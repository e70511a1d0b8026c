"""The flow that builds and publishes a release of all accepted batches, or of some that are named."""

import logging
from datetime import datetime
from typing import Annotated

from prefect import flow
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from pydantic import Field

from config.release import BatchName, load_release_policy
from config.settings import Settings, load_settings
from flows import artifacts
from flows.approval import Decision, ask
from flows.limits import alone
from flows.links import address_of
from flows.progress import tell
from flows.report import todays_version
from flows.secret_keys import resolve_keys
from tasks import catalog, running
from tasks.errors import GateError
from tasks.layout import staged_key
from tasks.release.model import ReleaseReport

log = logging.getLogger(__name__)

Version = Annotated[
    str | None,
    Field(pattern=r"^[0-9][0-9A-Za-z.-]{0,31}$"),
]


def _run_name() -> str:
    return f"release-{flow_run.parameters.get('version') or todays_version(_started())}"


@flow(
    name="build-release",
    flow_run_name=_run_name,
    description="Build, check and publish a release of accepted batches; nothing is public until all of it is.",
    persist_result=False,
)
def build_release(version: Version = None, batches: list[BatchName] | None = None) -> ReleaseReport:
    """Build and publish a release; where the policy says so, a person decides in between.

    Args:
        version: Name of the release, such as `2026.11.1`; the day when left out. A name is used once.
        batches: The only batches to release, as `site/batch`; all that the release policy names when left out.
            Subjects of other batches leave the release.

    Raises
    ------
    BatchNotReadyError
        If a batch has no accepted run, or there is none.
    GateError
        If a gate stopped it, the version exists with other content, or it was rejected; readers see the earlier
        release.
    """
    name = version or todays_version(_started())
    settings = resolve_keys(load_settings())
    named = tuple(batches or ())
    needs_approval = load_release_policy(settings.release_policy).approval.required
    approved = _approved(name, settings, named) if needs_approval else ""
    with alone("build-release"):
        report = _publish(name, settings, approved, named)
    artifacts.show_release(report.as_dict())
    artifacts.show_data_docs(address_of(report.report, settings))
    log.info("release %s: %s", name, "unchanged" if report.unchanged else "published")
    return report


def _started() -> datetime | None:
    """Give when this run first began, which is another day than today if it was suspended since."""
    context = FlowRunContext.get()
    return context.flow_run.start_time if context and context.flow_run else None


def _approved(name: str, settings: Settings, batches: tuple[str, ...]) -> str:
    """Stage a release, show it, and wait for a person; give the root digest that was approved.

    Raises
    ------
    GateError
        If it was rejected.
    """
    with alone("build-release"):
        plan = catalog.stage(name, settings, batches)
    if plan.stands:
        return plan.content_digest
    shown = artifacts.show_candidate(plan.as_dict(), staged_key(name, plan.content_digest, ""))
    log.info("release %s waits for a decision in the Prefect UI", name)
    decided = ask(plan.content_digest, load_release_policy(settings.release_policy).approval, shown)
    running.keep_decision(name, plan.content_digest, decided.kept(), settings)
    log.info("release %s: %s", name, decided.decision)
    if decided.decision is Decision.REJECT:
        raise GateError(
            f"release {name} was rejected; it stays staged and nothing was published",
            next_step="correct what the note says, and build it again",
        )
    return plan.content_digest


def _publish(name: str, settings: Settings, approved: str, batches: tuple[str, ...]) -> ReleaseReport:
    """Publish, and show what refuses it."""
    try:
        return catalog.publish(name, settings, lambda done, total: tell("copy", done, total), approved, batches)
    except GateError as problem:
        artifacts.show_stop(f"Release {name}", problem)
        raise
