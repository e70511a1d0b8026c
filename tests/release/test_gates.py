import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from expectations.schemas.catalog import CANONICAL
from expectations.suites.release import checks
from tasks.errors import GateError
from tasks.model import Finding, ReleaseFacts, ReleaseVerdict
from tasks.release.build import build_release, plan_release
from tasks.release.gates import (
    cohort_findings,
    difference_findings,
    key_findings,
    standing_findings,
    tree_findings,
)
from tasks.release.reading import committed, open_tables
from tasks.validate.releases import counts_of
from tests.release.batches import Batch, Image, Installation, an_event, some_images


def one_batch(**values: Any) -> Installation:
    """An installation with one batch."""
    made = Installation()
    Batch("s1/b1", some_images("A", study="1"), **values).write(made.work)
    return made


def refusal(installation: Installation) -> str:
    with pytest.raises(GateError) as planned:
        plan_release("2026.11", context=installation.context)
    with pytest.raises(GateError) as refused:
        build_release("2026.11", context=installation.context)
    assert installation.contents() == {}
    assert planned.value.message == refused.value.message
    assert refused.value.next_step
    return refused.value.message


def held(table: pa.Table) -> pa.Table:
    """Hold the last candidate of a ledger."""
    status = table["status"].to_pylist()
    status[1] = "held"
    return table.set_column(table.schema.get_field_index("status"), table.schema.field("status"), pa.array(status))


def plus_one(column: str) -> Callable[[pa.Table], pa.Table]:
    """Count one too many."""

    def change(table: pa.Table) -> pa.Table:
        field = table.schema.field(column)
        more = pc.add(table[column], pa.scalar(1, field.type))
        return table.set_column(table.schema.get_field_index(column), field, more)

    return change


def with_zip3(value: str) -> dict[str, Any]:
    return {"subjects": {"A": {"zip3": value}}}


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"changed": {"ledger": held}}, r"I-COUNT at s1/b1 ledger \(1\)"),
        ({"changed": {"imaging_instance": lambda table: table.slice(1)}}, r"I-COUNT at s1/b1 ledger \(1\)"),
        ({"changed": {"imaging_series": plus_one("n_instances")}}, r"I-COUNT at s1/b1 imaging_series \(1\)"),
        ({"changed": {"imaging_series": plus_one("n_bytes")}}, r"I-COUNT at s1/b1 imaging_series \(1\)"),
        ({"changed": {"imaging_series": lambda table: table.slice(1)}}, r"I-COUNT at s1/b1 imaging_series \(1\)"),
        ({"changed": {"imaging_study": plus_one("n_series")}}, r"I-COUNT at s1/b1 imaging_study \(1\)"),
        ({"changed": {"imaging_study": lambda table: table.slice(1)}}, r"I-COUNT at s1/b1 imaging_study \(1\)"),
        ({"changed": {"subject": lambda table: table.slice(1)}}, r"S-KEY-UNIQUE at imaging_study.subject_id \(1\)"),
        ({"events": [an_event("e1", "A", parent_event_id="e0")]}, "S-KEY-UNIQUE at clinical_event.parent_event_id"),
        ({"events": [an_event("e1", "B")]}, "S-KEY-UNIQUE at clinical_event.subject_id"),
        (with_zip3("036"), r"D-ZIP at subject.zip3 \(1\)"),
    ],
)
def test_a_gate_names_rule_place_and_count_and_nothing_is_published(values: dict[str, Any], rule: str) -> None:
    assert re.search(rule, refusal(one_batch(**values)))


def test_a_safe_zip_passes() -> None:
    installation = one_batch(**with_zip3("000"))
    assert build_release("2026.11", context=installation.context).counts["n_subjects"] == 1


def test_unchecked_pixels_pass_only_if_the_policy_accepts_them() -> None:
    installation = Installation()
    images = [Image("A", "2.25.1", "2.25.1.1", "2.25.1.1.1", deid_pixel="not_checked")]
    Batch("s1/b1", images).write(installation.work)
    assert "DE-POLICY at imaging_instance.deid_pixel (1)" in refusal(installation.with_policy(accept_not_checked=False))
    assert build_release("2026.11", context=installation.context).counts["n_instances"] == 1
    page = installation.contents()["releases/2026.11/report/index.html"].decode()
    assert "pass only if site and release policy accept them" in page  # true of a release that has one


def test_days_from_a_date_that_a_run_does_not_state_are_refused() -> None:
    installation = one_batch(anchors={"A": None})
    Batch("s1/b2", some_images("A", study="2")).write(installation.work)
    assert "C-INDEX at anchors (1)" in refusal(installation)


def test_an_image_under_another_subject_than_its_series_is_refused() -> None:
    installation = Installation()
    images = [*some_images("A", study="1"), Image("B", "2.25.1", "2.25.1.1", "2.25.1.1.9")]
    Batch("s1/b1", images).write(installation.work)
    assert "I-UID-TREE at imaging_instance (1)" in refusal(installation)


def test_a_key_that_comes_twice_or_is_null_is_found(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    tables = open_tables(installation.release)
    subject = tables["subject"]
    nobody = subject.slice(0, 1).set_column(0, subject.schema.field(0), pa.array([None], pa.string()))
    broken = tables | {"subject": pa.concat_tables([subject, subject.slice(0, 1), nobody])}
    findings = [(finding.rule_id, finding.place, finding.count) for finding in key_findings("subject", broken)]
    assert findings == [("S-KEY-UNIQUE", "subject", 2)]


def test_a_sound_release_has_no_findings(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    tables = open_tables(installation.release)
    found = [finding for name in tables for finding in key_findings(name, tables)]
    found += [*tree_findings(tables), *cohort_findings(tables)]
    assert {finding.count for finding in found} == {0}


def counts(findings: list[Finding]) -> dict[tuple[str, str], int]:
    return {(finding.rule_id, finding.place): finding.count for finding in findings if finding.count}


def test_what_has_nothing_below_it_is_counted(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    tables = open_tables(installation.release)
    without = tables | {
        "imaging_study": tables["imaging_study"].slice(1),
        "imaging_instance": tables["imaging_instance"].slice(0, 0),
    }
    assert counts(cohort_findings(without)) == {("I-COHORT", "imaging_series"): 5}
    alone = tables | {"imaging_study": tables["imaging_study"].slice(0, 0)}
    assert counts(cohort_findings(alone)) == {("I-COHORT", "subject"): 3}


def test_subjects_without_images_are_left_out_and_told_of() -> None:
    installation = one_batch(subjects={"B": {}}, events=[an_event("e1", "B")])
    report = build_release("2026.11", context=installation.context)
    assert (report.counts["n_subjects"], report.found["I-ORPHAN-TABLE"]) == (1, 1)
    assert open_tables(installation.release)["clinical_event"].num_rows == 0


def of_subjects(letters: str) -> dict[str, pa.Table]:
    """Tables that have these subjects, and nothing else."""
    empty = {name: table.schema.empty_table() for name, table in CANONICAL.items()}
    return empty | {"subject": pa.table({"subject_id": list(letters)})}


def a_log(*rows: tuple[str, str, str | None]) -> pa.Table:
    names = ("change", "entity_id", "reason")
    told = [dict(zip(names, row, strict=True)) | {"entity": "subject"} for row in rows]
    return pa.Table.from_pylist(told, schema=pa.schema([(name, pa.string()) for name in ("entity", *names)]))


@pytest.mark.parametrize(
    ("log", "found"),
    [
        (a_log(("added", "c", None), ("withdrawn", "a", "why"), ("changed", "b", "why")), {}),
        (a_log(("added", "c", None), ("withdrawn", "a", None)), {("R-DIFF", "change_log.reason"): 1}),
        (a_log(("withdrawn", "a", "why")), {("R-DIFF", "change_log"): 1}),
        (a_log(("added", "c", None), ("added", "d", None), ("withdrawn", "a", "why")), {("R-DIFF", "change_log"): 1}),
        (
            a_log(("added", "c", None), ("withdrawn", "a", "why"), ("changed", "c", "why")),
            {("R-DIFF", "change_log"): 1},
        ),
    ],
    ids=["the difference", "without a reason", "an addition not told", "one told too many", "a change of what is new"],
)
def test_a_change_log_that_is_not_the_difference_is_counted(log: pa.Table, found: dict[tuple[str, str], int]) -> None:
    assert counts(difference_findings(log, of_subjects("bc"), of_subjects("ab"))) == found


def test_another_release_under_the_version_is_told_from_another_result_of_the_same(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    commit = committed(installation.release, "2026.11")
    assert counts(standing_findings(commit, None, 0)) == counts(standing_findings(commit, commit, 0)) == {}
    other_result = replace(commit, root_digest="0" * 64)
    assert counts(standing_findings(other_result, commit, 0)) == {("R-REPRODUCE", "release"): 1}
    other_input = replace(other_result, batches={"s1/b1": "another run"})
    assert counts(standing_findings(other_input, commit, 0)) == {("R-IMMUTABLE", "release"): 1}


def test_an_object_that_stands_with_another_size_is_refused(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    key = open_tables(installation.release)["imaging_instance"]["key"][0].as_py()
    installation.release.delete(key)
    installation.release.create(key, b"another")
    with pytest.raises(GateError, match=r"R-IMMUTABLE at imaging_instance.key \(1\)"):
        build_release("2026.12", context=installation.context)


def test_what_is_counted_of_a_release_is_what_its_suite_asks_for(installation: Installation) -> None:
    seen: list[ReleaseFacts] = []

    def check(facts: ReleaseFacts) -> ReleaseVerdict:
        seen.append(facts)
        return ReleaseVerdict(passed=True)

    build_release("2026.11", context=installation.context, check=check)
    assert set(counts_of(seen[-1].findings)) == {one.name for one in checks()}
    assert seen[-1].is_whole
