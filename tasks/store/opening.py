"""Addresses become stores here, and only here."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from config.errors import ConfigError
from config.settings import S3Options, Settings, describe
from tasks.store.local import LocalStore
from tasks.store.protocol import Store
from tasks.store.s3 import S3Store

ACCEPTED = (
    "give file:///folder, an absolute path, or s3://bucket[/prefix], the last with any of "
    f"?{'&'.join(f'{name}=…' for name in S3Options.model_fields)}"
)
StoreName = Literal["raw", "work", "release", "sequestered"]
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # general purpose bucket naming rules of AWS


def open_store(address: str, options: S3Options) -> Store:
    """Give the store at an address; nothing is contacted yet.

    Parameters
    ----------
    address
        ``file:///folder``, an absolute path, or ``s3://bucket[/prefix][?option=value&...]``.
    options
        How S3 is spoken to; an option in the address goes before it. Credentials are never in either.

    Raises
    ------
    ConfigError
        If it is no such address; the message does not repeat it, since it may hold a secret.
    """
    if address.startswith("/"):
        return LocalStore(Path(address))
    parts = urlsplit(address)
    if parts.scheme == "s3":
        return _open_s3(address, options)
    is_plain = parts.netloc in {"", "localhost"} and not parts.query and not parts.fragment
    if parts.scheme == "file" and is_plain and parts.path.strip("/"):
        return LocalStore(Path(unquote(parts.path)))
    raise ConfigError("an address of a store is empty or of an unknown kind", next_step=ACCEPTED)


def open_named(name: StoreName, settings: Settings) -> Store:
    """Give the store that the settings have under this name; nothing is contacted yet.

    Raises
    ------
    ConfigError
        If the settings name none, or its address is wrong.
    """
    address = str(getattr(settings, name))
    if not address:
        raise ConfigError(
            f"no {name} store is configured",
            next_step=f"give --{name} or CURATE_{name.upper()}, write a curate.toml, or start one with `curate up`",
        )
    return open_store(address, settings.s3)


def _open_s3(address: str, options: S3Options) -> Store:
    parts = urlsplit(address)
    if not BUCKET.fullmatch(parts.netloc) or parts.fragment:
        raise ConfigError("the address of an S3 store holds no valid bucket name", next_step=ACCEPTED)
    overrides = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        merged = S3Options.model_validate({**options.model_dump(), **overrides})
    except ValidationError as problem:
        raise ConfigError(
            f"the address of s3://{parts.netloc} is wrong: {describe(problem)}", next_step=ACCEPTED
        ) from None
    return S3Store(parts.netloc, unquote(parts.path).strip("/"), merged, address=address)
