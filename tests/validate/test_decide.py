"""Who is held with whom."""

import pyarrow as pa
import pytest

from config.rules import Severity
from expectations.schemas.catalog import BATCH
from tasks.validate.decide import Decision, decide
from tasks.validate.outcome import Outcome
from tests.validate.builders import Cluster, tables_of

TABLES = tables_of([Cluster(0), Cluster(1)])


def outcome(table: str, *rows: int, severity: Severity = Severity.BLOCK, rule_id: str = "S-ENUM") -> Outcome:
    return Outcome(table, rule_id, severity, "", "text", success=False, failed=len(rows), rows=rows)


def held(decision: Decision) -> dict[str, list[int]]:
    return {name: sorted(rows) for name, rows in decision.held.items() if rows}


def test_nothing_is_held_when_nothing_fails() -> None:
    passed = Outcome("subject", "S-ENUM", Severity.BLOCK, "", "text", success=True)
    assert held(decide([passed], TABLES)) == {}


def test_all_that_is_a_held_subjects_is_held_with_it() -> None:
    assert held(decide([outcome("subject", 0)], TABLES)) == {
        "subject": [0],
        "clinical_event": [0, 1, 2],
        "test_result": [0],
        "condition": [0],
        "measurement": [0],
        "medication": [0],
        "imaging_study": [0],
        "imaging_series": [0],
        "imaging_instance": [0, 1],
    }


def test_the_series_and_instances_of_a_held_study_are_held_with_it_and_its_subject_is_not() -> None:
    assert held(decide([outcome("imaging_study", 1)], TABLES)) == {
        "imaging_study": [1],
        "imaging_series": [1],
        "imaging_instance": [2],
    }


def test_a_study_is_held_whole_when_one_of_its_instances_is() -> None:
    assert held(decide([outcome("imaging_instance", 1)], TABLES)) == {
        "imaging_study": [0],
        "imaging_series": [0],
        "imaging_instance": [0, 1],
    }


def test_what_lies_in_a_held_stay_is_held_with_it() -> None:
    assert held(decide([outcome("clinical_event", 0)], TABLES)) == {"clinical_event": [0, 1]}


def test_a_held_row_carries_its_own_rules_and_those_of_the_rows_it_hangs_on() -> None:
    outcomes = [outcome("subject", 0, rule_id="D-SEX-DICOM"), outcome("imaging_study", 0, rule_id="D-AGE-DICOM")]
    decision = decide(outcomes, TABLES)
    assert decision.rules_of("imaging_instance")[1] == {"D-SEX-DICOM", "D-AGE-DICOM"}
    assert decision.rules_of("subject")[0] == {"D-SEX-DICOM"}


def test_a_warning_holds_nothing() -> None:
    decision = decide([outcome("subject", 0, severity=Severity.WARN)], TABLES)
    assert held(decision) == {}
    assert [one.rule_id for one in decision.warnings] == ["S-ENUM"]


def test_a_gate_stops_the_batch() -> None:
    assert [one.rule_id for one in decide([outcome("subject", 0, severity=Severity.GATE)], TABLES).gates] == ["S-ENUM"]


@pytest.mark.parametrize("severity", list(Severity))
def test_an_expectation_that_could_not_be_decided_stops_the_batch(severity: Severity) -> None:
    broken = Outcome("subject", "S-ENUM", severity, "", "text", success=False, failed=1, broken=True)
    assert decide([broken], TABLES).gates == (broken,)


def test_a_block_that_names_no_row_stops_the_batch() -> None:
    assert decide([outcome("subject")], TABLES).gates


def test_what_is_left_refers_to_nothing_that_is_held() -> None:
    for name, table in TABLES.items():
        for row in range(len(table)):
            decision = decide([outcome(name, row)], TABLES)
            left = {
                other: found.filter(pa.array([place not in decision.rules_of(other) for place in range(len(found))]))
                for other, found in TABLES.items()
            }
            for other, found in left.items():
                for reference in BATCH[other].references:
                    known = set(left[reference.table][BATCH[reference.table].key[0]].to_pylist())
                    assert set(found[reference.column].to_pylist()) - {None} <= known


def test_null_keys_and_references_tie_nothing_together() -> None:
    cluster = Cluster()
    cluster.rows["imaging_study"][0]["study_uid"] = None
    cluster.rows["imaging_series"][1]["study_uid"] = None
    assert held(decide([outcome("imaging_study", 0)], tables_of([cluster]))) == {"imaging_study": [0]}
