"""What data must look like: one schema module per table, and the Great Expectations suites derived from them."""
