"""Keeps pydicom from telling values: it logs and warns with the elements that it could not read."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import config


@contextmanager
def silenced() -> Iterator[None]:
    """Keep pydicom's log and warnings quiet, and its value checks off, until the block ends.

    Warnings and pydicom's settings belong to the process: use it in one thread at a time.
    """
    log = logging.getLogger("pydicom")
    modes = config.settings.reading_validation_mode, config.settings.writing_validation_mode
    disabled = log.disabled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.disabled = True
        config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE
        try:
            yield
        finally:
            log.disabled = disabled
            config.settings.reading_validation_mode, config.settings.writing_validation_mode = modes
