"""The key ring: the one secret from which pseudonyms, UIDs and date offsets are made; never in config, logs or data."""

import base64
import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.errors import ConfigError

KEY_BYTES = 32  # HMAC-SHA-256: a key as long as the digest (RFC 2104, section 3)
MAKE_ONE = "make a key ring with `curate keys new FILE` and name it with --keys or CURATE_KEYS"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Versioned secret keys; `current` is the version that new work is done with."""

    current: int
    keys: Mapping[int, bytes] = field(repr=False)

    @property
    def key(self) -> bytes:
        """The key of the current version."""
        return self.keys[self.current]


def parse_key_ring(text: str, *, name: str) -> KeyRing:
    """Read a key ring from its TOML text.

    Parameters
    ----------
    text
        ``current = 1`` and a table ``[keys]`` of version = base64 of 32 bytes.
    name
        Where the text came from; stands in the error.

    Raises
    ------
    ConfigError
        If the text is no key ring; the message holds no part of it.
    """
    try:
        document = tomllib.loads(text)
        keys = {int(version): base64.b64decode(key, validate=True) for version, key in document["keys"].items()}
        ring = KeyRing(int(document["current"]), keys)
        sound = ring.current in keys and all(len(key) == KEY_BYTES for key in keys.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise ConfigError(f"{name} is no key ring (current, and 32-byte base64 keys by version)", next_step=MAKE_ONE)
    return ring


def load_key_ring(name: str) -> KeyRing:
    """Load the key ring with this name.

    Parameters
    ----------
    name
        ``env:NAME`` for an environment variable that holds the text, otherwise the path of a file
        (``file:PATH`` is accepted too).

    Raises
    ------
    ConfigError
        If there is no such ring, or it cannot be read.
    """
    text = read_secret(name, kind="key ring", next_step=MAKE_ONE)
    return parse_key_ring(text, name=name.removeprefix("file:"))


def read_secret(name: str, *, kind: str, next_step: str) -> str:
    """Give the text of the secret with this name: ``env:NAME`` for an environment variable, else a file.

    Parameters
    ----------
    kind, next_step
        What it is, and what to do if there is none; they stand in the error.

    Raises
    ------
    ConfigError
        If there is no such secret, or it cannot be read.
    """
    if not name:
        raise ConfigError(f"no {kind} is named", next_step=next_step)
    if name.startswith("env:"):
        text = os.environ.get(name.removeprefix("env:"))
        if text is None:
            raise ConfigError(f"the environment has no {kind} {name}", next_step=next_step)
        return text
    path = Path(name.removeprefix("file:"))
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"the {kind} file {path} cannot be read", next_step=next_step) from problem


def new_key_ring() -> str:
    """Give the text of a new key ring with one random key."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
    return (
        "# Secret. Losing it breaks the link to earlier releases; leaking it re-identifies them.\n"
        f'current = 1\n\n[keys]\n1 = "{key}"\n'
    )


def write_key_ring(path: Path) -> None:
    """Write a new key ring, readable by its owner only.

    Raises
    ------
    ConfigError
        If a file already stands at `path`: a key ring is never overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as problem:
        raise ConfigError(f"{path} exists; a key ring is never overwritten", next_step="name another file") from problem
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(new_key_ring())
