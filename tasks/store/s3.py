"""A store in an S3 bucket, on AWS or any server that speaks S3; every doubt is resolved by reading back.

A conditional write whose answer is lost looks, when tried again, like a conflict: so a conflict is one only if
other bytes stand there. Servers that ignore conditions are found by `tasks.store.doctor`, before anything is published.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from config.settings import S3Options
from tasks.errors import StaleVersionError
from tasks.model import StoredChecksum, StoredObject
from tasks.store.content import (
    byte_order,
    first_folders,
    missing,
    occupied,
    read_checked,
    sha256_of,
    sha256_of_file,
    split,
    stale,
    unlike_digest,
)
from tasks.store.protocol import Leftover, ReadOnlyStore
from tasks.store.s3_client import client_of, patiently
from tasks.store.s3_errors import ABSENT, CONFLICT
from tasks.store.s3_parts import PART_BYTES, Upload, abort, unfinished

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARTS_FROM_BYTES = 64 << 20
COPY_REFUSED = frozenset(
    {"AccessDenied", "403", "NoSuchBucket", "NotImplemented", "501", "InvalidRequest", "EntityTooLarge"}
)
CONTENT_TYPES = {
    ".css": "text/css",
    ".csv": "text/csv; charset=utf-8",
    ".dcm": "application/dicom",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class S3Store:
    """The objects under a prefix of a bucket; safe to share between threads and to send to other processes.

    Version tokens are ETags. `list` keeps about 300 bytes of memory per key, since not every server sorts.
    """

    bucket: str
    prefix: str
    options: S3Options
    address: str

    @property
    def client(self) -> "S3Client":
        """The client that all stores with these options share in this process."""
        return client_of(self.options)

    @property
    def owner(self) -> dict[str, str]:
        """What every request says about the account that must own the bucket."""
        owner = self.options.expected_bucket_owner
        return {"Bucket": self.bucket} | ({"ExpectedBucketOwner": owner} if owner else {})

    @property
    def has_checksums(self) -> bool:
        """Whether checksums are sent and asked for."""
        return self.options.checksum == "sha256"

    @property
    def place(self) -> str:
        """The bucket as people name it."""
        return f"bucket {self.bucket}"

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Give every object under `prefix` in byte order of the keys."""
        cut = len(self.name(""))
        found = [
            StoredObject(item["Key"][cut:], item["Size"], item["ETag"])
            for page in self._pages(Prefix=self.name(prefix))
            for item in page.get("Contents", ())
        ]
        yield from sorted(found, key=lambda item: byte_order(item.key))

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Give key and size of every object under `prefix`, page by page."""
        cut = len(self.name(""))
        for page in self._pages(Prefix=self.name(prefix)):
            yield from ((item["Key"][cut:], item["Size"]) for item in page.get("Contents", ()))

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Give the names of the folders directly under `prefix` (empty or ending in ``/``), in byte order."""
        cut = len(self.name(prefix))
        pages = self._pages(Prefix=self.name(prefix), Delimiter="/")
        yield from first_folders(item["Prefix"][cut:] for page in pages for item in page.get("CommonPrefixes", ()))

    def head(self, key: str) -> StoredObject | None:
        """Give size and version token of an object, or None if there is none."""
        found = self._head(key)
        if found is None:
            self._ask(lambda: self.client.head_bucket(**self.owner))  # a missing bucket looks like a missing object
            return None
        return StoredObject(key, found["ContentLength"], found["ETag"])

    def read(self, key: str) -> bytes:
        """Give the whole content of an object.

        Raises
        ------
        MissingKeyError
            If there is none.
        """
        found = self.read_versioned(key)
        if found is None:
            raise missing(self.address)
        return found[0]

    def read_versioned(self, key: str) -> tuple[bytes, str] | None:
        """Give content and version token of an object, or None if there is none."""
        return self._ask(lambda: self._get(key), none_on=ABSENT)

    def stored_checksum(self, key: str) -> StoredChecksum | None:
        """Give the SHA-256 or else the CRC-64/NVME that the server verified and keeps of a whole object, or None.

        Always None where checksums are not asked for.
        """
        return _stored_checksum(self._head(key) or {})

    def create(self, key: str, data: bytes) -> bool:
        """Create an object; False if the same bytes already stood there.

        Raises
        ------
        KeyExistsError
            If other bytes stand under `key`.
        """
        if len(data) > PARTS_FROM_BYTES:
            written = self.upload(key).create(BytesIO(data), len(data), **self._settings(key))
        else:
            written = self._put(key, data, IfNoneMatch="*") is not None
        if not written:
            self._require(key, len(data), sha256_of(data))
        return written

    def create_from(self, key: str, path: Path) -> bool:
        """Create an object from a local file, a part at a time; False if the same bytes already stood there.

        Raises
        ------
        KeyExistsError
            If other bytes stand under `key`.
        """
        size = path.stat().st_size
        if size <= PARTS_FROM_BYTES:
            return self.create(key, path.read_bytes())
        with path.open("rb") as file:
            written = self.upload(key).create(file, size, **self._settings(key))
        if not written:
            self._require(key, size, sha256_of_file(path))
        return written

    def fetch(self, key: str, path: Path) -> None:
        """Write the content of an object to a local file, a part at a time.

        Raises
        ------
        MissingKeyError
            If there is no such object; no file is made.
        StaleVersionError
            If it is replaced meanwhile.
        """
        found = self._ask(lambda: self._get_small(key), none_on=ABSENT)
        if found is None:
            raise missing(self.address)
        size, etag, content = found
        with path.open("wb") as file:
            for part in self._parts(key, size, etag) if content is None else [content]:
                file.write(part)

    def swap(self, key: str, data: bytes, *, expected: str | None) -> str:
        """Replace an object if its version token is still `expected` (None: if there is none); give the new token.

        Raises
        ------
        StaleVersionError
            If it changed, and does not hold `data` already.
        """
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        token = self._put(key, data, **condition)
        if token is not None:
            return token
        found = self.read_versioned(key)
        if found is None or found[0] != data:
            raise stale(key)
        return found[1]

    def copy_from(self, source: ReadOnlyStore, source_key: str, key: str, *, sha256: str) -> bool:
        """Create `key` from an object of another store; False if it already stood there.

        The server copies if both are on one server and it lets us; else the bytes pass through here.

        Raises
        ------
        KeyExistsError
            If other bytes stand under `key`.
        VerificationError
            If the content does not have the digest; nothing is left under `key`.
        """
        if not isinstance(source, S3Store) or source.client.meta.endpoint_url != self.client.meta.endpoint_url:
            return self.create(key, read_checked(source, source_key, key, sha256=sha256))
        standing = self._head(key)
        if standing is not None:
            if self._digest(key, standing) != sha256:
                raise occupied(key)
            return False
        if not self.copied_on_server(source, source_key, key):
            return self.create(key, read_checked(source, source_key, key, sha256=sha256))
        copied = self._head(key)
        if copied is None:
            raise missing(self.address)
        if self._digest(key, copied) != sha256:
            self.delete(key)
            raise unlike_digest(key)
        return True

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        self._ask(lambda: self.client.delete_object(**self.target(key)), none_on=ABSENT)

    def age_seconds(self, key: str) -> float | None:
        """Give the seconds since an object was written, by the clock of its store, or None if there is none."""
        found = self._head(key)
        if found is None:
            return None
        now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
        age: float = (now - found["LastModified"]).total_seconds()
        return max(age, 0)

    def leftovers(self) -> Iterator[Leftover]:
        """Give the uploads in parts that were begun and neither completed nor aborted; their parts are paid for."""
        return unfinished(self.client, {**self.owner, "Prefix": self.name("")}, self.place)

    def discard(self, left: Leftover) -> None:
        """Abort an upload in parts; nothing happens if it is gone."""
        key, upload = left.token
        abort(self.client, {**self.owner, "Key": key, "UploadId": upload}, self.place)

    def name(self, key: str) -> str:
        """Give the key that an object has in the bucket."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def target(self, key: str) -> dict[str, Any]:
        """Give what every request about an object says: bucket, key, and the account that must own the bucket."""
        return {**self.owner, "Key": self.name(key)}

    def upload(self, key: str) -> Upload:
        """Give an upload in parts, for what is too large for one request."""
        return Upload(self.client, self.target(key), self.place, self.has_checksums)

    def copied_on_server(self, source: "S3Store", source_key: str, key: str) -> bool:
        """Let the server copy; False if it refuses, or if something stands there now."""
        request = self.target(key) | {
            "CopySource": {"Bucket": source.bucket, "Key": source.name(source_key)},
            "MetadataDirective": "COPY",
            "IfNoneMatch": "*",
        }
        request |= {name: value for name, value in self._settings(key).items() if name != "ContentType"}
        if self.has_checksums:
            request["ChecksumAlgorithm"] = "SHA256"
        if source.options.expected_bucket_owner:
            request["ExpectedSourceBucketOwner"] = source.options.expected_bucket_owner
        none_on = CONFLICT | ABSENT | COPY_REFUSED
        return self._ask(lambda: self.client.copy_object(**request), none_on=none_on) is not None

    def _ask(self, request: Callable[[], Answer], *, none_on: frozenset[str] = frozenset()) -> Answer | None:
        return patiently(request, place=self.place, none_on=none_on)

    def _pages(self, **request: str) -> Iterator[Mapping[str, Any]]:
        more: dict[str, Any] = {**self.owner, **request}
        while True:
            page = patiently(lambda: self.client.list_objects_v2(**more), place=self.place)
            yield page
            if not page.get("IsTruncated"):
                return
            more["ContinuationToken"] = page["NextContinuationToken"]

    def _head(self, key: str) -> Mapping[str, Any] | None:
        request = self.target(key) | ({"ChecksumMode": "ENABLED"} if self.has_checksums else {})
        return self._ask(lambda: self.client.head_object(**request), none_on=ABSENT)

    def _get(self, key: str) -> tuple[bytes, str]:
        """Read an object in one go; the client checks its length, and its checksum if the server gives one."""
        answer = self.client.get_object(**self.target(key))
        return answer["Body"].read(), answer["ETag"]

    def _get_small(self, key: str) -> tuple[int, str, bytes | None]:
        """Give size and version token of an object, and its content if that is no more than a part."""
        answer = self.client.get_object(**self.target(key))
        with closing(answer["Body"]) as body:
            size = answer["ContentLength"]
            return size, answer["ETag"], body.read() if size <= PART_BYTES else None

    def _settings(self, key: str) -> dict[str, str]:
        """Give what a new object is given beside its content: type and encryption."""
        wanted = {
            "ContentType": CONTENT_TYPES.get(PurePosixPath(key).suffix),
            "ServerSideEncryption": self.options.sse,
            "SSEKMSKeyId": self.options.kms_key_id,
        }
        return {name: value for name, value in wanted.items() if value}

    def _put(self, key: str, data: bytes, **condition: str) -> str | None:
        """Write under a condition; give the new version token, or None if the condition does not hold."""
        request = {**self.target(key), **self._settings(key), **condition, "Body": data}
        if self.has_checksums:
            request["ChecksumSHA256"] = base64.b64encode(hashlib.sha256(data).digest()).decode()
        answer = self._ask(lambda: self.client.put_object(**request), none_on=CONFLICT | ABSENT)
        return answer["ETag"] if answer else None

    def _parts(self, key: str, size_bytes: int, etag: str) -> Iterator[bytes]:
        """Give the content of a version of an object part by part; each is asked for again if it is cut short."""

        def part(first: int) -> bytes:
            last = min(first + PART_BYTES, size_bytes) - 1
            answer = self.client.get_object(**self.target(key), Range=f"bytes={first}-{last}", IfMatch=etag)
            return answer["Body"].read()

        for first in range(0, size_bytes, PART_BYTES):
            found = self._ask(partial(part, first), none_on=CONFLICT | ABSENT)
            if found is None:
                raise StaleVersionError("an object was replaced while it was read", next_step="run again")
            yield found

    def _require(self, key: str, size_bytes: int, sha256: str) -> None:
        """Raise unless this content stands under a key that was refused because something stands there."""
        found = self._head(key)
        if found is None:  # SeaweedFS refuses a key that has others below it
            raise split(self.address)
        if found["ContentLength"] != size_bytes or self._digest(key, found) != sha256:
            raise occupied(key)

    def _digest(self, key: str, head: Mapping[str, Any]) -> str:
        """Give the SHA-256 of an object: as the server verified and stored it, else from its bytes."""
        stored = _stored_checksum(head)
        if stored and stored.algorithm == "sha256":
            return stored.value
        digest = hashlib.sha256()
        for part in self._parts(key, head["ContentLength"], head["ETag"]):
            digest.update(part)
        return digest.hexdigest()


def _stored_checksum(head: Mapping[str, Any]) -> StoredChecksum | None:
    """Give the checksum over a whole object; one over the checksums of its parts does not count."""
    if head.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    sha256, crc64nvme = head.get("ChecksumSHA256", ""), head.get("ChecksumCRC64NVME", "")
    if sha256 and "-" not in sha256:
        return StoredChecksum("sha256", base64.b64decode(sha256).hex())
    return StoredChecksum("crc64nvme", crc64nvme) if crc64nvme and "-" not in crc64nvme else None
