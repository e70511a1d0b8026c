"""What is done: small pure functions per stage, one `shard.py` each, and the catalog that binds them to Prefect."""
