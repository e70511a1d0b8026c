"""Declarations in every form, sound and wrong."""

import hashlib
import json

import pytest

from tasks.errors import BatchNotReadyError
from tasks.intake.declaration import Declared, Form, form_of, merge_declarations, parse_declaration

SHA = hashlib.sha256(b"a").hexdigest()
MD5 = hashlib.md5(b"a", usedforsecurity=False).hexdigest()


def of_json(*files: object) -> bytes:
    return json.dumps({"files": list(files)}).encode()


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("declaration.json", Form.JSON),
        ("Declaration.JSON", Form.JSON),
        ("image_manifest_RSNA_20210101.tsv", Form.TSV),
        ("manifest.csv", Form.CSV),
        ("SHA256SUMS", Form.CHECKSUMS),
        ("sha256sum.txt", Form.CHECKSUMS),
        ("md5sums", Form.CHECKSUMS),
        ("manifest-md5.txt", Form.CHECKSUMS),
        ("patients.csv", None),
        ("md5", None),
        ("declaration.json.bak", None),
        ("_COMPLETE", None),
    ],
)
def test_a_declaration_is_known_by_its_name(path: str, form: Form | None) -> None:
    assert form_of(path) is form


def test_a_declaration_lies_at_the_root_of_its_batch() -> None:
    assert form_of("images/declaration.json") is None
    assert form_of("images/manifest.tsv") is None


def test_json_declares_what_it_knows() -> None:
    content = of_json({"path": "a/1.dcm", "size_bytes": 7, "sha256": SHA.upper(), "md5": MD5}, {"path": "b"})
    assert parse_declaration(Form.JSON, content) == {
        "a/1.dcm": Declared("a/1.dcm", 7, SHA, MD5),
        "b": Declared("b"),
    }


def test_a_table_in_the_style_of_rsna_is_read_by_its_columns() -> None:
    content = f"""file_name\tmd5sum\tacl\tfile_size\tcase_ids
data/c1/1.dcm\t{MD5}\t['open']\t12\tc1

./data/c1/2.dcm\t\t\t\tc1
""".encode()
    assert parse_declaration(Form.TSV, content) == {
        "data/c1/1.dcm": Declared("data/c1/1.dcm", 12, None, MD5),
        "data/c1/2.dcm": Declared("data/c1/2.dcm"),
    }


def test_a_comma_separated_table_with_a_byte_order_mark_is_read() -> None:
    content = f'Path,SHA256\n"a, b.dcm",{SHA}\n'.encode("utf-8-sig")
    assert parse_declaration(Form.CSV, content) == {"a, b.dcm": Declared("a, b.dcm", None, SHA, None)}


def test_checksum_lists_are_read_as_the_tools_write_them() -> None:
    content = f"{SHA}  ./a.dcm\n{MD5} *b c.dcm\n\\{MD5}  odd\\\\na\\nme\n\n".encode()
    assert parse_declaration(Form.CHECKSUMS, content) == {
        "a.dcm": Declared("a.dcm", None, SHA, None),
        "b c.dcm": Declared("b c.dcm", None, None, MD5),
        "odd\\na\nme": Declared("odd\\na\nme", None, None, MD5),
    }


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (Form.JSON, b"ZZCANARY"),
        (Form.JSON, b"\xff\xfeZZCANARY"),
        (Form.JSON, b'["ZZCANARY"]'),
        (Form.JSON, b"12"),
        (Form.JSON, b'{"files": {"ZZCANARY": 1}}'),
        (Form.JSON, b'{"files": [], "ZZCANARY": 1}'),
        (Form.TSV, b""),
        (Form.TSV, b"ZZCANARY\tname\n"),
        (Form.TSV, b"path\tfile_name\nZZCANARY\ta\n"),
        (Form.CSV, b'path\n"ZZCANARY\n'),
    ],
)
def test_what_is_not_of_its_form_cannot_be_read_and_is_not_quoted(form: Form, content: bytes) -> None:
    with pytest.raises(BatchNotReadyError, match="cannot be read") as caught:
        parse_declaration(form, content)
    assert "ZZCANARY" not in f"{caught.value}{caught.value.next_step}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "file",
    [
        {"path": "ZZCANARY", "size_bytes": -1},
        {"path": "ZZCANARY", "size_bytes": "12"},
        {"path": "ZZCANARY", "size_bytes": True},
        {"path": "ZZCANARY", "sha256": MD5},
        {"path": "ZZCANARY", "md5": 7},
        {"path": "ZZCANARY", "ZZCANARY": 1},
        {"path": 3},
        {"path": "/ZZCANARY"},
        {"path": "../ZZCANARY"},
        {"path": "a//ZZCANARY"},
        {"path": ""},
        {"size_bytes": 3},
        "ZZCANARY",
    ],
)
def test_a_wrong_entry_is_counted_and_not_quoted(file: object) -> None:
    with pytest.raises(BatchNotReadyError, match="wrong in 1 of 2 entries, first in entry 2") as caught:
        parse_declaration(Form.JSON, of_json({"path": "a"}, file))
    assert "ZZCANARY" not in str(caught.value)


@pytest.mark.parametrize("row", ["a,b", "a,1,2", "a,ZZCANARY", "a,-1", "a,1e3"])
def test_a_row_of_another_width_or_with_a_wrong_size_is_wrong(row: str) -> None:
    content = f"path,size,note\n{row}{',' if row.count(',') < 2 and row != 'a,b' else ''}\n"
    if row == "a,1,2":
        assert parse_declaration(Form.CSV, content.encode()) == {"a": Declared("a", 1)}
        return
    with pytest.raises(BatchNotReadyError, match="wrong in 1 of 1 entries"):
        parse_declaration(Form.CSV, content.encode())


def test_a_line_that_is_no_checksum_is_wrong() -> None:
    with pytest.raises(BatchNotReadyError, match="checksum list of the batch is wrong in 1 of 2"):
        parse_declaration(Form.CHECKSUMS, f"{SHA}  a\nZZCANARY\n".encode())


def test_a_declaration_without_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.intake.declaration.MAX_BYTES", 3)
    with pytest.raises(BatchNotReadyError, match="larger than 3 bytes"):
        parse_declaration(Form.JSON, b"{   }")


def test_declarations_of_one_batch_are_merged() -> None:
    images = {"a": Declared("a", 1, None, None), "b": Declared("b")}
    digests = {"a": Declared("a", None, SHA, MD5)}
    assert merge_declarations([images, digests]) == {"a": Declared("a", 1, SHA, MD5), "b": Declared("b")}
    assert merge_declarations([]) == {}


def test_two_declarations_that_contradict_are_refused() -> None:
    with pytest.raises(BatchNotReadyError, match="two different things about 1 of its files"):
        merge_declarations([{"a": Declared("a", 1)}, {"a": Declared("a", 2)}])
    with pytest.raises(BatchNotReadyError, match="two different things"):
        parse_declaration(Form.JSON, of_json({"path": "a", "size_bytes": 1}, {"path": "a", "size_bytes": 2}))
