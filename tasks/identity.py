"""Pseudonyms, UIDs and date offsets as keyed hashes: the same on every host, in any order, with no table to share.

All are HMAC-SHA-256 (RFC 2104) under keys derived per purpose, so that a value of one kind never equals one of another.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from functools import lru_cache

from config.keys import KeyRing

MIN_WEEKS = 52  # less than a year leaves season and pandemic wave readable
MAX_WEEKS = 520  # ten years keeps shifted dates plausible for scanner and software generations
_SEPARATOR = b"\x1f"
_UUID_VERSION_8 = (0xF << 76, 8 << 76)
_UUID_VARIANT = (0x3 << 62, 0x2 << 62)
_HMAC_MASKS = (0x36, 0x5C)


@lru_cache(maxsize=256)
def _derive(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, b"imaging-curation/1/" + purpose.encode("ascii"), hashlib.sha256)


def _keyed(ring: KeyRing, purpose: str, *parts: str) -> bytes:
    message = _SEPARATOR.join(part.encode("utf-8", "surrogateescape") for part in parts)
    return hmac.digest(_derive(ring.key, purpose), message, hashlib.sha256)


def subject_id(ring: KeyRing, issuer: str, patient_id: str) -> str:
    """Give the pseudonym of a patient.

    Parameters
    ----------
    issuer
        Who issued the id: the site, or the issuer that its file declares. Two issuers' equal ids are two people.
    patient_id
        Patient ID (0010,0020) or the same id in a clinical table; leading and trailing blanks do not count
        (PS3.5 section 6.2, LO).

    Returns
    -------
    str
        20 characters of RFC 4648 base32, 100 bits.
    """
    digest = _keyed(ring, "subject", issuer, patient_id.strip(" \0"))
    return base64.b32encode(digest).decode("ascii")[:20]


def pseudonymous_uid(ring: KeyRing, uid: str) -> str:
    """Give the UID that replaces a source UID everywhere: ``2.25.`` and a version 8 UUID (RFC 9562, section 5.8).

    Parameters
    ----------
    uid
        The source UID as it stands, valid or not; padding does not count.
    """
    number = int.from_bytes(_keyed(ring, "uid", uid.strip(" \0"))[:16], "big")
    for mask, bits in (_UUID_VERSION_8, _UUID_VARIANT):
        number = number & ~mask | bits
    return f"2.25.{number}"


def date_offset_days(ring: KeyRing, subject: str) -> int:
    """Give the days by which every date of a subject moves: whole weeks back, 52 to 520, so weekdays stay.

    Parameters
    ----------
    subject
        The subject's pseudonym.
    """
    weeks = MIN_WEEKS + int.from_bytes(_keyed(ring, "offset", subject)[:8], "big") % (MAX_WEEKS - MIN_WEEKS + 1)
    return -7 * weeks


def source_id(ring: KeyRing, key: str) -> str:
    """Give the public name of a raw object, or of an archive member ``<key>!<member>``: 32 hexadecimal digits."""
    return _keyed(ring, "source", key).hex()[:32]


def partition_rank(ring: KeyRing, *parts: str) -> bytes:
    """Give the place in line of a subject, or of a value of an attribute, when subjects are divided: 32 bytes.

    Who does not hold the key cannot tell beforehand which part a subject comes to.

    Parameters
    ----------
    parts
        ``subject`` and a pseudonym, or the name of an attribute and a value.
    """
    return _keyed(ring, "partition", *parts)


def source_blocks(ring: KeyRing) -> tuple[bytes, bytes]:
    """Give the inner and the outer block of `source_id`, for engines that have SHA-256 and no HMAC.

    HMAC (RFC 2104) is ``SHA256(outer + SHA256(inner + message))``: two digests, so that nothing can be appended to a
    message. The blocks are as secret as the key.
    """
    key = _derive(ring.key, "source").ljust(hashlib.sha256().block_size, b"\0")
    inner, outer = (bytes(byte ^ mask for byte in key) for mask in _HMAC_MASKS)
    return inner, outer


@dataclass(frozen=True, slots=True)
class Pseudonymizer:
    """The identity functions bound to one key ring and one id issuer, which is all that a site needs."""

    ring: KeyRing = field(repr=False)
    issuer: str

    def subject(self, patient_id: str) -> str:
        """Give the pseudonym of this issuer's patient."""
        return subject_id(self.ring, self.issuer, patient_id)

    def uid(self, uid: str) -> str:
        """Give the UID that replaces `uid`."""
        return pseudonymous_uid(self.ring, uid)

    def offset_days(self, subject: str) -> int:
        """Give the days by which the dates of `subject` move."""
        return date_offset_days(self.ring, subject)

    def source(self, key: str) -> str:
        """Give the public name of a raw object."""
        return source_id(self.ring, key)

    def source_blocks(self) -> tuple[bytes, bytes]:
        """Give the inner and the outer block of `source`, to make many at once; as secret as the key."""
        return source_blocks(self.ring)
