"""Large objects go up in parts; the object appears whole, with a checksum over all of it, or not at all."""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.errors import CurationError
from tasks.store.s3_client import patiently
from tasks.store.s3_errors import ABSENT, CONFLICT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 16 << 20  # S3 takes 5 MiB to 5 GiB and at most 10,000 parts


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload in parts: to where (Bucket, Key, expected owner), and with which checksums."""

    client: "S3Client"
    target: Mapping[str, Any]
    place: str
    has_checksums: bool
    part_bytes: int = PART_BYTES

    def create(self, data: bytes, **settings: str) -> bool:
        """Create the object; False if something stands there already.

        The checksum is CRC-32 over the whole object: SHA-256 exists only per part (S3 user guide, "Checking object
        integrity").

        Parameters
        ----------
        settings
            Further parameters of CreateMultipartUpload: content type, encryption.
        """
        kind = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"} if self.has_checksums else {}
        request: dict[str, Any] = {**self.target, **settings, **kind}
        started = patiently(lambda: self.client.create_multipart_upload(**request), place=self.place)
        upload = {**self.target, "UploadId": started["UploadId"]}
        try:
            parts = [
                self._part(upload, number, data[start : start + self.part_bytes])
                for number, start in enumerate(range(0, len(data), self.part_bytes), start=1)
            ]
            written = self._complete(upload, parts, len(data))
        except CurationError:
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
            none_on=CONFLICT | ABSENT | {"NoSuchUpload"},  # the last: our own first answer was lost
        )
        return answer is not None

    def _abort(self, upload: Mapping[str, Any]) -> None:
        request: dict[str, Any] = dict(upload)
        patiently(
            lambda: self.client.abort_multipart_upload(**request),
            place=self.place,
            none_on=ABSENT | {"NoSuchUpload"},
        )

    def _checksum(self, data: bytes) -> dict[str, str]:
        if not self.has_checksums:
            return {}
        return {"ChecksumCRC32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}
