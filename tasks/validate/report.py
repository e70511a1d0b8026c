"""The outcome of a batch as Markdown: rows in and out of every table, and every rule that fired, in counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from config.rules import Severity
from tasks.validate.decide import Decision
from tasks.validate.outcome import Outcome

EFFECT = {Severity.BLOCK: "rows held", Severity.GATE: "batch stopped", Severity.WARN: "reported"}


@dataclass(frozen=True, slots=True)
class Balance:
    """How many rows of a table came in, and what became of them; of a stopped batch nothing is accepted."""

    table: str
    rows: int
    accepted: int
    held: int


def outcome_report(title: str, balances: Sequence[Balance], outcomes: Sequence[Outcome], decision: Decision) -> str:
    """Give the report of one batch."""
    return "\n".join([f"# {title}", "", verdict(decision), "", *_balances(balances), "", *_fired(outcomes)]) + "\n"


def verdict(decision: Decision) -> str:
    """Say in one sentence what becomes of the batch."""
    if decision.gates:
        rules = ", ".join(sorted({outcome.rule_id for outcome in decision.gates}))
        return f"**The batch is stopped** by {rules}: nothing of it is accepted."
    held = sum(map(len, decision.held.values()))
    return f"**The batch is accepted**, {held} {'row is' if held == 1 else 'rows are'} held." + (
        f" {len(decision.warnings)} warning{'s' if len(decision.warnings) > 1 else ''}." if decision.warnings else ""
    )


def release_report(title: str, verdict: str, outcomes: Sequence[Outcome]) -> str:
    """Give the report of one release."""
    return "\n".join([f"# Gates of {title}", "", verdict, "", *_fired(outcomes)]) + "\n"


def release_verdict(outcomes: Sequence[Outcome]) -> str:
    """Say in one sentence what becomes of a release."""
    rules = sorted({outcome.rule_id for outcome in outcomes if not outcome.success and not outcome.broken})
    if all(outcome.success for outcome in outcomes):
        return f"**The release may be published**: every one of {len(outcomes)} gates holds."
    return (
        f"**The release is refused** by {', '.join(rules) or 'gates that could not be decided'}: nothing is published."
    )


def fired(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Give the outcomes that are no success: gates first, then blocks, then warnings, each by rule and place."""
    weight = {Severity.GATE: 0, Severity.BLOCK: 1, Severity.WARN: 2}
    failures = [outcome for outcome in outcomes if not outcome.success]
    return sorted(failures, key=lambda one: (weight[one.severity], one.rule_id, one.where, one.text))


def effect(outcome: Outcome) -> str:
    """Say what an outcome that is no success does."""
    if outcome.broken:
        return "batch stopped: the check could not be decided"
    return EFFECT[Severity.GATE] if outcome.stops else EFFECT[outcome.severity]


def _balances(balances: Sequence[Balance]) -> Iterator[str]:
    yield "| table | rows in | accepted | held |"
    yield "|---|--:|--:|--:|"
    for one in balances:
        yield f"| {one.table} | {one.rows} | {one.accepted} | {one.held} |"


def _fired(outcomes: Sequence[Outcome]) -> Iterator[str]:
    failures = fired(outcomes)
    if not failures:
        yield f"Every one of {len(outcomes)} expectations holds."
        return
    yield "| rule | severity | where | expectation | rows | effect |"
    yield "|---|---|---|---|--:|---|"
    for one in failures:
        facts = (one.rule_id, one.severity.value, one.where, one.text, str(one.failed), effect(one))
        yield f"| {' | '.join(fact.replace('|', '/') for fact in facts)} |"
