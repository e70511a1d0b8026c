"""The rules as data: what can stand in a ledger, and what data must hold."""

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files


class Severity(StrEnum):
    """What a data-quality rule does when it fires."""

    BLOCK = "block"
    GATE = "gate"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class LedgerRule:
    """A reason for which a raw object ends where it ends; `status` is a value of `tasks.model.Status`."""

    rule_id: str
    status: str
    stage: str
    rule: str
    next_step: str


@dataclass(frozen=True, slots=True)
class DataRule:
    """A data-quality rule on one table (or ``all``), with the evidence that made it a rule."""

    rule_id: str
    severity: Severity
    table: str
    rule: str
    reason: str


def rows_of(name: str) -> list[dict[str, str]]:
    """Give the rows of a CSV file of this package; lines that begin with ``#`` are its source note."""
    text = files("config").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@cache
def ledger_rules() -> dict[str, LedgerRule]:
    """Give every ledger rule by its id."""
    return {row["rule_id"]: LedgerRule(**row) for row in rows_of("ledger_rules.csv")}


@cache
def data_rules() -> dict[str, DataRule]:
    """Give every data-quality rule by its id."""
    return {
        row["rule_id"]: DataRule(row["rule_id"], Severity(row["severity"]), row["table"], row["rule"], row["reason"])
        for row in rows_of("rules.csv")
    }


@cache
def next_steps() -> dict[str, str]:
    """Give what the sender of a batch does about each data-quality rule, by its id."""
    return {row["rule_id"]: row["next_step"] for row in rows_of("next_steps.csv")}
