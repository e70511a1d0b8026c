"""The Great Expectations suite of each table: derived from its schema, and the rules that its rows must keep.

Importing a suite imports Great Expectations, which takes seconds: only `tasks.validate` does so, and late.
"""

import os

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # before the first import of Great Expectations
