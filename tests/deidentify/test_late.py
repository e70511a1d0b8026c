"""What one batch knows of a subject holds the objects of its other batches, whichever came first."""

import json
from dataclasses import replace

from config.keys import KeyRing
from tasks.context import BatchContext
from tasks.deidentify.late import search_other_batches
from tasks.layout import MARKER
from tasks.model import BatchPlan
from tests.deidentify.batches import a_batch, everything, rows_at, settled
from tests.deidentify.objects import a_ct, bytes_of
from tests.deidentify.test_rescan import TABLE, knowing, telling


def accepted(context: BatchContext) -> BatchPlan:
    """Settle a batch and let its run count, as validating and accepting do."""
    plan, _ = settled(context)
    layout = context.layout
    ledger = context.work.read(layout.run(plan.run, "settled/ledger.parquet"))
    context.work.create(layout.run(plan.run, "ledger.parquet"), ledger)
    context.work.swap(layout.current, json.dumps({"run": plan.run}).encode(), expected=None)
    return plan


def next_batch(before: BatchContext, files: dict[str, bytes]) -> BatchContext:
    """Another batch of the same site, in the same stores."""
    context = replace(before, batch="b2")
    for path, content in (files | {MARKER: b""}).items():
        context.raw.create(f"s01/b2/{path}", content)  # type: ignore[attr-defined]  # the store of the tests
    return context


def late_rows(context: BatchContext) -> list[tuple[str, str, list[str]]]:
    keys = [key for key in everything(context) if key.startswith("late/")]
    return sorted((row["batch"], row["rule_id"], row["kinds"]) for key in keys for row in rows_at(context, key))


def test_an_earlier_object_is_held_by_what_a_later_batch_knows() -> None:
    first = a_batch({"a": telling()})
    plan = accepted(first)
    assert search_other_batches(plan, first).counts == {"objects": 0}
    second = next_batch(first, {"b": knowing()})
    report = search_other_batches(accepted(second), second)
    assert (report.counts, report.rules) == ({"objects": 1}, {"DE-RESIDUAL": 1})
    assert late_rows(first) == [("b1", "DE-RESIDUAL", ["name"])]


def test_a_later_object_is_held_by_what_an_earlier_batch_knows() -> None:
    first = a_batch({"a": knowing()})
    accepted(first)
    second = next_batch(first, {"b": telling()})
    search_other_batches(accepted(second), second)
    assert late_rows(first) == [("b2", "DE-RESIDUAL", ["name"])]


def test_what_a_clinical_table_of_another_batch_knows_counts_too() -> None:
    table = b"MRN,Sex,Maiden Name\nZZCANARY7,F,Qzmaiden\n"
    first = a_batch({"people.csv": table})
    first = replace(first, site=first.site.model_copy(update={"tables": (TABLE,)}))
    accepted(first)
    second = next_batch(first, {"b": telling()})
    search_other_batches(accepted(second), second)
    assert late_rows(first) == [("b2", "DE-RESIDUAL", ["name"])]


def test_batches_without_a_common_subject_do_not_meet() -> None:
    first = a_batch({"a": telling()})
    accepted(first)
    second = next_batch(first, {"b": knowing(PatientID="ZZCANARY8", StudyInstanceUID="1.2.9.3")})
    assert search_other_batches(accepted(second), second).counts == {"objects": 0}


def test_a_run_searches_once() -> None:
    first = a_batch({"a": telling()})
    accepted_plan = accepted(first)
    second = next_batch(first, {"b": knowing()})
    plan = accepted(second)
    once, again = search_other_batches(plan, second), search_other_batches(plan, second)
    assert (once.counts, once.rules) == (again.counts, again.rules)
    assert (once.resumed, again.resumed) == (False, True)
    assert not search_other_batches(accepted_plan, first).resumed
    before = everything(first)
    third = replace(next_batch(first, {}), batch="b3")
    third.raw.create("s01/b3/c", knowing())  # type: ignore[attr-defined]  # the store of the tests
    third.raw.create(f"s01/b3/{MARKER}", b"")  # type: ignore[attr-defined]  # the store of the tests
    accepted(third)
    assert search_other_batches(accepted_plan, first).resumed
    late = [key for key in everything(first) if key.startswith("late/")]
    assert late == [key for key in before if key.startswith("late/")]


def test_what_is_written_for_the_release_holds_no_source_value() -> None:
    first = a_batch({"a": telling()})
    accepted(first)
    second = next_batch(first, {"b": knowing(), "c": bytes_of(a_ct(SOPInstanceUID="1.2.9.7"))})
    search_other_batches(accepted(second), second)
    late = [content.lower() for key, content in everything(first).items() if key.startswith("late/")]
    assert late
    assert not any(b"qzmaiden" in content or b"zzcanary" in content for content in late)


def test_a_rotated_ring_still_opens_what_the_old_key_sealed() -> None:
    first = a_batch({"a": telling()})
    plan = accepted(first)
    rotated = replace(first, ring=KeyRing(2, {1: first.ring.key, 2: b"n" * 32}))
    assert search_other_batches(plan, rotated).counts == {"objects": 0}


def test_a_run_of_a_version_that_kept_no_needles_knows_nothing() -> None:
    first = a_batch({"a": knowing()})
    plan = accepted(first)
    first.work.delete(first.layout.private_run(plan.run, "needles.parquet"))
    second = next_batch(first, {"b": telling()})
    assert search_other_batches(accepted(second), second).counts == {"objects": 0}
