"""CRC-64/NVME as Amazon S3 states it, and what its library must not change."""

import base64
import subprocess
import sys

import pytest

from tasks.store.checksum import Crc64Nvme, crc64nvme_of


@pytest.mark.parametrize(
    ("content", "checksum"), [(b"123456789", 0xAE8B14860A799888), (b"", 0), (bytes(32), 0xCF3473434D4ECF3B)]
)
def test_it_is_the_published_one(content: bytes, checksum: int) -> None:
    assert crc64nvme_of(content) == base64.b64encode(checksum.to_bytes(8, "big")).decode()


@pytest.mark.parametrize("step", [1, 2, 4, 9])
def test_how_the_bytes_come_makes_no_difference(step: int) -> None:
    checksum, content = Crc64Nvme(), memoryview(b"123456789")
    for start in range(0, len(content), step):
        checksum.update(content[start : start + step])
    assert checksum.base64() == "rosUhgp5mIg="


def test_requests_are_signed_as_before_by_boto3_itself() -> None:
    told = "import tasks.store.s3_client, botocore.compat; print(botocore.compat.HAS_CRT)"
    answer = subprocess.run([sys.executable, "-c", told], capture_output=True, check=True, text=True)
    assert answer.stdout.strip() == "False"
