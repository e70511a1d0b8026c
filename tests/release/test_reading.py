import json
from dataclasses import replace

import pytest

from tasks.errors import VerificationError
from tasks.release.build import build_release
from tasks.release.model import ReleasedFile
from tasks.release.reading import committed, open_tables, read_pointer
from tests.release.batches import Installation

COMMIT = "releases/2026.11/_COMMIT.json"


def overwrite(installation: Installation, key: str, data: bytes) -> None:
    installation.release.delete(key)
    installation.release.create(key, data)


def test_the_current_release_is_opened_when_none_is_named(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    build_release("2026.12", context=installation.context)
    assert open_tables(installation.release, names=["release"])["release"]["release_version"].to_pylist() == ["2026.12"]
    named = open_tables(installation.release, "2026.11", ["release"])["release"]
    assert named["release_version"].to_pylist() == ["2026.11"]


def test_nothing_released_and_no_such_release_are_said(installation: Installation) -> None:
    with pytest.raises(VerificationError, match="nothing was released"):
        open_tables(installation.release)
    with pytest.raises(VerificationError, match=r"no release 2026\.11"):
        open_tables(installation.release, "2026.11")


def test_a_table_with_another_digest_is_not_opened(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    overwrite(installation, "releases/2026.11/tables/subject.parquet", b"tampered")
    with pytest.raises(VerificationError, match=r"tables/subject\.parquet does not have the digest"):
        open_tables(installation.release)


def test_a_table_that_a_release_does_not_have_is_said(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    with pytest.raises(VerificationError, match="has no table harvest"):
        open_tables(installation.release, names=["subject", "harvest"])


@pytest.mark.parametrize("content", [b"{}", b"no JSON", b"[1]", b'{"files": [{}]}'])
def test_a_damaged_commit_is_no_commit(installation: Installation, content: bytes) -> None:
    build_release("2026.11", context=installation.context)
    overwrite(installation, COMMIT, content)
    with pytest.raises(VerificationError, match=r"_COMMIT\.json is damaged"):
        committed(installation.release, None)


def test_a_commit_in_another_form_or_of_another_release_is_no_commit(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    content = installation.release.read(COMMIT)
    overwrite(installation, COMMIT, json.dumps(json.loads(content)).encode())
    with pytest.raises(VerificationError, match="damaged"):
        committed(installation.release, "2026.11")
    installation.release.create("releases/2026.12/_COMMIT.json", content)
    with pytest.raises(VerificationError, match="damaged"):
        committed(installation.release, "2026.12")


@pytest.mark.parametrize("content", [b"{}", b"no JSON", b"[]"])
def test_a_damaged_pointer_is_said(installation: Installation, content: bytes) -> None:
    installation.release.create("current.json", content)
    with pytest.raises(VerificationError, match=r"current\.json is damaged"):
        read_pointer(installation.release)


@pytest.mark.parametrize("key", ["/etc/hosts", "releases/2026.11/../../x", "releases/2026.11//x", "data/x"])
def test_a_commit_that_names_a_file_outside_of_its_release_is_no_commit(installation: Installation, key: str) -> None:
    build_release("2026.11", context=installation.context)
    commit = committed(installation.release, None)
    forged = replace(commit, files=(*commit.files, ReleasedFile(key, 1, "0" * 64)))
    overwrite(installation, COMMIT, forged.to_bytes())
    with pytest.raises(VerificationError, match=r"_COMMIT\.json is damaged"):
        committed(installation.release, None)
