"""When and in what order: Prefect flows, and the command line that calls the same functions."""

import logging

# Prefect records the lines of our loggers (PREFECT_LOGGING_EXTRA_LOGGERS) from the level that they themselves have.
for _name in ("flows", "tasks"):
    logging.getLogger(_name).setLevel(logging.INFO)
