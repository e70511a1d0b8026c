"""Scores for any de-identified folder against an answer key: what leaked, what was kept, what was broken, apart."""
