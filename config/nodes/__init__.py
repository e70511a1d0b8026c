"""Built-in descriptions of tables in forms that several sites send, in the words of a site file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _profile(name: str) -> Mapping[str, Any]:
    return tomllib.loads(files("config.nodes").joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def profile_names() -> list[str]:
    """Give the names of all built-in profiles."""
    entries = (entry.name for entry in files("config.nodes").iterdir())
    return sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml"))


def with_profile(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a site file says with what its profile adds: tables of patterns that it has not itself, and settings.

    Raises
    ------
    ValueError
        If there is no profile of this name.
    """
    if given["profile"] not in profile_names():
        raise ValueError(f"profile: is none of {', '.join(profile_names())}")
    added = _profile(given["profile"])
    tables, unread = list(given.get("tables", ())), list(given.get("not_read", ()))
    patterns = {one.get("pattern") for one in tables if isinstance(one, dict)}
    return {
        **given,
        "tables": [*tables, *(one for one in added["tables"] if one["pattern"] not in patterns)],
        "not_read": [*unread, *(one for one in added["not_read"] if one not in unread)],
        "index": {**added["index"], **given.get("index", {})},
    }
