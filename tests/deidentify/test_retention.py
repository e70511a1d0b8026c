"""What was kept is reported beside what was left, in counts and shares, without a value."""

from typing import Any

import pytest

from expectations.schemas.pipeline import ACTIONS, FINDINGS, INSTANCES, LEDGER
from expectations.schemas.table import table_of
from tasks.deidentify.conformance import Conformance
from tasks.deidentify.retention import is_private, is_reference, retention, retention_markdown
from tests.deidentify.batches import a_batch, document, settled
from tests.deidentify.objects import a_ct, an_item, bytes_of


def a_report(actions: list[dict[str, Any]]) -> dict[str, Any]:
    empty = [table_of(table, []) for table in (LEDGER, INSTANCES, FINDINGS)]
    return retention(*empty, table_of(ACTIONS, actions), Conformance())


@pytest.mark.parametrize(
    ("place", "private", "reference"),
    [
        ("(0008,1140)", False, True),
        ("(0040,0275)>(0008,2112)", False, True),
        ("(0008,9124)", False, True),
        ("(0008,1155)", False, False),
        ("(0029,1001)", True, False),
        ("(0029,1001)>(0010,0010)", False, False),
        ("(0010,9999)", False, False),
        ("somewhere", False, False),
    ],
)
def test_places_are_told_apart_by_their_last_tag(place: str, private: bool, reference: bool) -> None:  # noqa: FBT001 -- a table
    assert (is_private(place), is_reference(place)) == (private, reference)


def test_shares_count_what_still_says_something() -> None:
    report = a_report(
        [
            {"place": "(0008,0060)", "action": "K", "count": 4},
            {"place": "(0008,0018)", "action": "U", "count": 2},
            {"place": "(0008,1030)", "action": "C", "count": 1},
            {"place": "(0008,1030)", "action": "X", "count": 1},
            {"place": "(0010,0030)", "action": "Z", "count": 1},
            {"place": "(0010,0040)", "action": "D", "count": 1},
            {"place": "(0029,1001)", "action": "X", "count": 6},
        ]
    )
    assert report["elements"] == {
        "kept": 4, "changed": 3, "replaced": 1, "emptied": 1, "removed": 7, "total": 16, "retained": 0.4375,
    }  # fmt: skip
    assert report["private"]["retained"] == 0
    assert report["references"]["retained"] is None
    assert [(row["place"], row["name"], row["removed"]) for row in report["attributes"]] == [
        ("(0029,1001)", "", 6),
        ("(0008,1030)", "Study Description", 1),
        ("(0010,0030)", "Patient's Birth Date", 0),
        ("(0010,0040)", "Patient's Sex", 0),
    ]


def test_a_batch_has_its_report_beside_its_ledger() -> None:
    item = an_item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID="1.2.3")
    files = {
        "1.dcm": bytes_of(a_ct(ReferencedImageSequence=[item])),
        "2.dcm": bytes_of(a_ct(SOPInstanceUID="1.2.4", BurnedInAnnotation="YES")),
    }
    context = a_batch(files)
    plan, _ = settled(context)
    report = document(context, context.layout.run(plan.run, "report/deid.json"))
    assert report["objects"] == {"held": 1, "not-imaging": 1, "released-candidate": 1}
    assert report["leakage"] == {"searched": 1, "held": 0, "kinds": {}}
    assert report["references"]["retained"] == 1
    assert report["pixels"] == {
        "instances": 1, "with pixels": 1, "unaltered": 1.0, "treatment": {"not_checked": 1},
    }  # fmt: skip
    shown = retention_markdown("s01/b1", report)
    assert "| objects searched for source values | 1 |" in shown
    assert "100.0% unaltered" in shown
    assert "ZZCANARY" not in shown


def test_a_report_without_anything_is_readable() -> None:
    shown = retention_markdown("s01/b1", a_report([]))
    assert "No attribute lost anything." in shown
    assert "none unaltered" in shown


def test_what_was_left_is_named_by_kind() -> None:
    rows = {"status": "held", "rule_id": "DE-RESIDUAL", "source_bytes": 1, "source_id": "a"}
    found = {"stage": "deidentify", "rule_id": "DE-RESIDUAL", "place": "name", "count": 3}
    tables = [table_of(LEDGER, [rows]), table_of(INSTANCES, []), table_of(FINDINGS, [found]), table_of(ACTIONS, [])]
    report = retention(*tables, Conformance(4, 1, ("2.25.1",)))
    assert report["leakage"] == {"searched": 1, "held": 1, "kinds": {"name": 3}}
    shown = retention_markdown("s01/b1", report)
    assert "| … name | 3 |" in shown
    assert "of 4 objects held beside their sources" in shown
    assert "1 have an error" in shown
