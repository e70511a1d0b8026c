"""Intake: what a contributor laid into the raw bucket, whether it is all there, and how the work on it is divided."""
