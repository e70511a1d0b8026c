"""The checksum that Amazon S3 states of a whole object, made on the way as `hashlib` makes digests."""

import base64

from awscrt.checksums import crc64nvme


class Crc64Nvme:
    """CRC-64/NVME of what passes by (x-amz-checksum-crc64nvme of a full object)."""

    def __init__(self) -> None:
        self._crc = 0

    def update(self, data: bytes | memoryview, /) -> None:
        """Take in the next bytes."""
        self._crc = crc64nvme(data, self._crc)

    def base64(self) -> str:
        """Give the checksum of all bytes so far, big-endian, in Base64."""
        return base64.b64encode(self._crc.to_bytes(8, "big")).decode()


def crc64nvme_of(data: bytes) -> str:
    """Give the Base64 CRC-64/NVME of some bytes."""
    checksum = Crc64Nvme()
    checksum.update(data)
    return checksum.base64()
