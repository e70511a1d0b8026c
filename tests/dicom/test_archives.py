"""Every member of an archive is one row, and no archive takes more than its limits allow."""

import gzip
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import ArchiveLimits
from tasks.dicom import archives
from tasks.dicom.archives import unpack

DICOM = bytes(128) + b"DICM" + b"ZZCANARY"
LIMITS = ArchiveLimits()


def a_zip(members: Iterable[tuple[str, bytes]], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return out.getvalue()


def a_tar(members: Iterable[tuple[str, bytes]], *, mode: str = "w") -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    return out.getvalue()


def a_tar_gz(members: Iterable[tuple[str, bytes]]) -> bytes:
    return gzip.compress(a_tar(members))


def rows(content: bytes, limits: ArchiveLimits = LIMITS, name: str = "b/x") -> list[tuple[str, str]]:
    """Name and rule of every row; the rule of an object to work on is ``-``."""
    return [(member.name, member.rule_id or "-") for member in unpack(name, content, limits)]


def table(text: str) -> list[tuple[str, str]]:
    lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return [(name, rule) for name, rule in lines]


FORMS = pytest.mark.parametrize("form", [a_zip, a_tar, a_tar_gz], ids=["zip", "tar", "tar.gz"])
MEMBERS = [("1.dcm", DICOM), ("dir/2", DICOM), ("a.csv", b"a,b"), ("a.txt", b"text"), ("empty", b"")]


@pytest.mark.parametrize(
    ("content", "name", "rule"),
    [
        (DICOM, "x.zip", "-"),
        (b"", "x.dcm", "IN-EMPTY"),
        (b"text", "x.dcm", "IN-NOT-DICOM"),
        (b"a,b", "x.csv", "IN-TABLE"),
        (b"BZh9" + bytes(9), "x.tar.bz2", "IN-ARCHIVE-KIND"),
    ],
)
def test_what_is_no_archive_is_one_row(content: bytes, name: str, rule: str) -> None:
    assert rows(content, name=name) == [(name, rule)]


@FORMS
def test_every_member_is_one_row_and_the_archive_comes_last(form: Callable[..., bytes]) -> None:
    assert rows(form(MEMBERS)) == table("""
        b/x!1.dcm | -
        b/x!dir/2 | -
        b/x!a.csv | IN-TABLE-IN-ARCHIVE
        b/x!a.txt | IN-NOT-DICOM
        b/x!empty | IN-EMPTY
        b/x       | IN-ARCHIVE""")


@FORMS
def test_members_come_with_their_bytes_and_sizes(form: Callable[..., bytes]) -> None:
    first = next(unpack("x", form(MEMBERS), LIMITS))
    assert (first.content, first.size_bytes) == (DICOM, len(DICOM))
    assert "ZZCANARY" not in repr(first)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@FORMS
def test_repeated_names_are_numbered(form: Callable[..., bytes]) -> None:
    names = ["a", "a", "a#2", "a", "a#2"]
    assert rows(form([(name, DICOM) for name in names])) == table("""
        b/x!a     | -
        b/x!a#2   | -
        b/x!a#2#2 | -
        b/x!a#3   | -
        b/x!a#2#3 | -
        b/x       | IN-ARCHIVE""")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_number_that_is_taken_is_passed_over() -> None:
    assert [name for name, _ in rows(a_zip([(name, DICOM) for name in ("a#2", "a", "a")]))] == [
        "b/x!a#2",
        "b/x!a",
        "b/x!a#3",
        "b/x",
    ]


@FORMS
def test_names_are_only_names(form: Callable[..., bytes]) -> None:
    assert rows(form([("../../etc/passwd", DICOM), ("/abs", DICOM)]))[:2] == table("""
        b/x!../../etc/passwd | -
        b/x!/abs             | -""")


def test_folders_are_no_members() -> None:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        folder = tarfile.TarInfo("dir")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    assert rows(out.getvalue()) == [("b/x", "IN-ARCHIVE")]
    assert rows(a_zip([("dir/", b""), ("hidden/", b"x")])) == table("""
        b/x!hidden/ | IN-NOT-DICOM
        b/x         | IN-ARCHIVE""")


def test_names_that_are_no_text_are_spelt_out() -> None:
    content = a_tar([("a\udcff", DICOM)])
    assert rows(content)[0] == (r"b/x!a\xff", "-")


def test_links_and_devices_are_rows_of_their_own() -> None:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (("s", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE), ("d", tarfile.BLKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    zipped = BytesIO()
    with zipfile.ZipFile(zipped, "w") as packed:
        link = zipfile.ZipInfo("s")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, "/etc/passwd")
    assert {rule for _, rule in rows(out.getvalue())[:-1]} == {"IN-LINK"}
    assert len(rows(out.getvalue())) == 4
    assert rows(zipped.getvalue()) == [("b/x!s", "IN-LINK"), ("b/x", "IN-ARCHIVE")]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (2, "b/x!a!a | - ; b/x!a | IN-ARCHIVE ; b/x | IN-ARCHIVE"),
        (3, "b/x!a!a | IN-ARCHIVE-LIMIT ; b/x!a | IN-ARCHIVE ; b/x | IN-ARCHIVE"),
    ],
)
def test_archives_in_archives_are_opened_to_a_depth(depth: int, expected: str) -> None:
    content = DICOM
    for _ in range(depth):
        content = a_zip([("a", content)])
    assert rows(content) == table(expected.replace(";", "\n"))


@pytest.mark.parametrize(
    ("name", "member"),
    [("b/x.GZ", "b/x.GZ!x"), ("b/x", "b/x!x"), ("b/.gz", "b/.gz!.gz"), ("b/x.csv.gz", "b/x.csv.gz!x.csv")],
)
def test_a_gzip_of_one_file_has_one_member(name: str, member: str) -> None:
    assert rows(gzip.compress(DICOM), name=name) == [(member, "-"), (name, "IN-ARCHIVE")]


def test_encrypted_members_are_held() -> None:
    content = bytearray(a_zip([("a", DICOM), ("b", DICOM)]))
    first = content.find(b"PK\x01\x02")
    content[first + 8] |= 1
    assert rows(bytes(content)) == table("""
        b/x!a | IN-ARCHIVE-ENCRYPTED
        b/x!b | -
        b/x   | IN-ARCHIVE""")


def test_members_of_an_unknown_method_are_held() -> None:
    content = a_zip([("a", DICOM)], method=zipfile.ZIP_STORED)
    first = content.find(b"PK\x01\x02")
    deflate64 = struct.pack("<H", 9)
    content = content[:8] + deflate64 + content[10 : first + 10] + deflate64 + content[first + 12 :]
    assert rows(content)[0] == ("b/x!a", "IN-ARCHIVE-KIND")


def test_a_damaged_member_does_not_spoil_the_others() -> None:
    content = a_zip([("a", DICOM), ("b", DICOM)], method=zipfile.ZIP_STORED)
    assert rows(content.replace(b"ZZCANARY", b"YYCANARY", 1)) == table("""
        b/x!a | IN-ARCHIVE-BAD
        b/x!b | -
        b/x   | IN-ARCHIVE""")


def test_a_member_that_is_shorter_than_it_says_is_bad() -> None:
    content = bytearray(a_zip([("a", DICOM)], method=zipfile.ZIP_DEFLATED))
    first = content.find(b"PK\x01\x02")
    content[first + 24 : first + 28] = struct.pack("<L", len(DICOM) + 5)
    assert rows(bytes(content))[0] == ("b/x!a", "IN-ARCHIVE-BAD")


@FORMS
def test_a_truncated_archive_is_rejected_and_keeps_what_was_read(form: Callable[..., bytes]) -> None:
    noise = bytes(range(256)) * 60
    content = form([("a", DICOM), ("b", DICOM + noise), ("c", DICOM + noise[::-1])])
    for cut in range(300, len(content.rstrip(b"\0")) - 30, 997):
        assert rows(content[:cut])[-1] == ("b/x", "IN-ARCHIVE-BAD")


def test_a_tar_that_ends_between_two_members_is_rejected() -> None:
    content = a_tar([("a", DICOM), ("b", DICOM)])
    assert rows(content[:1024]) == [("b/x!a", "-"), ("b/x", "IN-ARCHIVE-BAD")]


def test_a_damaged_header_is_not_taken_for_the_end() -> None:
    content = bytearray(a_tar([("a", DICOM), ("b", DICOM)]))
    content[1024 + 3] ^= 1
    assert rows(bytes(content)) == [("b/x!a", "-"), ("b/x", "IN-ARCHIVE-BAD")]


def test_padding_behind_a_tar_is_read_to_the_checksum() -> None:
    content = gzip.compress(a_tar([("a", DICOM)]) + bytes(3_000_000))
    assert rows(content) == [("b/x!a", "-"), ("b/x", "IN-ARCHIVE")]
    assert rows(content[:-5]) == [("b/x!a", "-"), ("b/x", "IN-ARCHIVE-BAD")]


def test_a_wrong_checksum_behind_a_tar_gz_is_found() -> None:
    content = bytearray(a_tar_gz([("a", DICOM)]))
    content[-6] ^= 1
    assert rows(bytes(content))[-1] == ("b/x", "IN-ARCHIVE-BAD")


BOMB = b"\0" * 3_000_000


@FORMS
@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (ArchiveLimits(max_members=1), "b/x!a | IN-NOT-DICOM ; b/x | IN-ARCHIVE-LIMIT"),
        (
            ArchiveLimits(max_member_bytes=1000),
            "b/x!a | IN-ARCHIVE-LIMIT ; b/x!b | IN-ARCHIVE-LIMIT ; b/x | IN-ARCHIVE",
        ),
    ],
)
def test_limits_of_members(form: Callable[..., bytes], limits: ArchiveLimits, expected: str) -> None:
    assert rows(form([("a", BOMB), ("b", BOMB)]), limits) == table(expected.replace(";", "\n"))


@pytest.mark.parametrize("form", [a_zip, a_tar_gz], ids=["zip", "tar.gz"])
def test_the_inflated_total_is_limited(form: Callable[..., bytes]) -> None:
    found = rows(form([("a", BOMB), ("b", BOMB)]), ArchiveLimits(max_total_bytes=4_000_000))
    assert found == [("b/x!a", "IN-NOT-DICOM"), ("b/x", "IN-ARCHIVE-LIMIT")]


@pytest.mark.parametrize("form", [a_zip, a_tar_gz], ids=["zip", "tar.gz"])
def test_the_ratio_is_limited_from_a_size_on(form: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    content = form([("a", BOMB), ("b", BOMB)])
    assert rows(content)[-1] == ("b/x", "IN-ARCHIVE")
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM", 4_000_000)
    assert rows(content)[-1] == ("b/x", "IN-ARCHIVE-LIMIT")


def test_a_bomb_in_a_gzip_is_not_inflated_past_its_limit() -> None:
    assert rows(gzip.compress(BOMB), ArchiveLimits(max_member_bytes=1000), name="b.gz") == [
        ("b.gz!b", "IN-ARCHIVE-LIMIT"),
        ("b.gz", "IN-ARCHIVE"),
    ]
    assert rows(gzip.compress(BOMB), ArchiveLimits(max_total_bytes=1000), name="b.gz") == [("b.gz", "IN-ARCHIVE-LIMIT")]


def test_nested_archives_share_one_budget() -> None:
    inner = a_zip([("a", BOMB)])
    found = rows(a_zip([("1", inner), ("2", inner)]), ArchiveLimits(max_total_bytes=4_000_000))
    assert found[-2:] == [("b/x!2", "IN-ARCHIVE-LIMIT"), ("b/x", "IN-ARCHIVE")]


def test_sparse_members_of_a_tar_count_with_what_they_inflate_to() -> None:
    header = tarfile.TarInfo("a")
    header.size = 512
    header.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (0, 512)
    block[483:495] = b"%011o\0" % 50_000_000
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    content = bytes(block) + bytes(512) + bytes(1024)
    assert rows(content, ArchiveLimits(max_total_bytes=1_000_000)) == [("b/x", "IN-ARCHIVE-LIMIT")]


@FORMS
@given(data=st.data())
def test_a_damaged_archive_never_raises(form: Callable[..., bytes], data: st.DataObject) -> None:
    content = bytearray(form(MEMBERS))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    names = [member.name for member in unpack("x", bytes(content), LIMITS)]
    assert names[-1] == "x"
    assert len(set(names)) == len(names)
