"""Addresses and what they open."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import S3Options, Settings
from tasks.errors import StoreError
from tasks.store.local import LocalStore
from tasks.store.opening import open_named, open_store
from tasks.store.s3 import S3Store
from tasks.store.s3_client import client_of

OPTIONS = S3Options(region="eu-west-1", checksum="none")


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("/data/raw", "/data/raw"),
        ("file:///data/raw", "/data/raw"),
        ("file:///data/with%20space/", "/data/with space"),
        ("file://localhost/data", "/data"),
    ],
)
def test_folders_open_by_path_or_file_address(address: str, folder: str) -> None:
    store = open_store(address, OPTIONS)
    assert isinstance(store, LocalStore)
    assert store.root == Path(folder)


def test_the_address_of_a_folder_opens_the_same_folder(tmp_path: Path) -> None:
    odd = tmp_path / "a #b?c%d é"
    assert open_store(LocalStore(odd).address, OPTIONS) == LocalStore(odd)


@pytest.mark.parametrize(
    ("address", "bucket", "prefix"),
    [
        ("s3://raw", "raw", ""),
        ("s3://raw/", "raw", ""),
        ("s3://my.bucket-1/a/b/", "my.bucket-1", "a/b"),
        ("s3://raw/a%20b", "raw", "a b"),
    ],
)
def test_buckets_open_by_s3_address(address: str, bucket: str, prefix: str) -> None:
    store = open_store(address, OPTIONS)
    assert isinstance(store, S3Store)
    assert (store.bucket, store.prefix, store.options) == (bucket, prefix, OPTIONS)
    assert store.address == address
    assert open_store(store.address, OPTIONS) == store


def test_options_in_the_address_go_before_those_of_the_settings() -> None:
    store = open_store(
        "s3://raw/x?endpoint_url=http://127.0.0.1:9000&profile=p&region=us-east-1&addressing_style=virtual"
        "&sse=aws:kms&kms_key_id=k&expected_bucket_owner=123456789012&checksum=sha256&ca_bundle=/ca.pem",
        OPTIONS,
    )
    assert isinstance(store, S3Store)
    assert store.options == S3Options(
        endpoint_url="http://127.0.0.1:9000",
        profile="p",
        region="us-east-1",
        addressing_style="virtual",
        sse="aws:kms",
        kms_key_id="k",
        expected_bucket_owner="123456789012",
        checksum="sha256",
        ca_bundle=Path("/ca.pem"),
    )


@pytest.mark.parametrize(
    "address",
    [
        "",
        "relative/ZZCANARY",
        "http://ZZCANARY:ZZCANARY@host/bucket",
        "s3:/ZZCANARY",
        "s3://ZZCANARY",
        "s3://key:zzcanary@bucket/x",
        "s3://ab",
        "s3://raw/x#ZZCANARY",
        "s3://raw?zzcanary=1",
        "s3://raw?checksum=md5",
        "s3://raw?addressing_style=",
        "file://host/ZZCANARY",
        "file:///",
        "file:///a?x=ZZCANARY",
        "file:///a#ZZCANARY",
    ],
)
def test_anything_else_is_refused_with_what_is_accepted(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(address, OPTIONS)
    assert "ZZCANARY" not in caught.value.message
    assert "s3://bucket" in caught.value.next_step
    assert "file:///folder" in caught.value.next_step


def test_the_settings_name_the_stores(tmp_path: Path) -> None:
    settings = Settings(raw=str(tmp_path), s3=OPTIONS)
    assert open_named("raw", settings) == LocalStore(tmp_path)


def test_a_store_that_is_not_named_is_a_wrong_configuration() -> None:
    with pytest.raises(ConfigError) as caught:
        open_named("work", Settings(work=""))
    assert "CURATE_WORK" in caught.value.next_step


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (S3Options(profile="no-such-profile"), "the profile named for S3 is not there"),
        (S3Options(endpoint_url="no address"), "the endpoint of the S3 store is no address"),
    ],
)
def test_no_client_can_be_made_of_wrong_options(options: S3Options, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        client_of(options)
    assert caught.value.next_step


def test_without_credentials_the_error_says_where_they_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    options = S3Options(endpoint_url="http://127.0.0.1:9", region="us-east-1", expected_bucket_owner="1")
    with pytest.raises(StoreError, match="no credentials were found for bucket raw") as caught:
        list(open_store("s3://raw", options).list())
    assert "AWS_PROFILE" in caught.value.next_step


def test_another_server_is_spoken_to_with_the_bucket_in_the_path() -> None:
    client = client_of(S3Options(endpoint_url="https://s3.hospital.example", region="us-east-1"))
    assert client.meta.config.s3 == {"addressing_style": "path"}
    assert client.meta.config.signature_version == "s3v4"


def test_a_certificate_bundle_is_used(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    client = client_of(S3Options(endpoint_url="https://s3.hospital.example", region="us-east-1", ca_bundle=bundle))
    assert client._endpoint.http_session._verify == str(bundle)  # type: ignore[attr-defined]
