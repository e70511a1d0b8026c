"""The same release on every kind of store, and two builders at once on a real server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pandas as pd
import pytest
from pyarrow import dataset

from config.settings import S3Options
from config.signing import write_signing_key
from tasks.release.build import build_release
from tasks.release.download import download
from tasks.release.filters import Choice
from tasks.release.reading import open_tables
from tasks.release.sweep import sweep_release, sweep_work
from tasks.release.verify import verify_release
from tasks.release.withdraw import withdraw
from tasks.release.withdrawn import Withdrawal
from tasks.store import Store
from tasks.store.local import LocalStore
from tasks.store.memory import MemoryStore
from tasks.store.opening import open_store
from tasks.store.s3_client import client_of
from tests.release.batches import Installation, a_policy, first_batch, second_batch
from tests.store import servers
from tests.store.buckets import bucket_of, duckdb_at


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Options]:
    with servers.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as options:
        yield options


@pytest.fixture(scope="module")
def published(seaweedfs: S3Options) -> Installation:
    """A release in a bucket, whose address is the public one."""
    made = filled(open_store("s3://work/other", seaweedfs), open_store("s3://release/public", seaweedfs))
    made = made.with_policy(address="s3://release/public")
    build_release("2026.11", context=made.context)
    return made


@pytest.fixture
def in_folders(tmp_path: Path) -> Installation:
    for name in ("work", "release"):
        (tmp_path / name).mkdir()
    return filled(LocalStore(tmp_path / "work"), LocalStore(tmp_path / "release"))


@pytest.fixture
def in_buckets(seaweedfs: S3Options) -> Installation:
    return filled(open_store("s3://work/collection", seaweedfs), open_store("s3://work/public", seaweedfs))


def filled(work: Store, release: Store) -> Installation:
    made = Installation(work=work, release=release)  # type: ignore[arg-type] -- the builders need no more than a store
    first_batch().write(made.work)
    second_batch().write(made.work)
    return made


def test_a_release_in_folders_is_the_one_in_memory(installation: Installation, in_folders: Installation) -> None:
    for made in (installation, in_folders):
        build_release("2026.11", context=made.context)
    assert in_folders.contents() == installation.contents()


@pytest.mark.services
def test_two_builders_at_once_make_in_buckets_the_release_in_memory(
    installation: Installation, in_buckets: Installation
) -> None:
    build_release("2026.11", context=installation.context)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: build_release("2026.11", context=in_buckets.context), range(2)))
    assert in_buckets.contents() == installation.contents()
    assert verify_release(in_buckets.release) == []
    assert build_release("2026.11", context=in_buckets.context).unchanged


@pytest.mark.services
def test_tables_are_read_straight_from_the_bucket(published: Installation, seaweedfs: S3Options) -> None:
    bucket = bucket_of(seaweedfs)
    root = "release/public/releases/2026.11/tables"
    series = dataset.dataset(f"{root}/imaging_series.parquet", filesystem=bucket)
    assert series.to_table(filter=dataset.field("subject_id") == "SUBJECTA").num_rows == 3
    subjects = pd.read_parquet(f"{root}/subject.parquet", filesystem=bucket)
    assert subjects["subject_id"].tolist() == ["SUBJECTA", "SUBJECTB", "SUBJECTC"]
    with duckdb_at(bucket) as database:
        found = database.read_parquet(f"s3://{root}/imaging_series.parquet").filter("modality = 'CT'")
        assert found.sum("n_instances").fetchall() == [(10,)]
    assert open_tables(published.release)["subject"].num_rows == 3


@pytest.mark.services
def test_instances_of_a_bucket_are_downloaded_and_resumed(published: Installation, tmp_path: Path) -> None:
    assert download(published.release, tmp_path, Choice(["sex=Male"])).fetched == 3
    report = download(published.release, tmp_path, Choice())
    assert (report.fetched, report.kept) == (7, 3)


@pytest.mark.services
def test_s5cmd_fetches_what_the_checksums_name(published: Installation, seaweedfs: S3Options, tmp_path: Path) -> None:
    for name in ("s5cmd.txt", "bag/manifest-sha256.txt"):
        content = published.release.read(f"releases/2026.11/manifests/{name}")
        (tmp_path / Path(name).name).write_bytes(content)
    s5cmd = str(Path(sys.executable).with_name("s5cmd"))
    place = ["--endpoint-url", str(seaweedfs.endpoint_url), "--credentials-file", str(seaweedfs.credentials_file)]
    for command in ([s5cmd, *place, "run", "s5cmd.txt"], ["sha256sum", "--check", "manifest-sha256.txt"]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert len(list(tmp_path.glob("data/*/*.dcm"))) == 10


def test_two_builders_at_once_divide_sign_and_withdraw_in_buckets_as_in_memory(
    installation: Installation, seaweedfs: S3Options, tmp_path: Path
) -> None:
    signer = write_signing_key(tmp_path / "sign.key")
    policy = a_policy(partition={"sequestered_percent": 34, "address": "s3://hidden/collection"})
    there = filled(open_store("s3://work/divided", seaweedfs), open_store("s3://work/open", seaweedfs))
    hidden = open_store("s3://work/hidden", seaweedfs)
    here = replace(installation, policy=policy, sequestered=MemoryStore("hidden"), signer=signer)
    there = replace(there, policy=policy, sequestered=hidden, signer=signer)
    build_release("2026.11", context=here.context)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: build_release("2026.11", context=there.context), range(2)))
    (subject, *_) = open_tables(here.release)["subject"]["subject_id"].to_pylist()
    for made in (here, there):
        report = withdraw([Withdrawal("subject", subject, "consent withdrawn")], "2026.12", context=made.context)
        assert report.objects_removed > 0
        assert [one for store in made.context.stores.values() for one in verify_release(store) if not one.is_note] == []
    assert there.contents() == here.contents()
    assert there.with_release(hidden).contents() == here.with_release(here.sequestered).contents()
    assert sweep_release("release", there.release).unreferenced == sweep_work(there.work).unreferenced == 0


@pytest.mark.services
def test_a_bucket_policy_denies_what_was_withdrawn_and_kept(seaweedfs: S3Options) -> None:
    """With the policy of docs/how-to/releases.md: readers are allowed by prefix, and ``withdrawn/`` is none of them."""
    made = filled(open_store("s3://work/kept", seaweedfs), open_store("s3://sequestered/kept", seaweedfs))
    made = made.with_policy(withdrawal={"objects": "hide"})
    build_release("2026.11", context=made.context)
    readable = [f"arn:aws:s3:::sequestered/kept/{part}" for part in ("data/*", "releases/*", "current.json")]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": readable}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client_of(seaweedfs).put_bucket_policy(Bucket="sequestered", Policy=policy)
    place = f"{seaweedfs.endpoint_url}/sequestered/kept"
    withdrawn = [one.key for one in made.release.list("data/")]
    assert answer_to(f"{place}/{withdrawn[0]}") == HTTPStatus.OK
    asked = [Withdrawal("subject", one, "consent withdrawn") for one in ("SUBJECTA", "SUBJECTB", "SUBJECTC")]
    withdraw(asked, "2026.12", context=made.context)
    assert {answer_to(f"{place}/{key}") for key in withdrawn} == {HTTPStatus.NOT_FOUND}
    assert {answer_to(f"{place}/withdrawn/{key}") for key in withdrawn} == {HTTPStatus.FORBIDDEN}
    assert [one.key for one in made.release.list("withdrawn/")] == [f"withdrawn/{key}" for key in withdrawn]


def answer_to(url: str) -> int:
    """Give what the server answers somebody who is nobody to it."""
    try:
        with urlopen(url, timeout=30) as answer:  # noqa: S310 -- our own server on loopback
            return int(answer.status)
    except HTTPError as refused:
        return refused.code
