"""Keys of signatures: the secret one that a publisher signs releases with, and the public ones that readers check by.

Both have the form of minisign (https://jedisct1.github.io/minisign/), so that any minisign tool can use them.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from minisign import Error, KeyPair, PublicKey, SecretKey

from config.errors import ConfigError
from config.keys import read_secret

MAKE_ONE = "make a signing key with `curate keys new-signing FILE` and name it with CURATE_SIGNING_KEY"
_BAD = (Error, ValueError, IndexError)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret signing key; `public` is the text of the file that readers check by."""

    secret: SecretKey = field(repr=False)
    public: bytes


def parse_signing_key(text: str, *, name: str) -> SigningKey:
    """Read a secret key from its text, the two lines of a minisign key file without a password.

    Parameters
    ----------
    name
        Where the text came from; stands in the error.

    Raises
    ------
    ConfigError
        If the text is no such key, or has a password; the message holds no part of it.
    """
    try:
        secret = SecretKey.from_bytes(text.encode("ascii"))
        has_password = secret.is_encrypted()
    except _BAD:
        raise ConfigError(f"{name} is no signing key in the form of minisign", next_step=MAKE_ONE) from None
    if has_password:
        raise ConfigError(
            f"the signing key {name} has a password, which nobody is there to type",
            next_step="remove it with `minisign -C -W`, and keep the file where secrets are kept",
        )
    return SigningKey(secret, _public_text(secret.get_public_key()))


def _public_text(public: PublicKey) -> bytes:
    public.untrusted_comment = "public key of an imaging collection"
    return bytes(public).rstrip(b"\n") + b"\n"


def load_signing_key(name: str) -> SigningKey:
    """Load the signing key with this name, as a key ring is named: a file, or ``env:NAME`` for its text.

    Raises
    ------
    ConfigError
        If there is no such key, or it cannot be read.
    """
    return parse_signing_key(read_secret(name, kind="signing key", next_step=MAKE_ONE), name=name)


def write_signing_key(path: Path) -> SigningKey:
    """Write a new secret key, readable by its owner only, and the public one beside it as ``<name>.pub``.

    Raises
    ------
    ConfigError
        If one of the files exists: a key is never overwritten.
    """
    made = KeyPair.generate().secret_key
    made.untrusted_comment = "secret key of an imaging collection: losing it means that no release can be signed by it"
    text = bytes(made).decode("ascii").rstrip("\n") + "\n"
    key = parse_signing_key(text, name=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, content, mode in ((path, text.encode("ascii"), 0o600), (Path(f"{path}.pub"), key.public, 0o644)):
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            raise ConfigError(f"{file} exists; a key is never overwritten", next_step="name another file") from None
        with os.fdopen(handle, "wb") as open_file:
            open_file.write(content)
    return key


def parse_public_key(text: bytes, *, name: str) -> PublicKey:
    """Read a public key from its file's text, or from the one line of base64 that minisign's ``-P`` takes.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    try:
        return PublicKey.from_bytes(text) if b"\n" in text.strip() else PublicKey.from_base64(text.strip())
    except _BAD:
        raise ConfigError(f"{name} is no public key of minisign", next_step="ask the publisher for it") from None
