from config.rules import Severity, data_rules, ledger_rules, next_steps
from tasks.model import Status


def test_every_ledger_rule_ends_in_a_status_and_says_what_to_do() -> None:
    for rule in ledger_rules().values():
        assert Status(rule.status)
        assert rule.rule
        assert rule.next_step


def test_every_data_rule_has_a_severity_and_a_reason() -> None:
    assert len(data_rules()) >= 59
    assert {rule.severity for rule in data_rules().values()} == set(Severity)
    assert all(rule.rule and rule.reason for rule in data_rules().values())


def test_no_id_stands_for_two_rules() -> None:
    assert not set(data_rules()) & set(ledger_rules())


def test_every_data_rule_says_what_its_sender_does() -> None:
    assert set(next_steps()) == set(data_rules()), (
        "config/next_steps.csv has one line for each rule of config/rules.csv"
    )
    assert all(next_steps().values())
