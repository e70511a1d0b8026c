"""The digests of a finished object, made while it is written, by column of the instance table."""

import hashlib
from typing import Final

from tasks.dicom.pixel_digest import PixelDigest
from tasks.store.checksum import Crc64Nvme

DIGESTS: Final = ("sha256", "md5", "crc64nvme", "pixel_sha256")
_HASHES: Final = ("sha256", "md5")


class Digests:
    """The digests of one object that passes by from first to last; `names` tells which.

    Parameters
    ----------
    pixel_bytes
        As `PixelDigest` has it; 0 where no pixels pass by on their own.
    """

    def __init__(self, names: tuple[str, ...] = DIGESTS, pixel_bytes: int = 0) -> None:
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in _HASHES if name in names}
        self._checksum = Crc64Nvme() if "crc64nvme" in names else None
        self._pixels = PixelDigest(pixel_bytes) if pixel_bytes and "pixel_sha256" in names else None

    def update(self, data: bytes | memoryview) -> None:
        """Take in the next bytes."""
        for one in self._hashes.values():
            one.update(data)
        if self._checksum:
            self._checksum.update(data)

    def update_pixels(self, stretch: memoryview) -> None:
        """Take in the next bytes, which are pixels."""
        self.update(stretch)
        if self._pixels:
            self._pixels.update(stretch)

    def texts(self) -> dict[str, str | None]:
        """Give the digests as the columns have them; that of pixels is null where there are none to tell apart."""
        made: dict[str, str | None] = {name: one.hexdigest() for name, one in self._hashes.items()}
        if self._checksum:
            made["crc64nvme"] = self._checksum.base64()
        if self._pixels:
            made["pixel_sha256"] = self._pixels.hexdigest()
        return made


def digests_of(content: bytes, pixel_sha256: str | None) -> dict[str, str | None]:
    """Give all digests of an object that is in memory, of whose pixels the digest is known."""
    digests = Digests()
    digests.update(content)
    return digests.texts() | {"pixel_sha256": pixel_sha256}
