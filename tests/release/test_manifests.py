import csv
import hashlib
import json
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.release import manifests as module
from tasks.release.build import build_release
from tasks.release.manifests import joined, manifests
from tasks.release.reading import committed, open_tables
from tasks.release.rows import batches_of
from tests.release.batches import ADDRESS, Installation, first_batch, second_batch

WEB = "https://open-chest.example.org/collection"
FOLDER = "releases/2026.11/manifests/"
Entry = tuple[str, int, str, str]  # key, size, sha256, md5


@pytest.fixture(scope="module")
def published() -> Installation:
    """A release with both addresses."""
    both = Installation().with_policy(web_address=WEB)
    first_batch().write(both.work)
    second_batch().write(both.work)
    build_release("2026.11", context=both.context)
    return both


def text(installation: Installation, name: str) -> list[str]:
    return installation.contents()[f"{FOLDER}{name}"].decode().splitlines()


def objects(installation: Installation) -> list[Entry]:
    """What really lies in the bucket, in the order of the checksums."""
    keys = [line.split("  ")[1] for line in text(installation, "bag/manifest-sha256.txt")]
    found = [(key, installation.release.read(key)) for key in keys]
    return [
        (key, len(data), hashlib.sha256(data).hexdigest(), hashlib.md5(data, usedforsecurity=False).hexdigest())
        for key, data in found
    ]


def test_checksums_name_every_object_with_the_digest_of_its_bytes(published: Installation) -> None:
    assert text(published, "bag/manifest-sha256.txt") == [f"{sha}  {key}" for key, _, sha, _ in objects(published)]
    assert {key for key, *_ in objects(published)} == {key for key in published.contents() if key.startswith("data/")}


def test_s5cmd_brings_every_object_to_the_path_that_the_checksums_name(published: Installation) -> None:
    assert text(published, "s5cmd.txt") == [f"cp {ADDRESS}/{key} {key}" for key, *_ in objects(published)]


def test_curl_fetches_every_object_to_the_same_path(published: Installation) -> None:
    lines = [line for line in text(published, "curl.txt") if " = " in line]
    pairs = [(url.split('"')[1], path.split('"')[1]) for url, path in zip(lines[::2], lines[1::2], strict=True)]
    assert pairs == [(f"{WEB}/{key}", key) for key, *_ in objects(published)]


def test_aria2_fetches_every_object_to_the_same_path_and_checks_it(published: Installation) -> None:
    lines = text(published, "aria2.txt")
    entries = [tuple(lines[start : start + 3]) for start in range(0, len(lines), 3)]
    assert entries == [
        (f"{WEB}/{key}", f"  out={key}", f"  checksum=sha-256={sha}") for key, _, sha, _ in objects(published)
    ]


def test_a_bag_can_fetch_every_object_of_its_payload(published: Installation) -> None:
    assert text(published, "bag/fetch.txt") == [f"{WEB}/{key} {size} {key}" for key, size, *_ in objects(published)]
    sizes = [size for _, size, *_ in objects(published)]
    assert f"Payload-Oxum: {sum(sizes)}.{len(sizes)}" in text(published, "bag/bag-info.txt")
    assert text(published, "bag/bagit.txt") == ["BagIt-Version: 1.0", "Tag-File-Character-Encoding: UTF-8"]


def test_checksums_are_read_by_the_usual_tool(published: Installation, tmp_path: Path) -> None:
    for key, *_ in objects(published):
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(published.release.read(key))
    lines = published.contents()[f"{FOLDER}bag/manifest-sha256.txt"]
    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet"], cwd=tmp_path, input=lines, check=False)
    assert done.returncode == 0


def test_gen3_index_rows_say_what_the_table_says(published: Installation) -> None:
    rows = list(csv.DictReader(text(published, "gen3_indexd.tsv"), delimiter="\t"))
    table = open_tables(published.release)["imaging_instance"].to_pylist()
    assert [(row["guid"], row["authz"], row["acl"]) for row in rows] == [(row["guid"], "/open", "*") for row in table]
    assert [(row["urls"].split(), int(row["size"]), row["md5"]) for row in rows] == [
        ([f"{ADDRESS}/{key}", f"{WEB}/{key}"], size, md5) for key, size, _, md5 in objects(published)
    ]


def test_the_manifest_of_the_gen3_client_says_what_the_index_says(published: Installation) -> None:
    entries = json.loads("\n".join(text(published, "gen3_manifest.json")))
    rows = csv.DictReader(text(published, "gen3_indexd.tsv"), delimiter="\t")
    assert [(one["object_id"], one["md5sum"], one["file_size"]) for one in entries] == [
        (row["guid"], row["md5"], int(row["size"])) for row in rows
    ]
    assert [one["file_name"] for one in entries] == [key for key, *_ in objects(published)]


def test_controlled_access_is_open_to_no_list(installation: Installation) -> None:
    closed = installation.with_policy(access_level="controlled", authz=("/programs/a", "/programs/b"))
    build_release("2026.11", context=closed.context)
    rows = list(csv.DictReader(text(closed, "gen3_indexd.tsv"), delimiter="\t"))
    assert {(row["authz"], row["acl"]) for row in rows} == {("/programs/a /programs/b", "")}


def test_urls_are_the_public_addresses_and_the_key(published: Installation) -> None:
    rows = open_tables(published.release)["imaging_instance"].to_pylist()
    assert all(row["urls"] == [f"{ADDRESS}/{row['key']}", f"{WEB}/{row['key']}"] for row in rows)


def test_a_store_that_is_no_bucket_gives_no_addresses(installation: Installation) -> None:
    private = installation.with_policy(address="")
    build_release("2026.11", context=private.context)
    names = {key.removeprefix(FOLDER) for key in private.contents() if key.startswith(FOLDER)}
    assert not names & {"s5cmd.txt", "curl.txt", "aria2.txt", "bag/fetch.txt"}
    assert set(map(tuple, open_tables(private.release)["imaging_instance"]["urls"].to_pylist())) == {()}


def test_options_of_an_address_are_not_published(installation: Installation) -> None:
    bucket = installation.with_policy(address="")
    bucket.release.address = "s3://open-chest/?endpoint_url=http://127.0.0.1:1"
    build_release("2026.11", context=bucket.context)
    assert text(bucket, "s5cmd.txt")[0].startswith("cp s3://open-chest/data/")


def test_the_series_list_has_a_row_for_each_series(published: Installation) -> None:
    rows = list(csv.DictReader(text(published, "hub_series.tsv"), delimiter="\t"))
    tables = open_tables(published.release)
    assert [(row["patient_id"], row["study_uid"], row["series_uid"], row["modality"]) for row in rows] == [
        (row["subject_id"], row["study_uid"], row["series_uid"], row["modality"])
        for row in tables["imaging_series"].to_pylist()
    ]
    assert {(row["license"], row["age"], row["sex"]) for row in rows} == {
        ("CC-BY-4.0", "61", "Female"),
        ("CC-BY-4.0", "61", "Male"),
    }


@given(st.lists(st.text("abc\n é", max_size=5)), st.integers(1, 4))
def test_texts_in_pieces_are_joined_as_one(texts: Sequence[str], size: int) -> None:
    chunks = [pa.array(texts[start : start + size], pa.string()) for start in range(0, len(texts), size)]
    assert joined(pa.chunked_array(chunks, pa.string()).combine_chunks(), ",\n") == ",\n".join(texts).encode()


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_where_a_manifest_is_cut_does_not_show(
    published: Installation, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(module, "batches_of", partial(batches_of, at_once=at_once))
    instances = open_tables(published.release)["imaging_instance"]
    for name, pieces in manifests(instances, committed(published.release, None).about):
        assert b"".join(pieces) == published.contents()[f"releases/2026.11/{name}"]


def test_a_release_without_instances_has_manifests_without_entries(published: Installation) -> None:
    about = committed(published.release, None).about
    none = open_tables(published.release)["imaging_instance"].slice(0, 0)
    made = {name.removeprefix("manifests/"): b"".join(pieces) for name, pieces in manifests(none, about)}
    assert json.loads(made["gen3_manifest.json"]) == []
    assert (made["s5cmd.txt"], made["gen3_indexd.tsv"].count(b"\n")) == (b"", 1)
