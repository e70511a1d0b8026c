"""The plan of `curate-batch` over a process pool with no Prefect at all: laptops, and the honest baseline of speed."""

from concurrent.futures import as_completed

from config.settings import Settings
from flows.progress import tell
from flows.report import BatchReport, batch_report
from tasks import running


def curate_locally(site: str, batch: str, settings: Settings) -> BatchReport:
    """Curate one batch, as `flows.curate.curate_batch` does.

    Raises
    ------
    BatchNotReadyError
        If the batch is empty, unknown or half uploaded; nothing was written.
    GateError
        If a gate stopped the batch; its reports are written, the earlier run still counts.
    """
    plan = running.intake(site, batch, settings)
    earlier = running.finished(plan, settings)
    if earlier is not None:
        running.search_late(plan, settings)
        return batch_report(plan, earlier, unchanged=True)
    futures = [running.start_deidentify(shard, settings) for shard in plan.shards]
    for done, future in enumerate(as_completed(futures), start=1):
        future.result()
        tell("deidentify", done, len(futures))
    for stage in (running.settle, running.harmonize, running.validate):
        stage(plan, settings)
    accepted = running.accept(plan, settings)
    running.search_late(plan, settings)
    return batch_report(plan, accepted, unchanged=False)
