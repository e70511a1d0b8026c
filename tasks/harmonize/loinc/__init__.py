"""The LOINC code of an imaging study: known descriptions first, then what the words say, then no code at all."""
