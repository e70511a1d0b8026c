"""What the commands about checks do: validation of one batch, and what data must hold at all."""

from collections.abc import Mapping, Sequence

from config.settings import Settings
from flows.report import rule_rows
from flows.terminal import say, say_json, show_rows
from tasks.errors import BatchNotReadyError, MissingKeyError


def validate(site: str, batch: str, given: Settings, *, as_json: bool) -> None:
    """Check the harmonized tables of a batch.

    Raises
    ------
    BatchNotReadyError
        If they are not there.
    GateError
        If a gate stops the batch.
    """
    from tasks import running

    plan = running.intake(site, batch, given)
    try:
        report = running.validate(plan, given)
    except MissingKeyError:
        raise BatchNotReadyError(
            f"run {plan.run} of {site}/{batch} is not harmonized", next_step=f"run `curate batch {site} {batch}`"
        ) from None
    if as_json:
        say_json({"run": plan.run, "counts": report.counts, "rules": report.rules})
        return
    show_rows(f"{site}/{batch}: rows", [{"": name, "rows": count} for name, count in report.counts.items()])
    show_rows("Rules", rule_rows(report.rules))
    say(f"run {plan.run} may be accepted")


def expectations_list(*, as_json: bool) -> None:
    """List every data-quality rule."""
    from flows.expectations_pages import rules_listed

    _shown("Rules", rules_listed(), as_json=as_json)


def expectations_show(suite: str, *, as_json: bool) -> None:
    """Show the expectations of one suite."""
    from flows.expectations_pages import suite_shown

    _shown(f"Suite of {suite}", suite_shown(suite), as_json=as_json)


def _shown(title: str, rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    if as_json:
        say_json({"rows": rows})
    else:
        show_rows(title, rows)


def expectations_explain(rule: str, *, as_json: bool) -> None:
    """Explain one rule."""
    from flows.expectations_pages import rule_explained

    told = rule_explained(rule)
    if as_json:
        say_json(told)
        return
    for name, value in told.items():
        for line in value if isinstance(value, list) else [value]:
            say(f"{name:<14}  {line}")
