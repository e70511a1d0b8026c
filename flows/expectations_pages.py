"""What data must hold, for people: every rule, every suite, and where a rule is checked."""

from collections.abc import Mapping

from config.errors import ConfigError
from config.rules import DataRule, data_rules, next_steps
from expectations.suites.catalog import suites

Row = Mapping[str, object]


def rules_listed() -> list[Row]:
    """Give every data-quality rule, with the number of expectations of the suites that check it."""
    checks = [meta["rule_id"] for _, meta, _ in _expectations()]
    return [
        {
            "rule": rule.rule_id,
            "severity": rule.severity.value,
            "table": rule.table,
            "expectations": checks.count(rule.rule_id),
            "what must hold": rule.rule,
        }
        for rule in data_rules().values()
    ]


def suite_shown(name: str) -> list[Row]:
    """Give the expectations of one suite; of a table also those of the suites that look at several.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    if name not in suites():
        raise ConfigError(f"there is no suite {name!r}", next_step=f"name one of {', '.join(sorted(suites()))}")
    return [
        {
            "rule": meta["rule_id"],
            "severity": meta["severity"],
            "suite": suite,
            "place": ".".join(filter(None, (meta["table"], meta["place"]))),
            "expectation": text,
        }
        for suite, meta, text in _expectations()
        if name in (suite, meta["table"])
    ]


def rule_explained(rule_id: str) -> dict[str, object]:
    """Give all that is known of a rule, and the expectations that check it.

    Raises
    ------
    ConfigError
        If there is no such rule.
    """
    rule: DataRule | None = data_rules().get(rule_id.upper())
    if rule is None:
        raise ConfigError(f"there is no rule {rule_id!r}", next_step="list them with `curate expectations list`")
    effects = {
        "block": "the row, and what hangs on it, is set aside as held",
        "gate": "the batch or the release stops",
        "warn": "it is reported",
    }
    return {
        "rule": rule.rule_id,
        "severity": f"{rule.severity.value}: {effects[rule.severity.value]}",
        "table": rule.table,
        "what must hold": rule.rule,
        "why": rule.reason,
        "what to do": next_steps().get(rule.rule_id, ""),
        "expectations": [
            f"{suite}: {text}" for suite, meta, text in _expectations() if meta["rule_id"] == rule.rule_id
        ],
    }


def _expectations() -> list[tuple[str, Mapping[str, str], str]]:
    """Give suite, meta and description of every expectation."""
    return [
        (name, expectation.meta or {}, (expectation.description or "").replace("$$", "$"))
        for name, suite in suites().items()
        for expectation in suite.expectations
    ]
