"""Keys that lie in a Prefect Secret block; only flows know Prefect, so they are handed on by the environment."""

import os
from typing import cast

from prefect.blocks.system import Secret

from config.errors import ConfigError
from config.keys import MAKE_ONE
from config.settings import Settings
from config.signing import MAKE_ONE as MAKE_SIGNING

PREFIX = "prefect:"
VARIABLES = {"key_ring": ("CURATE_KEY_RING_TEXT", MAKE_ONE), "signing_key": ("CURATE_SIGNING_KEY_TEXT", MAKE_SIGNING)}


def resolve_keys(settings: Settings) -> Settings:
    """Give settings whose key ring and signing key can be loaded by worker processes.

    Raises
    ------
    ConfigError
        If the settings name a Secret block that does not exist.
    """
    found = {}
    for name, (variable, next_step) in VARIABLES.items():
        named = str(getattr(settings, name))
        if named.startswith(PREFIX):
            block = named.removeprefix(PREFIX)
            try:
                os.environ[variable] = cast("Secret[str]", Secret.load(block)).get()
            except ValueError:
                raise ConfigError(f"there is no Prefect Secret block {block!r}", next_step=next_step) from None
            found[name] = f"env:{variable}"
    return settings.model_copy(update=found) if found else settings
