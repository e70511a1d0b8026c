"""What a run of a batch came to, as one value that every door shows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from config.rules import data_rules, ledger_rules, next_steps
from tasks.model import BatchPlan, StageReport


@dataclass(frozen=True, slots=True)
class BatchReport:
    """A finished run: `counts` of inputs by status, `rules` by id, `unchanged` if nothing was to do."""

    site: str
    batch: str
    run: str
    unchanged: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Give the report as JSON-able values."""
        return asdict(self)


def batch_report(plan: BatchPlan, accepted: StageReport, *, unchanged: bool) -> BatchReport:
    """Make the report of a run from what its last stage says."""
    return BatchReport(plan.site, plan.batch, plan.run, unchanged, dict(accepted.counts), dict(accepted.rules))


def total_counts(reports: Iterable[StageReport]) -> dict[str, int]:
    """Add up the counts of many reports, such as those of all shards."""
    total: Counter[str] = Counter()
    for report in reports:
        total.update(report.counts)
    return dict(sorted(total.items()))


def rule_rows(rules: Mapping[str, int]) -> list[dict[str, object]]:
    """Give one row per rule that fired: id, what it does, how often, what it says and the next step."""
    rows: list[dict[str, object]] = []
    for rule_id, count in sorted(rules.items(), key=lambda item: (-item[1], item[0])):
        ledger, data = ledger_rules().get(rule_id), data_rules().get(rule_id)
        effect = ledger.status if ledger else data.severity.value if data else ""
        text = ledger.rule if ledger else data.rule if data else ""
        rows.append(
            {
                "rule": rule_id,
                "effect": effect,
                "count": count,
                "meaning": text,
                "next step": ledger.next_step if ledger else next_steps().get(rule_id, "See the batch report"),
            }
        )
    return rows


def todays_version(started: datetime | None = None) -> str:
    """Give the name of a release that nobody named: the day, as CalVer ``YYYY.MM.DD``.

    Parameters
    ----------
    started
        When the run began that makes it; None for now.
    """
    return f"{started or datetime.now(UTC):%Y.%m.%d}"
