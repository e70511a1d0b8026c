import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tasks.errors import GateError
from tasks.release.build import build_release, plan_release
from tasks.release.gates import key_findings, refuse, tree_findings
from tasks.release.reading import open_tables
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
    assert [finding for name in tables for finding in key_findings(name, tables)] == []
    assert tree_findings(tables) == []
    refuse([])
