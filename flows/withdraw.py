"""The flow that takes subjects, studies or series out of every release; it is never given a source identifier."""

import logging
from typing import Annotated, Literal

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from config.settings import load_settings
from config.vocab.terms import WITHDRAWAL_REASON
from flows import artifacts
from flows.limits import alone
from flows.progress import tell
from flows.release import Version
from flows.report import todays_version
from flows.secret_keys import resolve_keys
from flows.withdrawn_ids import RELEASED_ID
from tasks import catalog
from tasks.release.model import ReleaseReport
from tasks.release.withdrawn import Withdrawal

log = logging.getLogger(__name__)

Reason = Annotated[str, Field(json_schema_extra={"enum": list(WITHDRAWAL_REASON)})]
Identifier = Annotated[str, Field(pattern=RELEASED_ID)]


def _run_name() -> str:
    return f"withdraw-{flow_run.parameters.get('version') or todays_version()}"


@flow(
    name="withdraw",
    flow_run_name=_run_name,
    description="Publish a release without some subjects, studies or series, and remove their objects everywhere.",
    persist_result=False,
)
def withdraw(
    ids: list[Identifier],
    reason: Reason,
    kind: Literal["subject", "study", "series"] = "subject",
    version: Version = None,
) -> ReleaseReport:
    """Withdraw from every release.

    Args:
        ids: Subject ids or new UIDs, as releases have them; never an identifier of the source.
        reason: Why, in the words of the list; it is published.
        kind: What the ids name.
        version: Name of the release without them; the day when left out. A name is used once.

    Raises
    ------
    BatchNotReadyError
        If an id is of nothing that is released or accepted; nothing was written.
    GateError
        If a gate stopped the release; what was asked for is remembered and stays out of the next one.
    VerificationError
        If an object could not be removed.
    """
    name, settings = version or todays_version(), resolve_keys(load_settings())
    asked = [Withdrawal(kind, one, reason) for one in ids]
    with alone("build-release"):
        report = catalog.withdraw(asked, name, settings, lambda done, total: tell("copy", done, total))
    artifacts.show_release(report.as_dict())
    log.info("withdrew %d: release %s, %d objects removed", len(asked), name, report.objects_removed)
    return report
