"""The flow that builds and publishes a release of all accepted batches."""

import logging
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from config.settings import Settings, load_settings
from flows import artifacts
from flows.limits import alone
from flows.links import address_of
from flows.progress import tell
from flows.report import todays_version
from tasks import catalog
from tasks.errors import GateError
from tasks.release.model import ReleaseReport

log = logging.getLogger(__name__)

Version = Annotated[
    str | None,
    Field(pattern=r"^[0-9][0-9A-Za-z.-]{0,31}$"),
]


def _run_name() -> str:
    return f"release-{flow_run.parameters.get('version') or todays_version()}"


@flow(
    name="build-release",
    flow_run_name=_run_name,
    description="Build, check and publish a release of all accepted batches; nothing is public until all of it is.",
    persist_result=False,
)
def build_release(version: Version = None) -> ReleaseReport:
    """Build and publish a release.

    Args:
        version: Name of the release, such as `2026.11.1`; the day when left out. A name is used once.

    Raises
    ------
    GateError
        If a gate stopped it, or the version exists with other content; readers see the earlier release.
    """
    name, settings = version or todays_version(), load_settings()
    with alone("build-release"):
        report = _publish(name, settings)
    artifacts.show_release(report.as_dict())
    artifacts.show_data_docs(address_of(report.report, settings))
    log.info("release %s: %s", name, "unchanged" if report.unchanged else "published")
    return report


def _publish(name: str, settings: Settings) -> ReleaseReport:
    """Publish, and show what refuses it."""
    try:
        return catalog.publish(name, settings, lambda done, total: tell("copy", done, total))
    except GateError as problem:
        artifacts.show_stop(f"Release {name}", problem)
        raise
