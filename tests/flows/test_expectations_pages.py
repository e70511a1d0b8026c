"""People can ask what data must hold."""

import json

import pytest
from typer.testing import CliRunner

from config.rules import data_rules
from flows.cli import app
from flows.expectations_pages import rule_explained, rules_listed, suite_shown

runner = CliRunner()


def test_every_rule_is_listed_once() -> None:
    assert [row["rule"] for row in rules_listed()] == list(data_rules())
    answer = runner.invoke(app, ["expectations", "list", "--json"])
    assert len(json.loads(answer.stdout)["rows"]) == len(data_rules())


def test_a_suite_is_shown_by_its_sentences() -> None:
    rows = suite_shown("clinical_event")
    assert {"rule": "C-LOS", "severity": "warn"}.items() <= next(row for row in rows if row["rule"] == "C-LOS").items()
    assert "C-LOS" in runner.invoke(app, ["expectations", "show", "clinical_event"]).stdout


@pytest.mark.parametrize("rule_id", sorted(data_rules()))
def test_every_rule_is_explained(rule_id: str) -> None:
    told = rule_explained(rule_id.lower())
    assert told["rule"] == rule_id
    assert all(told[name] for name in ("severity", "what must hold", "why", "what to do"))


def test_a_rule_is_explained_line_by_line() -> None:
    answer = runner.invoke(app, ["expectations", "explain", "C-STAY-ORDER"])
    assert "An interval does not end before it starts" in answer.stdout
    assert "held" in answer.stdout


@pytest.mark.parametrize("words", [["show", "nothing"], ["explain", "X-NOTHING"]])
def test_what_is_not_there_is_said(words: list[str]) -> None:
    problem = runner.invoke(app, ["expectations", *words]).exception
    assert getattr(problem, "exit_code", None) == 3
    assert getattr(problem, "next_step", "")
