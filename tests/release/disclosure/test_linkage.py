import base64
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.keys import new_key_ring, parse_key_ring
from config.settings import Settings
from expectations.schemas.pipeline import CROSSWALK, SOURCES
from expectations.schemas.table import table_of
from tasks.errors import GateError
from tasks.layout import BatchLayout
from tasks.release.build import build_release
from tasks.release.disclosure.known import Known
from tasks.release.disclosure.linkage import leaking_files
from tasks.release.selection import accepted_batches
from tasks.store.parquet import write_table
from tests.release.batches import Installation, first_batch

PATIENT, STUDY, SOP = "ZZ-4711-Canary", "1.2.826.99.1", "1.2.826.99.1.1"
RAW = "site-a/batch-1/zzcanary_folder/ZZCANARY-0001.dcm"


@pytest.fixture
def known(tmp_path: Path) -> Known:
    made = Installation()
    batch = first_batch()
    batch.write(made.work)
    layout = BatchLayout(*batch.name.split("/"))
    crosswalk = [
        {"kind": "patient", "id_old": PATIENT, "id_new": "SUBJECTA"},
        {"kind": "patient", "id_old": "UNKNOWN", "id_new": "SUBJECTB"},
        {"kind": "patient", "id_old": "Canary, 12", "id_new": "SUBJECTB"},
        {"kind": "study", "id_old": STUDY, "id_new": "2.25.1"},
        {"kind": "study", "id_old": "1.2.840.10008.1.2", "id_new": "1.2.840.10008.1.2"},
        {"kind": "instance", "id_old": SOP, "id_new": "2.25.1.1.1"},
    ]
    folders = ("imaging_study", "2026.11.01", "zzcanary_folder")
    names = [*(RAW.replace("zzcanary_folder", folder) for folder in folders), "site-a/batch-1/2", "site-a/batch-1/dose"]
    sources = [{"source_id": f"{place:032}", "source": name} for place, name in enumerate(names)]
    made.work.create(layout.private_run("run1", "crosswalk.parquet"), write_table(table_of(CROSSWALK, crosswalk)))
    made.work.create(layout.private_run("run1", "sources.parquet"), write_table(table_of(SOURCES, sources)))
    ring = tmp_path / "keys.toml"
    ring.write_text(new_key_ring())
    return Known(made.work, Settings(keys=str(ring)), accepted_batches(made.work, made.policy, tmp_path), tmp_path)


def leaking(files: dict[str, bytes], known: Known) -> dict[str, int]:
    paths = {key: known.folder / "files" / key for key in files}
    for key, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[key])
    return leaking_files(paths, known)


def a_table(column: str, value: str, **notes: str) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({column: [value, value]}).replace_schema_metadata(notes), sink)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("releases/1/notes.txt", b"see zz-4711-canary for more"),
        ("releases/1/report/index.html", b"<td>ZZ-4711-Canary</td>"),
        ("releases/1/manifest.tsv", b"a\tb\n" * 300_000 + b"x\t1.2.826.99.1\n"),
        ("releases/1/manifest.txt", b"cp s3://bucket/ZZ-4711-Canary/x ."),
        ("releases/1/zz-4711-canary/notes.txt", b""),
        ("releases/1/tables/a.parquet", a_table("text", PATIENT)),
        ("releases/1/tables/b.parquet", a_table("text", "zzcanary-0001.dcm")),
        ("releases/1/notes.txt", b"from folder zzcanary_folder/x"),
        ("releases/1/notes.txt", b"Canary, 12: seen"),
        ("releases/1/tables/c.parquet", a_table("text", "none", origin=f"of {PATIENT}")),
        ("releases/1/tables/imaging_instance.parquet", a_table("sop_uid", SOP)),
    ],
)
def test_an_identifier_of_a_source_is_found_wherever_it_stands(known: Known, key: str, content: bytes) -> None:
    assert set(leaking({key: content}, known)) == {key}


def test_a_key_of_the_ring_is_found(known: Known) -> None:
    ring = parse_key_ring(Path(known.settings.key_ring).read_text(), name="test")
    for text in (ring.key.hex(), base64.b64encode(ring.key).decode()):
        assert leaking({"a.json": f'{{"key": "{text}"}}'.encode()}, known) == {"a.json": 1}


def test_what_stayed_as_it_was_and_words_and_numbers_of_ours_are_no_leaks(known: Known) -> None:
    files = {
        "a.txt": b"Unknown 1.2.840.10008.1.2 4711 imaging_study of 2026.11.01",
        "b.parquet": a_table("sop_uid", "2.25.1.1.1", note="1.2.840.10008.1.2"),
        "c.parquet": a_table("mapping_version", "2"),
        "d.parquet": a_table("field", "dose"),
    }
    assert leaking(files, known) == {}


def test_a_release_with_an_old_identifier_in_a_text_is_refused(known: Known) -> None:
    assert isinstance(known.work, type(Installation().work))
    made = Installation(work=known.work)
    batch = first_batch()
    batch.run, batch.studies = "run2", {"2.25.1": {"study_description_raw": PATIENT.replace("4711", "CT")}}
    layout = BatchLayout(*batch.name.split("/"))
    old = [{"kind": "patient", "id_old": PATIENT.replace("4711", "CT"), "id_new": "SUBJECTA"}]
    made.work.create(layout.private_run("run2", "crosswalk.parquet"), write_table(table_of(CROSSWALK, old)))
    batch.write(made.work)
    with pytest.raises(GateError, match=r"P-LINKAGE at releases/2026.11/tables/imaging_study.parquet \(1\)"):
        build_release("2026.11", context=made.context)
    assert made.contents() == {}
