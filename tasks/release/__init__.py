"""Many accepted batches become one release: whole, verifiable by anyone, and the same bytes when built again."""
