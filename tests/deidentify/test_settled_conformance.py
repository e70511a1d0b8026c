"""Of every series one finished object is held beside its source; a series with a new error is held."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.deidentify import conformance
from tasks.deidentify.settle import RETENTION
from tests.deidentify.batches import a_batch, document, settled, settled_ends
from tests.deidentify.objects import ROOT, a_ct, bytes_of
from tests.deidentify.test_shard import zipped


def a_slice(series: int, number: int) -> bytes:
    return bytes_of(a_ct(SeriesInstanceUID=f"{ROOT}.5.{series}", SOPInstanceUID=f"{ROOT}.6.{series}.{number}"))


FILES = {
    "a1": a_slice(1, 1),
    "a2": a_slice(1, 2),
    "b.zip": zipped(one=a_slice(2, 1), two=a_slice(2, 2)),
    "odd!name": a_slice(3, 1),
    "note.txt": b"text",
}


def report_of(files: dict[str, bytes], **settings: Any) -> dict[str, int]:
    context = a_batch(files, **settings)
    plan, _ = settled(context)
    found: dict[str, int] = document(context, context.layout.run(plan.run, RETENTION))["conformance"]
    return found


def test_one_object_of_each_series_is_checked_also_out_of_an_archive() -> None:
    assert report_of(FILES) == {"checked": 3, "undecided": 0, "series": 0}


def test_a_sample_has_limits() -> None:
    assert report_of(FILES, conformance={"max_series": 2}) == {"checked": 2, "undecided": 0, "series": 0}
    assert report_of(FILES, conformance={"max_series": 0}) == {"checked": 0, "undecided": 0, "series": 0}
    assert report_of(FILES, conformance={"max_bytes": 10}) == {"checked": 0, "undecided": 0, "series": 0}
    assert report_of({"b.zip": FILES["b.zip"]}, conformance={"max_bytes": len(FILES["a1"])}) == {
        "checked": 0,
        "undecided": 1,
        "series": 0,
    }


def test_without_the_program_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "verifier", lambda: None)
    assert report_of(FILES) == {"checked": 0, "undecided": 0, "series": 0}


def test_a_series_with_a_new_error_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = FILES["a1"], FILES["a2"]
    monkeypatch.setattr(conformance, "new_errors", lambda source, *_: int(source in odd))
    context = replace(a_batch(FILES))
    plan, _ = settled(context)
    ends = settled_ends(context, plan)
    assert {name for name, rule in ends.items() if rule == "DE-CONFORMANCE"} == {"a1", "a2"}
    assert document(context, context.layout.run(plan.run, RETENTION))["conformance"]["series"] == 1
