"""Validate: Great Expectations decides what may go on; rows that break a rule are held, gates stop the batch."""
