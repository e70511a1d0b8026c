"""Key rings that lie in a Prefect Secret block; only flows know Prefect, so they are handed on by the environment."""

import os
from typing import cast

from prefect.blocks.system import Secret

from config.errors import ConfigError
from config.keys import MAKE_ONE
from config.settings import Settings

PREFIX = "prefect:"
VARIABLE = "CURATE_KEY_RING_TEXT"


def resolve_key_ring(settings: Settings) -> Settings:
    """Give settings whose key ring can be loaded by worker processes.

    Raises
    ------
    ConfigError
        If the settings name a Secret block that does not exist.
    """
    if not settings.key_ring.startswith(PREFIX):
        return settings
    block = settings.key_ring.removeprefix(PREFIX)
    try:
        os.environ[VARIABLE] = cast("Secret[str]", Secret.load(block)).get()
    except ValueError:
        raise ConfigError(f"there is no Prefect Secret block {block!r}", next_step=MAKE_ONE) from None
    return settings.model_copy(update={"key_ring": f"env:{VARIABLE}"})
