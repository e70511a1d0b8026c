"""A shard ends every object as one row, whatever it is, and does so the same way every time."""

import hashlib
import io
import logging
import time
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from tasks.deidentify import shard as shard_module
from tasks.deidentify.instance import Outcome
from tasks.deidentify.shard import PRIVATE, deidentify_shard
from tasks.errors import StoreError
from tasks.intake.plan import plan_batch
from tasks.layout import object_key
from tasks.model import Finding, Status
from tasks.store import ReadOnlyStore
from tasks.store.checksum import crc64nvme_of
from tasks.store.local import LocalStore
from tasks.store.memory import MemoryStore
from tests.deidentify.batches import (
    PREFIX,
    a_batch,
    document,
    everything,
    rows_at,
    shard_ends,
    worked,
)
from tests.deidentify.objects import a_ct, bytes_of

CT = bytes_of(a_ct())
OTHER = bytes_of(a_ct(SOPInstanceUID="1.2.3", PatientID="ZZCANARY8", StudyInstanceUID="1.2.4"))


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def test_every_object_and_member_ends_as_one_row() -> None:
    context = a_batch(
        {
            "ZZCANARY/1.dcm": CT,
            "2": OTHER,
            "a.txt": b"text",
            "cut.dcm": CT[:-5],
            "empty.dcm": b"",
            "us.dcm": bytes_of(a_ct(SOPInstanceUID="1.2.5", BurnedInAnnotation="YES")),
            "all.zip": zipped(one=CT, two=b"text", three=CT[:600]),
            "x.7z": b"7z\xbc\xaf\x27\x1c....",
        }
    )
    plan, reports = worked(context)
    assert shard_ends(context, plan) == {
        "2": "DE-PASS",
        "ZZCANARY/1.dcm": "DE-PASS",
        "a.txt": "IN-NOT-DICOM",
        "all.zip": "IN-ARCHIVE",
        "all.zip!one": "DE-PASS",
        "all.zip!three": "DE-PARSE",
        "all.zip!two": "IN-NOT-DICOM",
        "cut.dcm": "DE-PARSE",
        "empty.dcm": "IN-EMPTY",
        "us.dcm": "DE-BURNED-IN",
        "x.7z": "IN-ARCHIVE-KIND",
    }
    assert Counter(reports[0].counts) == {"released-candidate": 3, "held": 2, "rejected": 3, "not-imaging": 3}
    assert reports[0].rules["DE-PASS"] == 3


def test_objects_lie_under_their_digest_and_rows_tell_of_them() -> None:
    context = a_batch({"1.dcm": CT})
    plan, _ = worked(context)
    key = plan.shards[0].key
    ledger = rows_at(context, context.layout.shard(key, "ledger.parquet"))[0]
    instance = rows_at(context, context.layout.shard(key, "instances.parquet"))[0]
    written = context.work.read(object_key(ledger["sha256"]))
    assert hashlib.sha256(written).hexdigest() == ledger["sha256"] == instance["sha256"]
    assert instance["md5"] == hashlib.md5(written, usedforsecurity=False).hexdigest()
    assert instance["crc64nvme"] == crc64nvme_of(written)
    assert instance["pixel_sha256"] == hashlib.sha256(dcmread(io.BytesIO(written)).PixelData).hexdigest()
    assert (instance["size_bytes"], ledger["source_bytes"]) == (len(written), len(CT))
    assert ledger["engine"] == "bytes"
    assert {name: ledger[name] for name in ("source_id", "subject_id", "study_uid", "sop_uid")} == {
        name: instance[name] for name in ("source_id", "subject_id", "study_uid", "sop_uid")
    }
    actions = rows_at(context, context.layout.shard(key, "actions.parquet"))
    assert {"place": "(0008,0018)", "action": "U", "count": 1} in [
        row | {"action": row["action"][:1]} for row in actions if row["place"] == "(0008,0018)"
    ]


def test_the_same_batch_twice_gives_the_same_bytes_and_a_finished_shard_is_taken() -> None:
    files = {"1.dcm": CT, "2.dcm": OTHER, "all.zip": zipped(one=CT)}
    first, second = a_batch(files), a_batch(files)
    plan, reports = worked(first)
    worked(second)
    assert everything(first) == everything(second)
    before = everything(first)
    _, again = worked(first)
    assert [(report.counts, report.rules) for report in again] == [(report.counts, report.rules) for report in reports]
    assert ([report.resumed for report in reports], [report.resumed for report in again]) == ([False], [True])
    assert everything(first) == before
    assert plan.objects == 4


def test_the_receipt_names_every_file_of_the_shard() -> None:
    context = a_batch({"1.dcm": CT})
    plan, _ = worked(context)
    layout, key = context.layout, plan.shards[0].key
    receipt = document(context, layout.shard(key, "receipt.json"))
    assert (receipt["objects"], receipt["rows"], receipt["counts"]) == (1, 1, {"released-candidate": 1})
    for name, digest in receipt["files"].items():
        place = layout.private_shard(key, name) if name in PRIVATE else layout.shard(key, name)
        assert hashlib.sha256(context.work.read(place)).hexdigest() == digest
    assert sorted(receipt["files"]) == [
        f"{n}.parquet" for n in ("actions", "crosswalk", "findings", "instances", "ledger", "needles", "sources")
    ]


class _Changing(MemoryStore):
    """A store in which objects change between listing and reading."""

    def __init__(self, changed: dict[str, bytes | None]) -> None:
        super().__init__("raw")
        self.changed = {PREFIX + path: content for path, content in changed.items()}

    def read_versioned(self, key: str) -> tuple[bytes, str] | None:
        found = super().read_versioned(key)
        if found is None or key not in self.changed:
            return found
        content = self.changed[key]
        return None if content is None else (content, "another version" if len(content) == len(found[0]) else found[1])


def test_objects_that_change_after_listing_are_held() -> None:
    context = a_batch({})
    raw = _Changing({"gone": None, "longer": CT + b"x", "replaced": CT[::-1]})
    for path in ("gone", "longer", "replaced", "same", "_COMPLETE"):
        raw.create(PREFIX + path, CT if path != "_COMPLETE" else b"")
    object.__setattr__(context, "raw", raw)
    plan, _ = worked(context)
    assert shard_ends(context, plan) == {
        "gone": "IN-CHANGED",
        "longer": "IN-CHANGED",
        "replaced": "IN-CHANGED",
        "same": "DE-PASS",
    }


def test_objects_without_their_declared_digest_are_held() -> None:
    right, wrong = hashlib.sha256(CT).hexdigest(), hashlib.sha256(OTHER).hexdigest()
    md5 = hashlib.md5(OTHER, usedforsecurity=False).hexdigest()
    context = a_batch(
        {
            "a": CT,
            "b": CT,
            "c": CT,
            "sha256sums.txt": f"{right}  a\n{wrong}  b\n".encode(),
            "md5sums.txt": f"{md5}  c\n".encode(),
        }
    )
    plan, _ = worked(context)
    assert shard_ends(context, plan) == {"a": "DE-PASS", "b": "IN-DIGEST", "c": "IN-DIGEST"}


def test_objects_over_the_limit_are_not_even_read() -> None:
    context = a_batch({"large.dcm": CT}, object={"max_bytes": 100})
    object.__setattr__(context, "raw", _Unreadable(context.raw))
    plan, _ = worked(context)
    assert shard_ends(context, plan) == {"large.dcm": "DE-LIMIT"}


class _Unreadable(MemoryStore):
    """A store that lists but does not give."""

    def __init__(self, other: Any) -> None:
        super().__init__("raw")
        for listed in other.list():
            self.create(listed.key, other.read(listed.key))

    def read_versioned(self, key: str) -> tuple[bytes, str] | None:
        raise StoreError("unreachable " + key[:0])


def test_a_store_that_fails_stops_the_shard_and_leaves_no_receipt() -> None:
    context = a_batch({"1.dcm": CT})
    object.__setattr__(context, "raw", _Unreadable(context.raw))
    with pytest.raises(StoreError):
        worked(context)
    assert not [key for key in everything(context) if key.endswith("receipt.json")]


@pytest.mark.parametrize(
    "broken",
    [
        RuntimeError("ZZCANARY"),
        Outcome(Status.RELEASED_CANDIDATE, "DE-PASS", content=b"x", facts={"rows": "ZZCANARY"}),
        Outcome(Status.RELEASED_CANDIDATE, "DE-PASS", content=b"x", facts={"frames": 1 << 40}),
        Outcome(Status.RELEASED_CANDIDATE, "DE-PASS", content=b"x", facts={"unknown": 1}),
    ],
)
def test_a_failure_of_one_object_is_held_and_stops_no_other(
    broken: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    context = a_batch({"1.dcm": CT, "2.dcm": OTHER})
    real = shard_module.deidentify_object

    def fail_on_one(content: bytes, policy: Any) -> Outcome:
        if content != CT:
            return real(content, policy)
        if isinstance(broken, Exception):
            raise broken
        found: Outcome = broken
        return found

    monkeypatch.setattr(shard_module, "deidentify_object", fail_on_one)
    with caplog.at_level(logging.INFO):
        plan, _ = worked(context)
    assert shard_ends(context, plan) == {"1.dcm": "DE-FAILED", "2.dcm": "DE-PASS"}
    assert "ZZCANARY" not in caplog.text
    assert "1.dcm" not in caplog.text
    assert "failed with" in caplog.text


def test_what_a_held_object_failed_on_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = Outcome(Status.HELD, "DE-RESIDUAL", findings=(Finding("DE-RESIDUAL", "deidentify", "name", 3),))
    monkeypatch.setattr(shard_module, "deidentify_object", lambda *_: outcome)
    context = a_batch({"1.dcm": CT, "2.dcm": OTHER})
    plan, _ = worked(context)
    assert rows_at(context, context.layout.shard(plan.shards[0].key, "findings.parquet")) == [
        {"stage": "deidentify", "rule_id": "DE-RESIDUAL", "place": "name", "count": 6}
    ]


def test_no_name_and_no_value_is_anywhere_but_under_private() -> None:
    context = a_batch({"ZZCANARY/1.dcm": CT, "b.zip": zipped(ZZCANARY=CT)})
    worked(context)
    public = {key: content for key, content in everything(context).items() if not key.startswith("private/")}
    assert [key for key, content in public.items() if "ZZCANARY" in key or b"ZZCANARY" in content] == []


def test_one_line_is_logged_per_shard(caplog: pytest.LogCaptureFixture) -> None:
    context = a_batch({f"{number}.txt": b"x" for number in range(5)}, shard={"max_objects": 2})
    with caplog.at_level(logging.INFO, logger="tasks.deidentify"):
        plan, _ = worked(context)
    lines = [record for record in caplog.records if record.name.startswith("tasks.deidentify")]
    assert len(lines) == len(plan.shards) > 1
    assert all(shard.key in caplog.text for shard in plan.shards)


def test_on_folders_objects_pass_by_and_end_as_they_do_in_memory(tmp_path: Path) -> None:
    files = {"1.dcm": CT, "2.dcm": OTHER, "3.dcm": CT[:-2], "4.txt": b"x", "5.zip": zipped(a=CT), "6.dcm": b""}
    stated = "\n".join(f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in files.items())
    memory = a_batch(files | {"sha256sums.txt": stated.encode()})
    folders = replace(memory, raw=_folder(tmp_path / "raw", memory.raw), work=_folder(tmp_path / "work"))
    plans = [worked(context)[0] for context in (memory, folders)]
    ends = [shard_ends(context, plan) for context, plan in zip((memory, folders), plans, strict=True)]
    assert ends[0] == ends[1]
    objects = [
        {key: content for key, content in everything(context).items() if key.startswith("objects/")}
        for context in (memory, folders)
    ]
    assert objects[0] == objects[1]
    assert len(objects[0]) == 2
    tables = [
        rows_at(context, context.layout.shard(plan.shards[0].key, name))
        for name in ("instances.parquet", "actions.parquet")
        for context, plan in zip((memory, folders), plans, strict=True)
    ]
    assert tables[0] == tables[1]
    assert tables[2] == tables[3]


def test_on_folders_an_object_that_is_not_the_declared_one_is_not_let_pass(tmp_path: Path) -> None:
    memory = a_batch({"1.dcm": CT, "sha256sums.txt": f"{'0' * 64}  1.dcm\n".encode()})
    context = replace(memory, raw=_folder(tmp_path / "raw", memory.raw), work=_folder(tmp_path / "work"))
    plan, _ = worked(context)
    assert shard_ends(context, plan)["1.dcm"] == "IN-DIGEST"
    assert [key for key in everything(context) if key.startswith("objects/")] == []


def test_on_folders_an_object_that_changed_after_it_was_listed_is_not_let_pass(tmp_path: Path) -> None:
    memory = a_batch({"1.dcm": CT})
    raw = _folder(tmp_path / "raw", memory.raw)
    context = replace(memory, raw=raw, work=_folder(tmp_path / "work"))
    plan = plan_batch(context)
    (tmp_path / "raw" / "s01" / "b1" / "1.dcm").write_bytes(OTHER)
    deidentify_shard(plan.shards[0], context)
    assert shard_ends(context, plan)["1.dcm"] == "IN-CHANGED"


def test_an_object_that_takes_too_long_ends_by_its_rule_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    context = a_batch({"1.dcm": CT, "2.dcm": OTHER}, object={"max_seconds": 0.2})
    real = shard_module.deidentify_object

    def sleep_on_one(content: bytes, policy: Any) -> Outcome:
        try:
            if content == CT:
                time.sleep(5)
        except Exception:  # noqa: BLE001 -- as the roads have it
            return Outcome(Status.HELD, "DE-FAILED")
        return real(content, policy)

    monkeypatch.setattr(shard_module, "deidentify_object", sleep_on_one)
    plan, _ = worked(context)
    assert shard_ends(context, plan) == {"1.dcm": "DE-LIMIT", "2.dcm": "DE-PASS"}


def _folder(path: Path, of: ReadOnlyStore | None = None) -> LocalStore:
    path.mkdir()
    store = LocalStore(path)
    for listed in of.list() if of else ():
        store.create(listed.key, of.read(listed.key) if of else b"")
    return store
