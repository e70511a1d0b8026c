"""The leak search finds a text however it is packed, and nothing that is not there."""

import gzip
import io
import json
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.oracle.leaks import CHUNK, _Needles, leaks

NEEDLE = "ZZCANARY"


def parquet(text: str, *, metadata: str = "") -> bytes:
    table = pa.table({"value": [text, None]}).replace_schema_metadata({"note": metadata or "none"})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def deflated(text: str) -> bytes:
    dataset, buffer = Dataset(), io.BytesIO()
    dataset.PatientName = text
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def database(value: str | bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER, parameters)")
        connection.execute("INSERT INTO runs VALUES (1, ?)", (value,))
        connection.commit()
        return connection.serialize()


def zipped(name: str, content: bytes, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        archive.comment = comment
    return buffer.getvalue()


def tarred(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        member = tarfile.TarInfo("folder/a")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "packed",
    [
        lambda text: text.encode(),
        lambda text: text.lower().encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-be"),
        parquet,
        lambda text: parquet("clean", metadata=text),
        deflated,
        database,
        lambda text: database(gzip.compress(text.encode())),
        lambda text: zipped("a", text.encode()),
        lambda text: zipped(text, b""),
        lambda text: zipped("a", b"", comment=text.encode()),
        lambda text: zipped("a.parquet", parquet(text)),
        lambda text: tarred(text.encode()),
        lambda text: gzip.compress(gzip.compress(text.encode())),
    ],
)
def test_a_text_is_found_however_it_is_packed(packed: Callable[[str], bytes]) -> None:
    objects = [("one", b"clean"), ("two", packed(f"before {NEEDLE} after"))]
    found = leaks(objects, ["not there", NEEDLE])
    assert {index for _, index in found} == {1}
    assert all(where.startswith("two") for where, _ in found)
    assert leaks([("two", packed("before CANARYZZ after"))], [NEEDLE]) == []


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "Äneas^Rüdiger"),
        ("latin-1", "Äneas^Rüdiger"),
        ("iso2022-jp", "山田^太郎"),
        ("shift-jis", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("euc-kr", "김희중"),
        ("gb18030", "王^小东"),
        ("iso8859-5", "Щедрин^Юлий"),
        ("iso8859-7", "Διονυσιος"),
        ("iso8859-8", "שרון^דבורה"),
        ("iso8859-6", "قباني^لنزار"),
        ("utf-16-le", "洪^吉洞"),
    ],
)
def test_a_name_is_found_in_the_encodings_of_dicom(encoding: str, name: str) -> None:
    assert leaks([("a", b"PN" + name.encode(encoding) + b"\\")], [name]) == [("a", 0)]


def test_escapes_do_not_hide_a_name() -> None:
    name = "山田^太郎"
    as_json = json.dumps({"name": name}).encode()
    for data in (
        as_json,
        b'{"a": 1}\n' + as_json,
        b"/runs?name=%E5%B1%B1%E7%94%B0%5E%E5%A4%AA%E9%83%8E",
        b"<p>&#23665;&#30000;^&#22826;&#37070;",
    ):
        assert leaks([("a", data)], [name]), data


def test_a_key_is_searched_as_well() -> None:
    assert leaks([("batches/ZZCANARY/x", b"")], [NEEDLE]) == [("batches/ZZCANARY/x (its key)", 0)]


def test_needles_at_the_seams_of_chunks_are_found() -> None:
    needle = NEEDLE.encode()
    for start in range(CHUNK - 9, CHUNK + 2):
        assert leaks([("a", b"x" * start + needle + b"x")], [NEEDLE]) == [("a", 0)]
    assert leaks([("a", needle)], [NEEDLE]) == [("a", 0)]
    assert leaks([("a", needle[:-1])], [NEEDLE]) == []


def test_short_needles_are_searched_and_too_short_ones_refused() -> None:
    assert leaks([("a", b"xxabcxx")], ["abc"]) == [("a", 0)]
    for needle in ("ab", ""):
        with pytest.raises(ValueError, match="too short"):
            leaks([], [needle])


texts = st.text(alphabet="abc", min_size=3, max_size=8)


@given(st.text(alphabet="abc", max_size=60), st.lists(texts, max_size=8))
def test_the_fast_lookup_agrees_with_the_plain_one(data: str, needles: list[str]) -> None:
    plain = {index for index, needle in enumerate(needles) if needle in data}
    assert _Needles(needles).found_in(data.encode()) == plain
