"""Settling decides what no shard can see, and counts that nothing was lost."""

import io
import zipfile
from typing import Any

import pytest

from expectations.schemas.pipeline import LEDGER
from expectations.schemas.table import table_of
from tasks.context import BatchContext
from tasks.deidentify.settle import settle_batch
from tasks.errors import AccountingError, VerificationError
from tasks.layout import intake_shard
from tasks.model import BatchPlan
from tasks.store.memory import MemoryStore
from tasks.store.parquet import read_table, write_table
from tests.deidentify.batches import a_batch, document, everything, rows_at, settled, settled_ends, worked
from tests.deidentify.objects import a_ct, bytes_of


def ct(sop: str, *, study: str = "1.2.1", patient: str = "ZZCANARY1", **more: Any) -> bytes:
    return bytes_of(a_ct(SOPInstanceUID=f"1.2.9.{sop}", StudyInstanceUID=study, PatientID=patient, **more))


SMALL = {"max_objects": 1}


def test_of_equal_instances_the_one_with_the_smallest_source_id_stays() -> None:
    context = a_batch({name: ct("1") for name in "abcd"} | {"other": ct("2")}, shard=SMALL)
    plan, report = settled(context)
    found = settled_ends(context, plan)
    kept = min("abcd", key=lambda name: context.pseudonymizer.source(f"s01/b1/{name}"))
    assert {name: rule for name, rule in found.items() if name in "abcd"} == {
        name: "DE-PASS" if name == kept else "DE-DUPLICATE" for name in "abcd"
    }
    assert report.counts == {"duplicate": 3, "not-imaging": 1, "released-candidate": 2}


def test_one_instance_with_two_contents_is_held_altogether() -> None:
    files = {"a": ct("1"), "b": ct("1", InstanceNumber="2"), "c": ct("1"), "d": ct("2")}
    context = a_batch(files, shard=SMALL)
    plan, _ = settled(context)
    assert settled_ends(context, plan) == {
        "_COMPLETE": "IN-MARKER",
        "a": "DE-CONFLICT",
        "b": "DE-CONFLICT",
        "c": "DE-CONFLICT",
        "d": "DE-PASS",
    }


def test_one_study_under_two_patients_is_held_altogether() -> None:
    files = {
        "a": ct("1", study="1.2.1"),
        "b": ct("2", study="1.2.1"),
        "c": ct("3", study="1.2.1", patient="ZZCANARY2"),
        "d": ct("4", study="1.2.2"),
        "e": ct("2", study="1.2.1"),
    }
    context = a_batch(files)
    plan, _ = settled(context)
    assert set(settled_ends(context, plan).items()) == {
        ("_COMPLETE", "IN-MARKER"),
        *((name, "DE-STUDY-PATIENTS") for name in "abce"),
        ("d", "DE-PASS"),
    }


def test_a_held_object_tells_about_its_study_too() -> None:
    held = ct("2", patient="ZZCANARY2", BurnedInAnnotation="YES")
    context = a_batch({"a": ct("1"), "b": held})
    plan, _ = settled(context)
    assert settled_ends(context, plan) == {"_COMPLETE": "IN-MARKER", "a": "DE-STUDY-PATIENTS", "b": "DE-BURNED-IN"}


def test_instances_are_those_of_released_candidates() -> None:
    context = a_batch({"a": ct("1"), "b": ct("1"), "c": ct("2"), "d": ct("2", Rows=2), "e": ct("3")})
    plan, _ = settled(context)
    layout = context.layout
    ledger = rows_at(context, layout.run(plan.run, "settled/ledger.parquet"))
    instances = rows_at(context, layout.run(plan.run, "settled/instances.parquet"))
    candidates = [row["source_id"] for row in ledger if row["status"] == "released-candidate"]
    assert [row["source_id"] for row in instances] == candidates
    assert len(candidates) == 2
    assert candidates == sorted(candidates)


def test_files_keep_the_schema_with_its_descriptions() -> None:
    context = a_batch({"a": ct("1")})
    plan, _ = settled(context)
    table = read_table(context.work.read(context.layout.run(plan.run, "settled/ledger.parquet")))
    assert table.schema.equals(LEDGER.schema, check_metadata=True)


def test_findings_and_actions_are_summed_over_shards() -> None:
    context = a_batch({"a": ct("1"), "b": ct("2"), "c": b"text", "d": b"text"}, shard=SMALL)
    plan, _ = settled(context)
    layout = context.layout
    assert rows_at(context, layout.run(plan.run, "findings-deidentify.parquet")) == [
        {"stage": "intake", "rule_id": "IN-MARKER", "place": "objects", "count": 1},
        {"stage": "intake", "rule_id": "IN-NOT-DICOM", "place": "objects", "count": 2},
    ]
    actions = rows_at(context, layout.run(plan.run, "actions.parquet"))
    assert [row["count"] for row in actions if row["place"] == "(0008,0018)"] == [2]
    assert actions == sorted(actions, key=lambda row: (row["place"], row["action"]))


def test_a_finding_with_a_place_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.deidentify import shard  # noqa: PLC0415 -- patched here only
    from tasks.deidentify.instance import Outcome  # noqa: PLC0415 -- needed here only
    from tasks.model import Finding, Status  # noqa: PLC0415 -- needed here only

    found = Outcome(Status.HELD, "DE-RESIDUAL", findings=(Finding("DE-RESIDUAL", "deidentify", "name", 3),))
    monkeypatch.setattr(shard, "deidentify_object", lambda *_: found)
    context = a_batch({"a": ct("1"), "b": ct("2")}, shard=SMALL)
    plan, _ = settled(context)
    findings = rows_at(context, context.layout.run(plan.run, "findings-deidentify.parquet"))
    assert [(row["rule_id"], row["place"], row["count"]) for row in findings] == [
        ("DE-RESIDUAL", "name", 6),
        ("IN-MARKER", "objects", 1),
    ]


def test_settling_twice_and_apart_gives_the_same_bytes() -> None:
    files = {name: ct(name) for name in "123"} | {"a.csv": b"a,b\n1,2\n"}
    first, second = a_batch(files, shard=SMALL), a_batch(files, shard=SMALL)
    plan, report = settled(first)
    settled(second)
    assert everything(first) == everything(second)
    again = settle_batch(plan, first)
    assert (again.resumed, again.counts, again.rules) == (True, report.counts, report.rules)
    receipt = document(first, first.layout.run(plan.run, "settled/receipt.json"))
    assert receipt == {"run": plan.run, "objects": 5, "rows": 5, "counts": report.counts, "rules": report.rules}


def test_a_batch_without_images_is_settled() -> None:
    context = a_batch({"a.csv": b"a,b\n1,2\n"})
    plan, report = settled(context)
    assert plan.shards == ()
    assert report.rules == {"IN-MARKER": 1, "IN-TABLE": 1}


def replaced(context: BatchContext, key: str, content: bytes | None) -> BatchContext:
    """The same batch with one file of the work store changed or gone."""
    work = MemoryStore("work")
    for name, found in everything(context).items():
        kept = content if name == key else found
        if kept is not None:
            work.create(name, kept)
    object.__setattr__(context, "work", work)
    return context


def intake_ledger(context: BatchContext, plan: BatchPlan) -> str:
    return context.layout.shard(intake_shard(plan.run), "ledger.parquet")


def refuses(plan: BatchPlan, context: BatchContext, error: type[Exception], text: str) -> None:
    before = everything(context)
    with pytest.raises(error, match=text):
        settle_batch(plan, context)
    assert everything(context) == before


def test_a_shard_without_receipt_is_an_error() -> None:
    context = a_batch({"a": ct("1")})
    plan, _ = worked(context)
    receipt = context.layout.shard(plan.shards[0].key, "receipt.json")
    refuses(plan, replaced(context, receipt, None), AccountingError, "has no receipt")


def test_a_shard_file_that_is_not_the_one_of_the_receipt_is_an_error() -> None:
    context = a_batch({"a": ct("1")})
    plan, _ = worked(context)
    key = context.layout.shard(plan.shards[0].key, "ledger.parquet")
    refuses(plan, replaced(context, key, b"other bytes"), VerificationError, "not the one")


def test_an_input_without_a_row_is_an_error() -> None:
    context = a_batch({"a": ct("1")})
    plan, _ = worked(context)
    empty = write_table(table_of(LEDGER, []))
    refuses(plan, replaced(context, intake_ledger(context, plan), empty), AccountingError, "1 rows where 2")


def test_an_input_with_two_rows_is_an_error() -> None:
    context = a_batch({"a": ct("1")})
    plan, _ = worked(context)
    shard = read_table(context.work.read(context.layout.shard(plan.shards[0].key, "ledger.parquet")))
    refuses(
        plan, replaced(context, intake_ledger(context, plan), write_table(shard)), AccountingError, "2 rows where 1"
    )


@pytest.mark.parametrize("rule", ["IN-UNKNOWN", "IN-MARKER"])
def test_rows_that_do_not_add_up_are_an_error(rule: str) -> None:
    context = a_batch({"a": ct("1")})
    plan, _ = worked(context)
    row = {"source_id": "f" * 32, "status": "not-imaging", "rule_id": rule, "source_bytes": 0}
    other = write_table(table_of(LEDGER, [row]))
    refuses(plan, replaced(context, intake_ledger(context, plan), other), AccountingError, "1 rows where 2")


def test_members_of_archives_are_accounted_for() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("one"), ct("1"))
        archive.writestr(zipfile.ZipInfo("two"), ct("1"))
    context = a_batch({"all.zip": out.getvalue()})
    plan, report = settled(context)
    assert report.counts == {"duplicate": 1, "not-imaging": 2, "released-candidate": 1}
    assert len(settled_ends(context, plan)) == 4
