import hashlib

from tasks.release.build import build_release
from tasks.release.reading import open_tables
from tests.release.batches import ADDRESS, Installation


def text(installation: Installation, name: str) -> list[str]:
    return installation.contents()[f"releases/2026.11/manifests/{name}"].decode().splitlines()


def test_sha256sums_name_every_object_with_the_digest_of_its_bytes(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    objects = {key: data for key, data in installation.contents().items() if key.startswith("data/")}
    lines = {f"{hashlib.sha256(data).hexdigest()}  {key}" for key, data in objects.items()}
    assert set(text(installation, "sha256sums.txt")) == lines


def test_s5cmd_brings_every_object_to_the_path_that_the_checksums_name(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    keys = [line.split("  ")[1] for line in text(installation, "sha256sums.txt")]
    assert text(installation, "s5cmd.txt") == [f"cp {ADDRESS}/{key} {key}" for key in keys]


def test_urls_are_the_public_address_and_the_key(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    rows = open_tables(installation.release)["imaging_instance"].to_pylist()
    assert all(row["urls"] == [f"{ADDRESS}/{row['key']}"] for row in rows)


def test_a_store_that_is_no_bucket_gives_no_addresses(installation: Installation) -> None:
    private = installation.with_policy(address="")
    build_release("2026.11", context=private.context)
    assert "releases/2026.11/manifests/s5cmd.txt" not in private.contents()
    assert set(map(tuple, open_tables(private.release)["imaging_instance"]["urls"].to_pylist())) == {()}


def test_options_of_an_address_are_not_published(installation: Installation) -> None:
    bucket = installation.with_policy(address="")
    bucket.release.address = "s3://open-chest/?endpoint_url=http://127.0.0.1:1"
    build_release("2026.11", context=bucket.context)
    assert text(bucket, "s5cmd.txt")[0].startswith("cp s3://open-chest/data/")
