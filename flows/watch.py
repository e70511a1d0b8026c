"""The flow that looks for batches whose upload has ended and starts each exactly once."""

import logging

from prefect import flow

from config.settings import load_settings
from flows.runs import start_batch
from tasks.intake.arrivals import complete_batches
from tasks.store.opening import open_named

log = logging.getLogger(__name__)


@flow(
    name="watch-arrivals",
    description="Look for batches whose marker has arrived; start each once, again when its marker is rewritten.",
    persist_result=False,
)
def watch_arrivals() -> list[str]:
    """Start a run of `curate-batch` for every complete batch that has none.

    Returns
    -------
    list of str
        ``<site>/<batch>`` of every complete batch; the marker's version makes its run unique, so that asking twice
        starts nothing.
    """
    settings = load_settings()
    arrivals = list(complete_batches(open_named("raw", settings), settings.sites))
    for arrival in arrivals:
        start_batch(arrival.site, arrival.batch, token=arrival.token)
    log.info("%d complete batches", len(arrivals))
    return [f"{arrival.site}/{arrival.batch}" for arrival in arrivals]
