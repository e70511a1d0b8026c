"""The question whether a release may be published, put to a person in the Prefect UI as a typed form.

A run of a deployment is suspended: its process ends, and the answer starts it again from the top. A run without a
deployment, which nobody could start again, is paused and waits. The question is bound to the root digest of what would
be published, so an answer never counts for other content.
"""

from enum import StrEnum

from prefect.flow_runs import pause_flow_run, suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment
from pydantic import Field

from config.release import Approval

SECONDS_AN_HOUR = 3600
POLL_SECONDS = 5


class Decision(StrEnum):
    """What may be decided about a release."""

    PUBLISH = "publish"
    REJECT = "reject"


class ReleaseDecision(RunInput):
    """May this release be published? Its report is among the artifacts of this run."""

    reviewer: str = Field(min_length=1, max_length=200, description="Who decides.")
    decision: Decision = Field(description="Publish it, or leave it staged.")
    note: str = Field(default="", max_length=4000, description="Why; kept in the private part of the work store.")

    def kept(self) -> dict[str, str]:
        """Give what is kept of it."""
        return {"reviewer": self.reviewer, "decision": self.decision.value, "note": self.note}


def ask(root_digest: str, approval: Approval, report: str) -> ReleaseDecision:
    """Wait for a person's decision.

    Parameters
    ----------
    root_digest
        Of what would be published.
    report
        What the form shows above its fields, as Markdown.

    Raises
    ------
    FlowPauseTimeout
        If nobody decided in time; of a suspended run the server ends it as failed.
    """
    key, seconds = f"release-{root_digest[:16]}", approval.hours * SECONDS_AN_HOUR
    form = ReleaseDecision.with_initial_data(description=report)
    if deployment.id:
        return suspend_flow_run(wait_for_input=form, timeout=seconds, key=key)
    return pause_flow_run(wait_for_input=form, timeout=seconds, poll_interval=POLL_SECONDS, key=key)
