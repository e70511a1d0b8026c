"""``python -m expectations.suites`` writes the suites as JSON again."""

from expectations.suites.catalog import write_json

write_json()
