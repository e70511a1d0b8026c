"""Content decides; names decide about tables alone."""

import gzip
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.dicom.recognition import Kind, is_tar, kind_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


def a_tar(*, kind: int = tarfile.USTAR_FORMAT) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        archive.addfile(tarfile.TarInfo("a"), BytesIO())
    return out.getvalue()


def an_old_tar() -> bytes:
    """A header without magic number, as before POSIX: only its checksum tells."""
    header = bytearray(a_tar()[:512])
    header[257:265] = bytes(8)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(1024)


def a_zip() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "b")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (b"", "a.dcm", Kind.EMPTY),
        (bytes(128) + b"DICM", "report.csv", Kind.DICOM),
        (b"II*\0" + bytes(124) + b"DICM", "a.tif", Kind.DICOM),
        (b"patient,age\n1,2\n", "a.csv", Kind.TABLE),
        (b"patient,age\n1,2\n", "A.TSV", Kind.TABLE),
        (b"patient,age\n1,2\n", "a.dcm", Kind.OTHER),
        (b'{"a": 1}', "a.json", Kind.TABLE),
        (b"PAR1" + bytes(40), "a.parquet", Kind.TABLE),
        (PNG, "a.png", Kind.OTHER),
        (PNG, "a.dcm", Kind.OTHER),
        (bytes(2000), "zeros", Kind.OTHER),
        (b"\x08\x00", "short", Kind.OTHER),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR", "cut in its first value", Kind.OTHER),
        (b"\x08\x00\x99\x99CS\x02\x00AB", "unknown tag", Kind.OTHER),
        (b"\x08\x00\x05\x00PN\x02\x00AB", "wrong VR", Kind.OTHER),
        (b"\x08\x00\x16\x00UI\x02\x001\x00\x08\x00\x05\x00CS\x02\x00AB", "descending", Kind.OTHER),
        (b"\x08\x00\x05\x00CS\x02\x00AB", "explicit little", Kind.DICOM),
        (b"\x08\x00\x05\x00\x02\x00\x00\x00AB", "implicit little", Kind.DICOM),
        (b"\x00\x08\x00\x05CS\x00\x02AB", "explicit big", Kind.DICOM),
        (b"\x08\x00\x00\x00\x04\x00\x00\x00\x0a\x00\x00\x00\x08\x00\x05\x00\x02\x00\x00\x00AB", "length", Kind.DICOM),
        (b"\x02\x00\x10\x00UI\x02\x001\x00", "meta without preamble", Kind.DICOM),
        (a_zip(), "a.dcm", Kind.ZIP),
        (a_zip(), "a.xlsx", Kind.TABLE),
        (gzip.compress(b"a"), "a", Kind.GZIP),
        (a_tar(), "a", Kind.TAR),
        (an_old_tar(), "a", Kind.TAR),
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), "a", Kind.UNOPENED_ARCHIVE),
        (b"Rar!\x1a\x07\x00" + bytes(20), "a", Kind.UNOPENED_ARCHIVE),
        (b"BZh91AY" + bytes(20), "a", Kind.UNOPENED_ARCHIVE),
    ],
)
def test_an_object_is_what_its_content_is(content: bytes, name: str, kind: Kind) -> None:
    assert kind_of(content, name) is kind


def test_real_files_are_told_apart(real: Callable[[str], bytes], real_names: list[str]) -> None:
    kinds = {name: kind_of(real(name), name) for name in real_names}
    others = {name: kind for name, kind in kinds.items() if kind is not Kind.DICOM}
    assert others == {
        "DICOMDIR": Kind.DICOMDIR,
        "DICOMDIR-bigEnd": Kind.DICOMDIR,
        "DICOMDIR-empty.dcm": Kind.DICOMDIR,
        "DICOMDIR-implicit": Kind.DICOMDIR,
        "DICOMDIR-nooffset": Kind.DICOMDIR,
        "DICOMDIR-nopatient": Kind.DICOMDIR,
        "DICOMDIR-reordered": Kind.DICOMDIR,
        "README": Kind.OTHER,
        "README.txt": Kind.OTHER,
        "crayons.icc": Kind.OTHER,
        "no_meta.dcm": Kind.OTHER,  # begins with a stray byte
        "rtplan.dump": Kind.OTHER,
        "rtstruct.dump": Kind.OTHER,
        "test1.json": Kind.TABLE,
        "test_PN.json": Kind.TABLE,
        "zipMR.gz": Kind.GZIP,
    }


def test_a_broken_file_meta_is_still_dicom() -> None:
    assert kind_of(bytes(128) + b"DICM" + b"\x02\x00\x10\x00UI\xff\xff", "a") is Kind.DICOM


@given(st.binary(max_size=600))
def test_any_bytes_are_some_kind(content: bytes) -> None:
    assert kind_of(content, "a") in Kind


def test_a_damaged_tar_is_a_tar_by_its_magic_number() -> None:
    assert is_tar(a_tar()[:100] + b"9" + a_tar()[101:])
