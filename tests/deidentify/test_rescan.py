"""What one object or table knows of a subject is searched for in all its other objects before anything is settled."""

import io
import json
from dataclasses import replace
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.keys import KeyRing
from config.site import Site
from config.site_tables import SiteTable
from tasks.context import BatchContext
from tasks.deidentify.needles import date_needles, name_needles
from tasks.deidentify.pooling import Pool, pooled, read_pools, sealed_rows, searched_for
from tasks.deidentify.rescan import found_in_object
from tasks.deidentify.settle import settle_batch
from tasks.deidentify.table_needles import Sheet, needles_in, sheet_of
from tasks.errors import VerificationError
from tasks.identifiers.needle import Kind, Needle
from tasks.identifiers.sealing import sealed, unsealed
from tasks.store.memory import MemoryStore
from tests.deidentify.batches import a_batch, everything, rows_at, settled, settled_ends, worked
from tests.deidentify.objects import PATIENT_ID, PROFILE, a_ct, bytes_of, outcome_of

RING = KeyRing(1, {1: b"k" * 32})
TABLE = SiteTable.model_validate({"pattern": "people*", "columns": {"MRN": "patient_id", "Sex": "subject.sex"}})
SMALL = {"max_objects": 1}


def telling() -> bytes:
    """An object that keeps a word which it does not know to be a name of its subject."""
    return bytes_of(a_ct(Manufacturer="QZMAIDEN Systems"))


def knowing(**more: Any) -> bytes:
    """Another object of the subject, which knows the name."""
    return bytes_of(a_ct(SOPInstanceUID="1.2.9.2", InstanceNumber="2", OtherPatientNames="QZMAIDEN^X", **more))


def with_tables(context: BatchContext) -> BatchContext:
    return replace(context, site=Site(code="s01", tables=(TABLE,)))


def findings_of(context: BatchContext, run: str) -> list[tuple[str, str, int]]:
    rows = rows_at(context, context.layout.run(run, "findings-deidentify.parquet"))
    return [(row["rule_id"], row["place"], row["count"]) for row in rows if row["rule_id"] == "DE-RESIDUAL"]


def test_alone_the_object_passes() -> None:
    outcome = outcome_of(telling())
    assert outcome.content is not None
    assert b"QZMAIDEN" in outcome.content


def test_a_name_that_another_object_knows_holds_the_object_that_tells_it() -> None:
    context = a_batch({"a": telling(), "b": knowing()}, shard=SMALL)
    plan, report = settled(context)
    assert settled_ends(context, plan) == {"_COMPLETE": "IN-MARKER", "a": "DE-RESIDUAL", "b": "DE-PASS"}
    assert findings_of(context, plan.run) == [("DE-RESIDUAL", "name", 1)]
    assert report.counts == {"held": 1, "not-imaging": 1, "released-candidate": 1}
    instances = rows_at(context, context.layout.run(plan.run, "settled/instances.parquet"))
    assert len(instances) == 1


def test_a_held_object_tells_too() -> None:
    context = a_batch({"a": telling(), "b": knowing(BurnedInAnnotation="YES")})
    plan, _ = settled(context)
    assert settled_ends(context, plan)["a"] == "DE-RESIDUAL"


def test_another_subject_is_another_matter() -> None:
    other = knowing(PatientID="ZZCANARY8", StudyInstanceUID="1.2.9.3")
    context = a_batch({"a": telling(), "b": other})
    plan, _ = settled(context)
    assert settled_ends(context, plan)["a"] == "DE-PASS"


MAIDEN = f"MRN,Sex,Maiden Name\n{PATIENT_ID},F,Qzmaiden\n".encode()


def test_a_name_that_a_clinical_table_knows_goes_from_the_object_that_tells_it() -> None:
    context = with_tables(a_batch({"a": telling(), "people.csv": MAIDEN, "other.csv": b"x"}))
    plan, _ = settled(context)
    assert settled_ends(context, plan)["a"] == "DE-PASS"
    released = [content for key, content in everything(context).items() if key.startswith("objects/")]
    assert len(released) == 1
    assert b"qzmaiden" not in released[0].lower()


def test_a_name_that_a_clinical_table_knows_holds_the_object_that_has_it_in_its_pixels() -> None:
    pixels = b"..QZMAIDEN..".ljust(128, b"\0")
    dataset = a_ct(Rows=8, Columns=8, BitsStored=16, HighBit=15, PixelData=pixels)
    context = with_tables(a_batch({"a": bytes_of(dataset), "people.csv": MAIDEN}))
    plan, _ = settled(context)
    assert settled_ends(context, plan)["a"] == "DE-RESIDUAL"


def test_what_tables_say_is_kept_sealed_and_under_private_keys_only() -> None:
    context = with_tables(a_batch({"a": telling(), "people.csv": MAIDEN}))
    worked(context)
    told = [key for key in everything(context) if "tables-" in key and key.endswith("needles.parquet")]
    assert len(told) == 1
    assert told[0].startswith("private/")
    assert [key for key, content in everything(context).items() if b"qzmaiden" in content.lower()] == []


def test_only_what_tables_say_of_people_makes_shards_anew() -> None:
    plans = [
        worked(with_tables(a_batch({"a": telling(), "people.csv": table})))[0]
        for table in (MAIDEN, MAIDEN.replace(b",F,", b",M,"), MAIDEN.replace(b"Qzmaiden", b"Qzother"))
    ]
    keys = [[shard.key for shard in plan.shards] for plan in plans]
    assert keys[0] == keys[1] != keys[2]
    assert len({plan.run for plan in plans}) == 3


class _Counting(MemoryStore):
    """A store that knows which finished objects were read."""

    def __init__(self) -> None:
        super().__init__("work")
        self.objects: list[str] = []

    def read(self, key: str) -> bytes:
        if key.startswith("objects/"):
            self.objects.append(key)
        return super().read(key)


def test_objects_that_were_searched_for_everything_are_not_read_again() -> None:
    files = {"a": bytes_of(a_ct()), "b": bytes_of(a_ct(SOPInstanceUID="1.2.9.2"))}
    context = replace(a_batch(files, conformance={"max_series": 0}), work=_Counting())
    plan, _ = worked(context)
    settle_batch(plan, context)
    assert context.work.objects == []  # type: ignore[attr-defined]  # the store above


def test_only_what_was_not_searched_for_everything_is_read_again_and_once() -> None:
    files = {"a": telling(), "a2": telling(), "b": knowing()}
    context = replace(a_batch(files, conformance={"max_series": 0}), work=_Counting())
    plan, _ = worked(context)
    settle_batch(plan, context)
    assert len(context.work.objects) == 1  # type: ignore[attr-defined]  # the store above
    assert {name: rule for name, rule in settled_ends(context, plan).items() if name[0] == "a"} == {
        "a": "DE-RESIDUAL",
        "a2": "DE-RESIDUAL",
    }


def test_needles_lie_sealed_in_the_private_prefix() -> None:
    context = a_batch({"a": telling(), "b": knowing()})
    plan, _ = settled(context)
    stored = {key: content for key, content in everything(context).items() if "needles" in key}
    assert len(stored) == len(plan.shards) + 1
    assert all(key.startswith("private/") for key in stored)
    for key in stored:
        for row in rows_at(context, key):
            assert b"zzcanary" not in row["sealed"].lower()
    pools = read_pools(rows_at(context, context.layout.private_run(plan.run, "needles.parquet")), context.ring)
    assert "qzmaiden" in {needle.text for pool in pools.values() for needles in pool.sets for needle in needles}


def test_the_same_content_is_sealed_alike_and_opens_with_its_key_and_name_only() -> None:
    content = sealed(RING, b"ZZCANARY", about="S1")
    assert content == sealed(RING, b"ZZCANARY", about="S1") != sealed(RING, b"ZZCANARY", about="S2")
    later = KeyRing(2, {1: b"k" * 32, 2: b"l" * 32})
    assert unsealed(later, content, about="S1") == b"ZZCANARY"
    for ring, about in ((RING, "S2"), (KeyRing(1, {1: b"x" * 32}), "S1")):
        with pytest.raises(VerificationError, match="cannot be opened"):
            unsealed(ring, content, about=about)


def test_sets_survive_sealing() -> None:
    one, two = frozenset(name_needles("Smith^Anna")), frozenset(name_needles("山田^太郎"))
    rows = sealed_rows({("S1", one): ["b", "a"], ("S1", two): ["c"], ("S2", one): ["d"]}, RING)
    assert [(row["subject_id"], row["sources"]) for row in rows] == [("S1", ["a", "b"]), ("S1", ["c"]), ("S2", ["d"])]
    pools = read_pools(rows, RING)
    assert pools == {"S1": Pool({one: ["a", "b"], two: ["c"]}), "S2": Pool({one: ["d"]})}
    assert pools["S1"].known == one | two


def test_uids_are_not_pooled() -> None:
    uid, name = Needle(Kind.UID, "1.2.3.4.5.6"), Needle(Kind.NAME, "smith")
    assert pooled([uid, name]) == {name}


def test_words_that_mean_something_else_are_not_searched_for_late() -> None:
    day = frozenset(date_needles(PROFILE.dates.earliest.replace(year=2020), PROFILE))
    a_week_later = frozenset(date_needles(PROFILE.dates.earliest.replace(year=2020, day=8), PROFILE))
    names = frozenset(Needle(Kind.NAME, text) for text in ("siemens", "chest", "removed", "qzmaiden"))
    found = searched_for(names | day | a_week_later, day | a_week_later, PROFILE, offset_days=7)
    assert {needle.text for needle in found if needle.kind is Kind.NAME} == {"qzmaiden"}
    assert {needle for needle in found if needle.kind is Kind.DATE} == day


def test_text_in_pixels_is_found_too() -> None:
    dataset = a_ct(Rows=8, Columns=8, PixelData=b"..QZMAIDEN..".ljust(128, b"\0"))
    needles = frozenset({Needle(Kind.NAME, "qzmaiden")})
    assert found_in_object(bytes_of(dataset), needles, a_batch({}).settings.object) == list(needles)


def sheet(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]  # a new book has a sheet
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet(rows: list[list[Any]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(zip(rows[0], row, strict=True)) for row in rows[1:]]), out)
    return out.getvalue()


ROWS = [["MRN", "Sex", "Patient Name"], ["123456", "F", "Smith, Anna"]]
CSV = "\n".join(",".join(f'"{cell}"' for cell in row) for row in ROWS)
RECORDS = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.csv", CSV.encode()),
        ("people.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("people.csv", CSV.encode("utf-16")),
        ("people.tsv", CSV.replace(",", "\t").replace("Smith\t", "Smith,").encode()),
        ("people.xlsx", sheet(ROWS)),
        ("people.xlsx", sheet([ROWS[0], [123456.0, "F", "Smith, Anna"]])),
        ("people.parquet", parquet(ROWS)),
        ("people.json", json.dumps(RECORDS).encode()),
        ("people.jsonl", ("\n".join(map(json.dumps, RECORDS)) + "\n\n[1]").encode()),
    ],
)
def test_tables_are_read_whatever_their_form(name: str, content: bytes) -> None:
    ((patient, needles),) = needles_in(sheet_of(content, name, TABLE), TABLE, PROFILE)
    assert patient == "123456"
    assert {"smith", "anna", "123456"} <= {needle.text for needle in needles}


@pytest.mark.parametrize(
    ("name", "content"),
    [("people.csv", b"\xff\xfe\x00"), ("people.xlsx", b"PK"), ("people.parquet", b"PAR1"), ("people.json", b"{")],
)
def test_a_table_that_cannot_be_read_has_no_rows(name: str, content: bytes) -> None:
    assert list(sheet_of(content, name, TABLE).rows) == []


@pytest.mark.parametrize(
    ("header", "cell", "texts"),
    [
        ("PatientSurname", "Smith", {"smith"}),
        ("GP", "House", {"house"}),
        ("Test Name", "COVID-19", set()),
        ("Drug name", "Heparin", set()),
        ("NHS No", "943 476 5919", {"943 476 5919"}),
        ("accession_number", "ACC1234", {"acc1234"}),
        ("Home phone", "0171 555-0199", {"0171 555-0199", "01715550199"}),
        ("Sex", "Female", set()),
        ("Weight", "Smith", set()),
        ("Date of birth", "unknown", set()),
        ("MRN 2", "", set()),
    ],
)
def test_columns_are_told_by_their_headers(header: str, cell: str, texts: set[str]) -> None:
    ((_, needles),) = needles_in(Sheet(("MRN", header), [("1", cell)]), TABLE, PROFILE)
    assert {needle.text for needle in needles} == texts


@pytest.mark.parametrize("cell", ["19270102", "1927-01-02", "1927-01-02T00:00:00", "02/01/1927", "2 Jan 1927"])
def test_a_birth_date_is_searched_for_in_every_spelling(cell: str) -> None:
    ((_, needles),) = needles_in(Sheet(("MRN", "DOB"), [("1", cell)]), TABLE, PROFILE)
    assert {"19270102", "1927-01-02", "02.01.1927"} <= {needle.text for needle in needles}


def test_a_row_without_a_patient_names_nobody() -> None:
    assert list(needles_in(Sheet(("MRN", "Name"), [(" ", "Smith")]), TABLE, PROFILE)) == []
    assert list(needles_in(Sheet(("Name",), [("Smith",)]), TABLE, PROFILE)) == []


def test_a_table_in_any_encoding_that_is_declared_is_harvested() -> None:
    table = SiteTable.model_validate(
        {"pattern": "people*", "encoding": "shift_jis", "columns": {"患者番号": "patient_id"}}
    )
    content = "患者番号,Name\n123456,山田 太郎\n123456,山田 太郎\n".encode("shift_jis")
    ((patient, needles),) = needles_in(sheet_of(content, "people.csv", table), table, PROFILE)
    assert patient == "123456"
    assert "山田" in {needle.text for needle in needles}
