"""The signature of a release: over its commit, and so over every digest that the commit binds, in minisign's form."""

from collections.abc import Iterator, Sequence
from typing import Final

from minisign import Error, PublicKey, Signature

from config.errors import ConfigError
from config.signing import SigningKey, parse_public_key
from tasks.layout import release_key
from tasks.release.model import Commit, Problem
from tasks.release.reading import COMMIT
from tasks.store import ReadOnlyStore

SIGNATURE: Final = f"{COMMIT}.minisig"
PUBLIC_KEY: Final = "minisign.pub"
UNBOUND: Final = (SIGNATURE, PUBLIC_KEY)  # files of a release that its commit cannot name
CHECK = "signature"


def signed(commit: Commit, key: SigningKey) -> dict[str, bytes]:
    """Give the signature of a commit, and the public key, by their keys; the same bytes every time."""
    signature = key.secret.sign(
        commit.to_bytes(),
        untrusted_comment=f"signature of {release_key(commit.release_version, COMMIT)}",
        trusted_comment=f"collection {commit.about.collection}, release {commit.release_version}",
    )
    return {
        release_key(commit.release_version, PUBLIC_KEY): key.public,
        release_key(commit.release_version, SIGNATURE): bytes(signature).rstrip(b"\n") + b"\n",
    }


def signature_problems(release: ReadOnlyStore, commit: Commit, trusted: Sequence[PublicKey]) -> Iterator[Problem]:
    """Check the signature of a release.

    Parameters
    ----------
    trusted
        The publisher's keys, had from elsewhere. If there are none, the key that lies in the release is used, which
        shows that nothing was damaged and not who signed: that is told as a note.
    """
    place, own = (release_key(commit.release_version, name) for name in (SIGNATURE, PUBLIC_KEY))
    found, named = release.read_versioned(place), release.read_versioned(own)
    if found is None:
        if trusted:
            yield Problem(CHECK, place, "the release is not signed")
        elif named is not None:
            yield Problem(CHECK, place, "the release has a public key and no signature")
        return
    keys = trusted or _keys(named[0] if named else b"")
    if not any(_verifies(key, commit, found[0]) for key in keys):
        yield Problem(CHECK, place, "the signature is not one of this commit by " + _whose(trusted))
    elif not trusted:
        detail = "good by the key that lies in the release itself; --public-key tells whether it is the publisher's"
        yield Problem(CHECK, place, detail, is_note=True)


def _whose(trusted: Sequence[PublicKey]) -> str:
    return "a key that you trust" if trusted else "the key of the release"


def _keys(text: bytes) -> list[PublicKey]:
    try:
        return [parse_public_key(text, name=PUBLIC_KEY)]
    except ConfigError:
        return []


def _verifies(key: PublicKey, commit: Commit, text: bytes) -> bool:
    try:
        key.verify(commit.to_bytes(), Signature.from_bytes(text))
    except (Error, ValueError, IndexError):
        return False
    return True
