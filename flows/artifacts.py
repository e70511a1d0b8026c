"""What people see of a run in the Prefect UI: counts, rules and links; never a value or a source name."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.report import BatchReport, rule_rows, total_counts
from tasks.errors import CurationError
from tasks.model import BatchPlan, StageReport

if TYPE_CHECKING:
    from uuid import UUID

MEGABYTE = 1_000_000


def show_intake(plan: BatchPlan) -> None:
    """Show what was found in the raw bucket."""
    create_table_artifact(
        key="intake",
        table=[
            {
                "site": plan.site,
                "batch": plan.batch,
                "raw objects": plan.objects,
                "clinical tables": plan.tables,
                "megabytes": round(plan.size_bytes / MEGABYTE, 1),
                "shards": len(plan.shards),
                "run": plan.run,
            }
        ],
        description=f"Intake of {plan.site}/{plan.batch}: what lies in the raw bucket",
    )


class ShardProgress:
    """The progress bar of a batch's shards, as an artifact."""

    def __init__(self, plan: BatchPlan) -> None:
        self._total = len(plan.shards)
        self._reports: list[StageReport] = []
        self._artifact = cast("UUID", create_progress_artifact(0.0, key="shards", description=self._words()))

    def add(self, report: StageReport) -> None:
        """Count one finished shard."""
        self._reports.append(report)
        update_progress_artifact(self._artifact, 100 * len(self._reports) / self._total, description=self._words())

    def _words(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in total_counts(self._reports).items())
        return f"De-identify: {len(self._reports)} of {self._total} shards" + (f" ({counts})" if counts else "")


def show_outcome(report: BatchReport) -> None:
    """Show where every input ended, and by which rule."""
    table = markdown_table([{"status": status, "objects": count} for status, count in report.counts.items()])
    rules = markdown_table(rule_rows(report.rules))
    same = "Nothing changed since the last run: its result stands.\n\n" if report.unchanged else ""
    create_markdown_artifact(
        f"# {report.site}/{report.batch}\n\n{same}Run `{report.run}`\n\n"
        f"## Where every input ended\n\n{table}\n\n## Rules\n\n{rules}\n",
        key="outcome",
        description="Outcome of the batch by status and rule",
    )


def show_deidentification(page: str) -> None:
    """Show what was left and what was kept, side by side."""
    create_markdown_artifact(page, key="deidentification", description="Leakage and retention of the batch")


def show_harmonization(page: str) -> None:
    """Show what was found in the tables, by rule and with what to send; no name of the site's."""
    create_markdown_artifact(page, key="harmonization", description="What was found in the clinical tables")


def show_validation(page: str) -> None:
    """Show the rows in, accepted and held of every table, and every rule that fired."""
    create_markdown_artifact(page, key="validation", description="What the expectations found")


def show_data_docs(link: str) -> None:
    """Link the Great Expectations Data Docs of a run."""
    create_link_artifact(link, link_text="Data Docs of this run", key="data-docs", description="Great Expectations")


def show_stop(title: str, problem: CurationError) -> None:
    """Show what stopped a batch or a release, and what to do next."""
    create_markdown_artifact(
        f"# {title} is stopped\n\n{problem.message}.\n\n**Next:** {problem.next_step}.\n",
        key="stopped",
        description="Why the gates stopped it",
    )


def show_release(summary: Mapping[str, object]) -> None:
    """Show what a release holds."""
    rows = markdown_table([{"": name, "value": value} for name, value in summary.items()])
    create_markdown_artifact(f"# Release\n\n{rows}\n", key="release", description="Summary of the release")


def show_candidate(plan: Mapping[str, object], staged: str) -> str:
    """Show a release that waits for a decision: what it would hold, change and hold back, and where it lies.

    Returns
    -------
    str
        What is shown, as Markdown.
    """
    rows = markdown_table([{"": name, "value": value} for name, value in plan.items()])
    page = (
        f"# Release {plan['version']} waits for a decision\n\n{rows}\n\nAll its files, with the report of its gates,"
        f" lie in the work store under `{staged}`. Nothing is public.\n"
    )
    create_markdown_artifact(page, key="release-candidate", description="A release that waits for a decision")
    return page


def markdown_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Render rows as a Markdown table; no rows give one word."""
    if not rows:
        return "None."
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
