"""Personal data at rest: sealed under the key ring, so that a copy of the private prefix alone tells nothing.

AES-SIV (RFC 5297) is used: it needs no random number, so the same content gives the same bytes in every run, and what
that tells, that two contents of one subject are equal, is no secret here.
"""

import hashlib
import hmac
import json
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from config.keys import KeyRing
from tasks.errors import VerificationError
from tasks.identifiers.needle import Kind, Needle

_PURPOSE = b"imaging-curation/1/seal"


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hmac.digest(key, _PURPOSE, hashlib.sha512))


def sealed(ring: KeyRing, content: bytes, *, about: str) -> bytes:
    """Give content sealed under the current key.

    Parameters
    ----------
    about
        What the content belongs to, such as a subject; it opens as the content of nothing else.
    """
    return _cipher(ring.key).encrypt(content, [about.encode()])


def unsealed(ring: KeyRing, content: bytes, *, about: str) -> bytes:
    """Give sealed content open, whichever version of the key it was sealed under.

    Raises
    ------
    VerificationError
        If no key of the ring opens it as the content of this.
    """
    for version in sorted(ring.keys, key=lambda version: version != ring.current):
        try:
            return _cipher(ring.keys[version]).decrypt(content, [about.encode()])
        except InvalidTag:
            continue
    raise VerificationError(
        "sealed content cannot be opened",
        next_step="name the key ring that it was sealed under, or run the batch again",
    )


def sealed_needles(ring: KeyRing, needles: frozenset[Needle], *, about: str) -> bytes:
    """Give the needles of a subject sealed; equal ones give the same bytes."""
    written = sorted((needle.kind, needle.text, needle.neighbours) for needle in needles)
    return sealed(ring, json.dumps(written).encode(), about=about)


def opened_needles(ring: KeyRing, content: bytes, *, about: str) -> frozenset[Needle]:
    """Give the needles that were sealed of a subject.

    Raises
    ------
    VerificationError
        If no key of the ring opens them.
    """
    written = json.loads(unsealed(ring, content, about=about))
    return frozenset(Needle(Kind(kind), text, neighbours) for kind, text, neighbours in written)
