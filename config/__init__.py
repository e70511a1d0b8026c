"""What may differ between sites, stores and releases: typed, frozen, and free of secrets."""
