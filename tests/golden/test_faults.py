"""Every rule is broken once, and the sender of the batch is told once: where, by which rule, and what to send."""

from pathlib import Path

import pytest

from config.rules import data_rules, next_steps
from tests.golden.faulty import faults, faulty, lost_minus
from tests.golden.road import Road, validated

ROOT = Path(__file__).parents[2]
IN_REPORTS = {"rows", "file", "rows after validation", "images", "whole batch of days"}
Place = tuple[str, str, str, str]


def expected(*found_in: str) -> list[Place]:
    return sorted(
        (row["rule_id"], row["file"], row["column"], row["place"]) for row in faults() if row["found_in"] in found_in
    )


@pytest.fixture(scope="module")
def road() -> Road:
    return validated(faulty())


@pytest.fixture(scope="module")
def days() -> Road:
    return validated(lost_minus())


def short(name: str) -> str:
    return name.rsplit("/b1/", maxsplit=1)[-1]


def test_every_rule_is_in_the_table_once_with_its_severity() -> None:
    assert sorted(row["rule_id"] for row in faults()) == sorted(data_rules())
    for row in faults():
        assert row["severity"] == data_rules()[row["rule_id"]].severity


def test_what_no_batch_can_trip_has_a_test_elsewhere() -> None:
    for row in faults():
        if row["found_in"] in {"inside", "release"}:
            assert (ROOT / row["file"]).exists(), row["rule_id"]


def test_the_report_of_harmonization_names_every_seeded_fault_and_nothing_else(road: Road) -> None:
    found = sorted(
        (line["rule_id"], short(line["file"]), line["column"], line["rows"].replace("whole file", ""))
        for line in road.lines("problems.csv")
    )
    assert found == expected("rows", "file")


def test_the_report_of_validation_names_every_seeded_fault_and_nothing_else(road: Road) -> None:
    found = sorted(
        (line["rule_id"], short(line["file"]), line["column"], line["where"]) for line in road.lines("validation.csv")
    )
    assert found == expected("rows after validation", "images")


def test_every_single_row_is_listed_in_one_of_the_two_lists(road: Road) -> None:
    listed = {
        (short(line["file"]), int(line["row"]), line["rule_id"])
        for name in ("rows.csv", "validation-rows.csv")
        for line in road.lines(name)
    }
    seeded = {
        (file, row, rule)
        for rule, file, _, place in expected("rows", "rows after validation")
        for row in range(int(place.split("-")[0]), int(place.split("-")[-1]) + 1)
    }
    assert listed == seeded


def test_every_line_says_what_must_hold_and_what_to_send(road: Road) -> None:
    for line in [*road.lines("problems.csv"), *road.lines("validation.csv")]:
        rule = data_rules()[line["rule_id"]]
        assert (line["severity"], line["rule"]) == (rule.severity, rule.rule)
        assert line["next_step"] == next_steps()[line["rule_id"]]


def test_the_pages_show_every_fault_with_its_place(road: Road) -> None:
    pages = {name: road.private(f"{name}.html") for name in ("report", "validation")}
    for name, found_in in (("report", ("rows", "file")), ("validation", ("rows after validation", "images"))):
        for rule, file, _, place in expected(*found_in):
            assert f"<code>{rule}</code>" in pages[name]
            assert file in pages[name]
            assert place in pages[name]
    assert 'href="validation.html"' in pages["report"]


def test_what_there_is_nothing_to_send_for_is_counted(road: Road, days: Road) -> None:
    placed = {row["rule_id"] for row in faults() if row["found_in"] in IN_REPORTS}
    counted = [
        (rule, place, "", str(count))
        for one in (road, days)
        for (rule, place), count in one.findings.items()
        if rule not in placed
    ]
    assert sorted(counted) == expected("counts", "counts of days")


def test_a_table_that_is_not_sent_is_a_question_about_the_whole_batch(days: Road) -> None:
    found = [
        (line["rule_id"], short(line["file"]), line["column"], line["where"]) for line in days.lines("validation.csv")
    ]
    assert found == expected("whole batch of days")


def test_gates_stop_the_batch_and_the_public_report_has_counts_only(road: Road) -> None:
    summary = road.context.work.read(road.key("report/harmonization.md")).decode()
    outcome = road.context.work.read(road.key("report/validation.md")).decode()
    assert "**The batch is stopped** by C-DATE-ORDER-VOTE" in outcome
    for rule, file, _, _ in expected("rows", "file"):
        assert f"| {rule} |" in summary
        assert file not in summary + outcome
