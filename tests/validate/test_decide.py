"""Who is held with whom."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from config.rules import Severity
from expectations.schemas.catalog import BATCH
from tasks.validate.database import opened
from tasks.validate.decide import Decision, decide
from tasks.validate.outcome import Outcome, positions
from tests.validate.builders import Cluster, found_of, tables_of
from tests.validate.test_rules import both, event, put

TWO = [Cluster(0), Cluster(1)]


def outcome(table: str, *rows: int, severity: Severity = Severity.BLOCK, rule_id: str = "S-ENUM") -> Outcome:
    return Outcome(table, rule_id, severity, "", "text", success=False, failed=len(rows), rows=positions(rows))


def decided(outcomes: list[Outcome], folder: Path, clusters: list[Cluster] | None = None) -> Decision:
    found = found_of(clusters or TWO, folder)
    with opened({**found.tables, **found.evidence}, folder) as database:
        return decide(outcomes, database, list(found.tables))


def held(decision: Decision) -> dict[str, list[int]]:
    return {name: rows["_row"].to_pylist() for name, rows in decision.held.items() if len(rows)}


def test_nothing_is_held_when_nothing_fails(tmp_path: Path) -> None:
    passed = Outcome("subject", "S-ENUM", Severity.BLOCK, "", "text", success=True)
    assert held(decided([passed], tmp_path)) == {}


def test_all_that_is_a_held_subjects_is_held_with_it(tmp_path: Path) -> None:
    assert held(decided([outcome("subject", 0)], tmp_path)) == {
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


def test_the_series_and_instances_of_a_held_study_are_held_with_it_and_its_subject_is_not(tmp_path: Path) -> None:
    assert held(decided([outcome("imaging_study", 1)], tmp_path)) == {
        "imaging_study": [1],
        "imaging_series": [1],
        "imaging_instance": [2],
    }


def test_a_study_is_held_whole_when_one_of_its_instances_is(tmp_path: Path) -> None:
    assert held(decided([outcome("imaging_instance", 1)], tmp_path)) == {
        "imaging_study": [0],
        "imaging_series": [0],
        "imaging_instance": [0, 1],
    }


def test_what_lies_in_a_held_stay_is_held_with_it_and_so_is_the_subject_whose_flag_it_alone_gives(
    tmp_path: Path,
) -> None:
    decision = decided([outcome("clinical_event", 0, rule_id="C-STAY-ORDER")], tmp_path)
    assert held(decision)["clinical_event"] == [0, 1, 2]
    assert held(decision)["subject"] == [0]
    assert {rule for rows in decision.held.values() for rules in rows["rule_ids"].to_pylist() for rule in rules} == {
        "C-STAY-ORDER"
    }


def test_a_subject_is_not_held_for_a_held_event_that_nothing_of_it_was_derived_from(tmp_path: Path) -> None:
    assert held(decided([outcome("clinical_event", 3)], tmp_path)) == {"clinical_event": [3]}


def test_a_subject_is_not_held_for_a_held_stay_when_another_gives_the_same_flag(tmp_path: Path) -> None:
    cluster = Cluster()
    event(60, "icu_stay", -1, 3)(cluster)
    event(61, "icu_stay", -2, 1)(cluster)
    put("subject", 1, ever_icu="Yes")(cluster)
    assert held(decided([outcome("clinical_event", 4)], tmp_path, [cluster])) == {"clinical_event": [4]}


def test_a_subject_and_its_studies_are_held_with_the_test_that_tells_of_them(tmp_path: Path) -> None:
    decision = decided([outcome("test_result", 1, rule_id="T-NEG-POS")], tmp_path)
    assert held(decision) == {
        "subject": [1],
        "clinical_event": [3],
        "test_result": [1],
        "imaging_study": [1],
        "imaging_series": [1],
        "imaging_instance": [2],
    }


def test_only_the_study_is_held_for_a_test_that_the_status_does_not_need(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.rows["test_result"].append(cluster.test(60, cluster.second, day=3))
    put("imaging_study", 1, days_to_positive_tests=[-1, 2])(cluster)
    assert held(decided([outcome("test_result", 2)], tmp_path, [cluster])) == {
        "test_result": [2],
        "imaging_study": [1],
        "imaging_series": [1],
        "imaging_instance": [2],
    }


def test_a_held_row_carries_its_own_rules_and_those_of_the_rows_it_hangs_on(tmp_path: Path) -> None:
    outcomes = [outcome("subject", 0, rule_id="D-SEX-DICOM"), outcome("imaging_study", 0, rule_id="D-AGE-DICOM")]
    decision = decided(outcomes, tmp_path)
    assert decision.held_of("imaging_instance").to_pylist()[1] == {
        "_row": 1,
        "rule_ids": ["D-AGE-DICOM", "D-SEX-DICOM"],
    }
    assert decision.held_of("subject").to_pylist() == [{"_row": 0, "rule_ids": ["D-SEX-DICOM"]}]


def test_a_warning_holds_nothing(tmp_path: Path) -> None:
    decision = decided([outcome("subject", 0, severity=Severity.WARN)], tmp_path)
    assert held(decision) == {}
    assert [one.rule_id for one in decision.warnings] == ["S-ENUM"]


def test_a_gate_stops_the_batch(tmp_path: Path) -> None:
    assert [one.rule_id for one in decided([outcome("subject", 0, severity=Severity.GATE)], tmp_path).gates] == [
        "S-ENUM"
    ]


@pytest.mark.parametrize("severity", list(Severity))
def test_an_expectation_that_could_not_be_decided_stops_the_batch(severity: Severity, tmp_path: Path) -> None:
    broken = Outcome("subject", "S-ENUM", severity, "", "text", success=False, failed=1, broken=True)
    assert decided([broken], tmp_path).gates == (broken,)


def test_a_block_that_names_no_row_stops_the_batch(tmp_path: Path) -> None:
    assert decided([outcome("subject")], tmp_path).gates


def test_what_is_left_refers_to_nothing_that_is_held(tmp_path: Path) -> None:
    tables = tables_of([Cluster()])
    for name, table in tables.items():
        for row in range(len(table)):
            decision = decided([outcome(name, row)], tmp_path, [Cluster()])
            left = {
                other: found.filter(
                    pc.invert(
                        pc.is_in(
                            pa.array(range(len(found)), pa.int64()),
                            value_set=decision.held_of(other)["_row"].combine_chunks(),
                        )
                    )
                )
                for other, found in tables.items()
            }
            for other, found in left.items():
                for reference in BATCH[other].references:
                    known = set(left[reference.table][BATCH[reference.table].key[0]].to_pylist())
                    assert set(found[reference.column].to_pylist()) - {None} <= known


def test_null_keys_and_references_tie_nothing_together(tmp_path: Path) -> None:
    cluster = Cluster()
    both(put("imaging_study", 0, study_uid=None), put("imaging_series", 1, study_uid=None))(cluster)
    assert held(decided([outcome("imaging_study", 0)], tmp_path, [cluster])) == {"imaging_study": [0]}
