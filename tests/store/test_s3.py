"""What S3 adds: faults of the network, refusals in our words, checksums, parts, owner and encryption."""

import itertools
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from config.settings import S3Options
from tasks.errors import KeyExistsError, StaleVersionError, StoreError, VerificationError
from tasks.model import StoredChecksum
from tasks.store import s3, s3_client
from tasks.store.checksum import crc64nvme_of
from tasks.store.content import sha256_of
from tasks.store.files import create_from, fetch
from tasks.store.opening import open_store
from tasks.store.s3 import S3Store
from tasks.store.s3_client import client_of
from tasks.store.s3_parts import PART_BYTES
from tests.store.faults import damaged_bodies, failing, lost_answers, recorded, without_conditions

pytestmark = pytest.mark.services
_numbers = itertools.count()


@pytest.fixture(params=["seaweedfs", "ministack"])
def options(request: pytest.FixtureRequest) -> S3Options:
    chosen: S3Options = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def store(options: S3Options) -> S3Store:
    return opened(f"s3://work/s3-{next(_numbers)}", options)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "DELAYS_SECONDS", (0.0, 0.0, 0.0, 0.0))


def opened(address: str, options: S3Options) -> S3Store:
    store = open_store(address, options)
    assert isinstance(store, S3Store)
    return store


def test_a_create_whose_answer_was_lost_has_succeeded(store: S3Store) -> None:
    with lost_answers(store.client, "PutObject"):
        store.create("k", b"ours")
    assert store.read("k") == b"ours"


def test_a_create_whose_answer_was_lost_is_still_refused_over_other_bytes(store: S3Store) -> None:
    store.create("k", b"theirs")
    with lost_answers(store.client, "PutObject"), pytest.raises(KeyExistsError):
        store.create("k", b"ours")
    assert store.read("k") == b"theirs"


def test_a_swap_whose_answer_was_lost_has_succeeded(store: S3Store) -> None:
    old = store.swap("k", b"one", expected=None)
    with lost_answers(store.client, "PutObject"):
        new = store.swap("k", b"two", expected=old)
    assert store.read_versioned("k") == (b"two", new)
    with pytest.raises(StaleVersionError):
        store.swap("k", b"three", expected=old)


def test_a_copy_whose_answer_was_lost_has_succeeded(store: S3Store) -> None:
    store.create("a", b"pixels")
    with lost_answers(store.client, "CopyObject"):
        store.copy_from(store, "a", "b", sha256=sha256_of(b"pixels"))
    assert store.read("b") == b"pixels"


def test_an_upload_in_parts_whose_last_answer_was_lost_has_succeeded(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PARTS_FROM_BYTES", 10)
    with lost_answers(store.client, "CompleteMultipartUpload"):
        store.create("k", b"more than ten bytes")
    assert store.read("k") == b"more than ten bytes"


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "damage", [lambda body: b"X" + body[1:], lambda body: body[:-1]], ids=["flipped byte", "cut off"]
)
def test_damage_on_the_way_is_noticed_and_the_object_read_again(
    store: S3Store, damage: Callable[[bytes], bytes]
) -> None:
    store.create("k", b"content" * 1000)
    with damaged_bodies(store.client, damage, times=2):
        assert store.read("k") == b"content" * 1000


@pytest.mark.usefixtures("hasty")
def test_an_object_that_is_cut_off_is_noticed_without_checksums_too(options: S3Options) -> None:
    store = opened(f"s3://work/cut-{next(_numbers)}?checksum=none", options)
    store.create("k", b"content" * 1000)
    with damaged_bodies(store.client, lambda body: body[:-1], times=1):
        assert store.read("k") == b"content" * 1000


@pytest.mark.usefixtures("hasty")
def test_an_object_that_always_arrives_damaged_is_given_up(store: S3Store) -> None:
    store.create("k", b"content")
    with (
        damaged_bodies(store.client, lambda body: b"X" + body[1:], times=5),
        pytest.raises(StoreError, match="arrives damaged, time and again"),
    ):
        store.read("k")


@pytest.mark.usefixtures("hasty")
def test_a_server_that_asks_to_slow_down_is_asked_again(store: S3Store) -> None:
    with failing(store.client, "PutObject", 503, "SlowDown", times=4):
        assert store.create("k", b"x")


@pytest.mark.usefixtures("hasty")
def test_a_server_that_keeps_failing_is_given_up_without_its_words(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "DELAYS_SECONDS", ())
    with (
        failing(store.client, "PutObject", 500, "InternalError", times=3),
        pytest.raises(StoreError, match=r"keeps failing or refusing load \(InternalError\)") as caught,
    ):
        store.create("k", b"x")
    assert "ZZCANARY" not in str(caught.value)


@pytest.mark.usefixtures("hasty")
def test_a_body_damaged_on_its_way_there_is_sent_again(store: S3Store) -> None:
    with failing(store.client, "PutObject", 400, "BadDigest", times=2):
        assert store.create("k", b"x")


@pytest.mark.parametrize("code", ["AccessDenied", "NotImplemented"])
def test_a_refused_copy_passes_through_here(store: S3Store, code: str) -> None:
    store.create("a", b"pixels")
    with failing(store.client, "CopyObject", 403 if code == "AccessDenied" else 501, code, times=1):
        assert store.copy_from(store, "a", "b", sha256=sha256_of(b"pixels"))
    assert store.read("b") == b"pixels"


def test_a_copy_is_made_by_the_server(store: S3Store) -> None:
    store.create("a", b"pixels")
    with recorded(store.client) as seen:
        store.copy_from(store, "a", "b", sha256=sha256_of(b"pixels"))
    names = [name for name, _ in seen]
    assert "CopyObject" in names
    assert "PutObject" not in names


def test_a_copy_into_another_bucket_is_made_by_the_server(options: S3Options) -> None:
    work, release = opened("s3://work/c", options), opened(f"s3://release/c{next(_numbers)}", options)
    work.create("a", b"pixels")
    with recorded(release.client) as seen:
        assert release.copy_from(work, "a", "b", sha256=sha256_of(b"pixels"))
    assert "GetObject" not in [name for name, _ in seen]
    assert release.stored_checksum("b") == StoredChecksum("sha256", sha256_of(b"pixels"))


def test_the_digest_is_kept_by_the_server(store: S3Store) -> None:
    store.create("k", b"content")
    assert store.stored_checksum("k") == StoredChecksum("sha256", sha256_of(b"content"))
    assert store.stored_checksum("not there") is None


def test_the_checksum_of_another_writer_is_the_one_we_compute(store: S3Store) -> None:
    content = bytes(range(256)) * 9
    store.client.put_object(**store.target("k"), Body=content, ChecksumCRC64NVME=crc64nvme_of(content))
    assert store.stored_checksum("k") == StoredChecksum("crc64nvme", crc64nvme_of(content))


def test_a_checksum_over_parts_is_none_of_the_whole(store: S3Store) -> None:
    upload = store.client.create_multipart_upload(**store.target("k"), ChecksumAlgorithm="SHA256")
    about = {**store.target("k"), "UploadId": upload["UploadId"]}
    part = store.client.upload_part(**about, PartNumber=1, Body=b"pixels", ChecksumAlgorithm="SHA256")
    listed = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
    store.client.complete_multipart_upload(**about, MultipartUpload={"Parts": listed})
    assert store.stored_checksum("k") is None
    assert store.read("k") == b"pixels"


def test_without_checksums_none_is_sent_and_copies_are_read_back(options: S3Options) -> None:
    plain = opened(f"s3://work/plain-{next(_numbers)}?checksum=none", options)
    with recorded(plain.client) as seen:
        plain.create("a", b"pixels")
        assert plain.copy_from(plain, "a", "b", sha256=sha256_of(b"pixels"))
        with pytest.raises(VerificationError):
            plain.copy_from(plain, "a", "c", sha256=sha256_of(b"other"))
    assert not [name for _, params in seen for name in params if name.startswith("Checksum")]
    assert "GetObject" in [name for name, _ in seen]
    assert plain.head("c") is None
    assert plain.stored_checksum("a") is None


@pytest.mark.parametrize("checksum", ["sha256", "none"])
def test_a_very_large_object_goes_up_in_parts_and_stays_create_once(
    options: S3Options, checksum: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(f"s3://work/parts-{next(_numbers)}?checksum={checksum}", options)
    monkeypatch.setattr(s3, "PARTS_FROM_BYTES", 1 << 20)
    data = bytes(range(256)) * (17 << 12)
    with recorded(store.client) as seen:
        assert store.create("large", data)
        assert not store.create("large", data)
        with pytest.raises(KeyExistsError):
            store.create("large", data[:-1] + b"!")
    assert [name for name, _ in seen].count("UploadPart") == 6
    assert store.read("large") == data
    assert not store.client.list_multipart_uploads(Bucket="work").get("Uploads")


def test_uploads_in_parts_that_were_stopped_are_found_and_discarded(options: S3Options) -> None:
    name = f"left-{next(_numbers)}"
    store, beside = opened(f"s3://work/{name}", options), opened(f"s3://work/{name}beside", options)
    begun = [
        one.client.create_multipart_upload(Bucket="work", Key=one.name("k"))["UploadId"] for one in (store, beside)
    ]
    store.client.upload_part(Bucket="work", Key=store.name("k"), UploadId=begun[0], PartNumber=1, Body=b"0123456789")
    (left,) = store.leftovers()
    assert (left.token, left.size_bytes) == ((f"{name}/k", begun[0]), 10)
    assert 0 <= left.age_seconds < 600
    store.discard(left)
    store.discard(left)
    assert list(store.leftovers()) == []
    (other,) = beside.leftovers()
    beside.discard(other)


@pytest.mark.usefixtures("hasty")
def test_an_upload_in_parts_that_fails_is_taken_back(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PARTS_FROM_BYTES", 10)
    with failing(store.client, "UploadPart", 403, "AccessDenied", times=1), pytest.raises(StoreError, match="refuses"):
        store.create("k", b"more than ten bytes")
    assert store.head("k") is None
    assert not store.client.list_multipart_uploads(Bucket="work").get("Uploads")


def test_every_request_names_the_owner_and_every_write_the_encryption(seaweedfs: S3Options) -> None:
    store = opened(f"s3://work/owned-{next(_numbers)}?expected_bucket_owner=000000000000&sse=AES256", seaweedfs)
    with recorded(store.client) as seen:
        store.create("a", b"pixels")
        store.swap("p", b"1", expected=None)
        store.copy_from(store, "a", "b", sha256=sha256_of(b"pixels"))
        list(store.list())
        list(store.folders())
        store.head("a")
        store.head("none")
        store.read("a")
        store.upload("u").create(BytesIO(b"x"), 1, ServerSideEncryption="AES256")
        store.delete("a")
    assert len({name for name, _ in seen}) == 10
    assert all(params["ExpectedBucketOwner"] == "000000000000" for _, params in seen)
    assert all(params.get("ExpectedSourceBucketOwner") for name, params in seen if name == "CopyObject")
    writes = [params for name, params in seen if name in {"PutObject", "CopyObject", "CreateMultipartUpload"}]
    assert all(params["ServerSideEncryption"] == "AES256" for params in writes)


def test_objects_carry_the_type_of_their_content(store: S3Store) -> None:
    for key, kind in [("a.dcm", "application/dicom"), ("report/index.html", "text/html; charset=utf-8")]:
        store.create(key, b"x")
        assert store.client.head_object(**store.target(key))["ContentType"] == kind


def refusals(store: S3Store) -> Iterator[Callable[[], object]]:
    yield lambda: list(store.list())
    yield lambda: list(store.folders())
    yield lambda: store.head("ZZCANARY")
    yield lambda: store.read("ZZCANARY")
    yield lambda: store.create("ZZCANARY", b"x")
    yield lambda: store.swap("ZZCANARY", b"x", expected=None)
    yield lambda: store.copy_from(store, "ZZCANARY", "ZZCANARY2", sha256=sha256_of(b""))


def expect_refusal(store: S3Store, message: str) -> None:
    for call in refusals(store):
        with pytest.raises(StoreError, match=message) as caught:
            call()
        assert caught.value.next_step
        assert "\n" not in caught.value.message
        assert "ZZCANARY" not in caught.value.message + caught.value.next_step


def test_a_missing_bucket_is_named_as_such(options: S3Options) -> None:
    expect_refusal(opened("s3://no-such-bucket", options), "there is no bucket no-such-bucket")


def credentials(folder: Path, access: str, secret: str) -> Path:
    path = folder / f"credentials-{next(_numbers)}"
    path.write_text(f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n", encoding="utf-8")
    return path


def test_an_unknown_access_key_is_named_as_such(seaweedfs: S3Options, tmp_path: Path) -> None:
    wrong = seaweedfs.model_copy(update={"credentials_file": credentials(tmp_path, "NOBODY", "guess")})
    store = opened("s3://work", wrong)
    with pytest.raises(StoreError, match="the access key is not known to the server of bucket work"):
        list(store.list())
    expect_refusal(store, "the access key is not known|refuses what we asked")


def test_a_wrong_secret_key_is_named_as_such(seaweedfs: S3Options, tmp_path: Path) -> None:
    text = Path(str(seaweedfs.credentials_file)).read_text(encoding="utf-8")
    access = text.splitlines()[1].split(" = ")[1]
    wrong = seaweedfs.model_copy(update={"credentials_file": credentials(tmp_path, access, "guess")})
    store = opened("s3://work", wrong)
    with pytest.raises(StoreError, match="the secret key is not the right one for bucket work"):
        list(store.list())
    expect_refusal(store, "the secret key is not the right one|refuses what we asked")


def test_a_clock_that_is_off_is_named_as_such(seaweedfs: S3Options) -> None:
    store = opened("s3://work", seaweedfs)
    with (
        failing(store.client, "ListObjectsV2", 403, "RequestTimeTooSkewed", times=1),
        pytest.raises(StoreError, match="the clock of this machine differs too much"),
    ):
        list(store.list())


@pytest.mark.usefixtures("hasty")
def test_a_server_that_does_not_run_cannot_be_reached(seaweedfs: S3Options) -> None:
    nobody = seaweedfs.model_copy(update={"endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(StoreError, match="the server of bucket work cannot be reached") as caught:
        list(opened("s3://work", nobody).list())
    assert "endpoint_url" in caught.value.next_step


def test_keys_in_the_environment_do_not_overrule_a_credentials_file(
    seaweedfs: S3Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "SOMEBODY-ELSE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guess")
    copy = tmp_path / "copy"
    copy.write_text(Path(str(seaweedfs.credentials_file)).read_text(encoding="utf-8"), encoding="utf-8")
    store = opened("s3://work/env", seaweedfs.model_copy(update={"credentials_file": copy}))
    assert list(store.list()) == []


def test_one_client_serves_all_stores_with_the_same_options(seaweedfs: S3Options) -> None:
    assert opened("s3://raw", seaweedfs).client is opened("s3://work/x", seaweedfs).client
    assert client_of(seaweedfs) is not opened("s3://raw?checksum=none", seaweedfs).client


def test_a_server_that_ignores_conditions_is_one_where_writes_are_lost(store: S3Store) -> None:
    """This is why the doctor must refuse such a server: nothing in an answer tells."""
    store.create("k", b"first")
    with without_conditions(store.client):
        assert store.create("k", b"second")
    assert store.read("k") == b"second"


def test_the_keys_of_the_server_are_in_no_message_and_no_representation(seaweedfs: S3Options) -> None:
    store = opened("s3://work", seaweedfs)
    secret = Path(str(seaweedfs.credentials_file)).read_text(encoding="utf-8").split(" = ")[-1].strip()
    assert secret
    assert secret not in json.dumps([repr(store), store.address])


def a_file(folder: Path, last: bytes = b"end") -> Path:
    """A file of two parts and some bytes."""
    path = folder / "large"
    path.write_bytes(bytes(range(256)) * (2 * PART_BYTES // 256) + last)
    return path


def test_a_large_file_goes_up_and_comes_down_in_parts(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PARTS_FROM_BYTES", PART_BYTES)
    path, back = a_file(tmp_path), tmp_path / "back"
    with recorded(store.client) as seen:
        assert create_from(store, "large", path)
        fetch(store, "large", back)
    assert back.read_bytes() == path.read_bytes()
    names = [name for name, _ in seen]
    assert (names.count("UploadPart"), names.count("GetObject"), names.count("PutObject")) == (3, 1 + 3, 0)
    assert not create_from(store, "large", path)
    with pytest.raises(KeyExistsError):
        create_from(store, "large", a_file(tmp_path, b"END"))
    assert store.read("large") == back.read_bytes()


@pytest.mark.usefixtures("hasty")
def test_a_part_that_is_cut_short_is_asked_for_again(store: S3Store, tmp_path: Path) -> None:
    store.create("k", b"whole content")
    with damaged_bodies(store.client, lambda content: content[:5], times=1):
        fetch(store, "k", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"whole content"


def test_what_is_replaced_while_it_is_fetched_is_not_mixed(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("k", b"of then")
    whole = S3Store._parts

    def meddled(self: S3Store, key: str, size_bytes: int, etag: str) -> Iterator[bytes]:
        store.swap("k", b"of now!", expected=etag)
        return whole(self, key, size_bytes, etag)

    monkeypatch.setattr(s3, "PART_BYTES", 4)
    monkeypatch.setattr(S3Store, "_parts", meddled)
    with pytest.raises(StaleVersionError, match="replaced while it was read"):
        fetch(store, "k", tmp_path / "back")
