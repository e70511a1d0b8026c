"""The flow that curates one batch: intake, deidentify, harmonize, validate, accept; order only."""

import logging
import os
from typing import Annotated, Any, cast

from prefect import flow, unmapped
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from config.settings import Settings, load_settings
from config.site import CODE
from flows import artifacts
from flows.limits import alone
from flows.links import report_link
from flows.progress import tell
from flows.report import BatchReport, batch_report, total_counts
from flows.secret_keys import resolve_keys
from tasks import catalog, running
from tasks.errors import AccountingError, GateError
from tasks.layout import BATCH_NAME
from tasks.model import BatchPlan, StageReport

log = logging.getLogger(__name__)

# The forms of the Prefect UI take these patterns, and their texts from the section "Args" of a flow's docstring.
SiteCode = Annotated[str, Field(pattern=CODE)]
BatchName = Annotated[str, Field(pattern=BATCH_NAME)]


@flow(
    name="curate-batch",
    flow_run_name="curate-{site}-{batch}",
    description="De-identify, harmonize and check one batch of one site; what passes is ready for the next release.",
    task_runner=cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=2 * (os.cpu_count() or 1))),
    persist_result=False,
)
def curate_batch(site: SiteCode, batch: BatchName) -> BatchReport:
    """Curate one batch.

    Args:
        site: Code of the contributing site, as its file is named: `s01` for `s01.toml`.
        batch: Folder of the batch below the site's folder in the raw bucket; it must hold `_COMPLETE`.

    Raises
    ------
    BatchNotReadyError
        If the batch is empty, unknown or half uploaded; nothing was written.
    GateError
        If a gate stopped the batch; its reports are written, the earlier run still counts.
    """
    settings = resolve_keys(load_settings())
    with alone(f"curate-batch:{site}:{batch}"):
        plan = catalog.intake(site, batch, settings)
        artifacts.show_intake(plan)
        earlier = running.finished(plan, settings)
        if earlier is not None:
            log.info("run %s of %s/%s stands: nothing changed", plan.run, site, batch)
            running.search_late(plan, settings)
            return _shown(batch_report(plan, earlier, unchanged=True), plan, settings)
        _deidentify(plan, settings)
        catalog.settle(plan, settings)
        artifacts.show_deidentification(running.retention_page(plan, settings))
        catalog.harmonize(plan, settings)
        artifacts.show_harmonization(running.harmonization_page(plan, settings))
        artifacts.show_data_docs(report_link(site, batch, plan.run, settings))
        _validate(plan, settings)
        accepted = catalog.accept(plan, settings)
        running.search_late(plan, settings)
        return _shown(batch_report(plan, accepted, unchanged=False), plan, settings)


def _deidentify(plan: BatchPlan, settings: Settings) -> list[StageReport]:
    progress = artifacts.ShardProgress(plan) if plan.shards else None
    reports: list[StageReport] = []
    for future in as_completed(catalog.deidentify.map(list(plan.shards), unmapped(settings))):
        reports.append(future.result())
        tell("deidentify", len(reports), len(plan.shards))
        if progress is not None:
            progress.add(reports[-1])
    if len(reports) != len(plan.shards):
        raise AccountingError(f"{len(reports)} of {len(plan.shards)} shards reported", next_step="run the batch again")
    log.info("deidentified %s/%s: %s", plan.site, plan.batch, total_counts(reports))
    return reports


def _validate(plan: BatchPlan, settings: Settings) -> None:
    """Validate, and show what was found, also of a batch that is stopped."""
    try:
        catalog.validate(plan, settings)
    except GateError as problem:
        artifacts.show_stop(f"{plan.site}/{plan.batch}", problem)
        raise
    finally:
        page = running.validation_page(plan, settings)
        if page:
            artifacts.show_validation(page)


def _shown(report: BatchReport, plan: BatchPlan, settings: Settings) -> BatchReport:
    artifacts.show_outcome(report)
    if report.unchanged:
        artifacts.show_data_docs(report_link(plan.site, plan.batch, plan.run, settings))
    return report
