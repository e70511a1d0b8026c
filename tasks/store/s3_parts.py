"""Large objects go up in parts; the object appears whole, with a checksum over all of it, or not at all."""

import base64
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from tasks.errors import CurationError
from tasks.store.protocol import Leftover
from tasks.store.s3_client import patiently
from tasks.store.s3_errors import ABSENT, CONFLICT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GONE = ABSENT | {"NoSuchUpload"}
PART_BYTES = 16 << 20  # S3 takes 5 MiB to 5 GiB and at most 10,000 parts


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload in parts: to where (Bucket, Key, expected owner), and with which checksums."""

    client: "S3Client"
    target: Mapping[str, Any]
    place: str
    has_checksums: bool
    part_bytes: int = PART_BYTES

    def create(self, content: BinaryIO, size_bytes: int, **settings: str) -> bool:
        """Create the object; False if something stands there already.

        The checksum is CRC-32 over the whole object: SHA-256 exists only per part (S3 user guide, "Checking object
        integrity").

        Parameters
        ----------
        content
            Read from where it stands, a part at a time.
        size_bytes
            Of all that is read.
        settings
            Further parameters of CreateMultipartUpload: content type, encryption.
        """
        kind = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"} if self.has_checksums else {}
        request: dict[str, Any] = {**self.target, **settings, **kind}
        started = patiently(lambda: self.client.create_multipart_upload(**request), place=self.place)
        upload = {**self.target, "UploadId": started["UploadId"]}
        try:
            pieces = iter(partial(content.read, self.part_bytes), b"")
            parts = [self._part(upload, number, piece) for number, piece in enumerate(pieces, start=1)]
            written = self._complete(upload, parts, size_bytes)
        except (CurationError, OSError):
            self._abort(upload)
            raise
        if not written:
            self._abort(upload)
        return written

    def _part(self, upload: Mapping[str, Any], number: int, data: bytes) -> dict[str, Any]:
        checksum = self._checksum(data)
        request: dict[str, Any] = {**upload, **checksum, "PartNumber": number, "Body": data}
        answer = patiently(lambda: self.client.upload_part(**request), place=self.place)
        return {"PartNumber": number, "ETag": answer["ETag"], **checksum}

    def _complete(self, upload: Mapping[str, Any], parts: list[dict[str, Any]], size_bytes: int) -> bool:
        """Make the object of its parts, each of which the server verified, and of their total size."""
        listed = {"MultipartUpload": {"Parts": parts}, "MpuObjectSize": size_bytes}
        request: dict[str, Any] = {**upload, **listed, "IfNoneMatch": "*"}
        answer = patiently(
            lambda: self.client.complete_multipart_upload(**request),
            place=self.place,
            none_on=CONFLICT | _GONE,  # no such upload: our own first answer was lost
        )
        return answer is not None

    def _abort(self, upload: Mapping[str, Any]) -> None:
        abort(self.client, upload, self.place)

    def _checksum(self, data: bytes) -> dict[str, str]:
        if not self.has_checksums:
            return {}
        return {"ChecksumCRC32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}


def unfinished(client: "S3Client", target: Mapping[str, Any], place: str) -> Iterator[Leftover]:
    """Give the uploads in parts that are under way or were stopped.

    Parameters
    ----------
    target
        Bucket, expected owner, and the prefix of the keys.
    """
    more: dict[str, Any] = dict(target)
    while True:
        page = patiently(lambda: client.list_multipart_uploads(**more), place=place)
        now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
        for found in page.get("Uploads", []):
            upload = {name: value for name, value in target.items() if name != "Prefix"}
            size = _bytes_of(client, {**upload, "Key": found["Key"], "UploadId": found["UploadId"]}, place)
            age = (now - found["Initiated"]).total_seconds()
            yield Leftover((found["Key"], found["UploadId"]), size, max(age, 0))
        if not page.get("IsTruncated"):
            return
        more["KeyMarker"], more["UploadIdMarker"] = page["NextKeyMarker"], page["NextUploadIdMarker"]


def _bytes_of(client: "S3Client", upload: Mapping[str, Any], place: str) -> int:
    """Give the bytes of the parts of an upload, of up to the thousand that one answer names."""
    request: dict[str, Any] = dict(upload)
    answer = patiently(lambda: client.list_parts(**request), place=place, none_on=_GONE)
    return sum(part["Size"] for part in answer.get("Parts", [])) if answer else 0


def abort(client: "S3Client", upload: Mapping[str, Any], place: str) -> None:
    """Take an upload in parts back; nothing happens if it is gone."""
    request: dict[str, Any] = dict(upload)
    patiently(lambda: client.abort_multipart_upload(**request), place=place, none_on=_GONE)
