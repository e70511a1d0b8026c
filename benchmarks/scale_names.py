"""Names that `scale` and the process that it starts share."""

SHARD = "CURATE_SHARD__MAX_OBJECTS"
SITE, WARM_UP, BATCH = "s01", "warm-up", "b1"
