"""Who reads an object, told by its name."""

import pytest

from config.rules import ledger_rules
from tasks.intake.roles import intake_rule


@pytest.mark.parametrize(
    ("path", "size", "rule"),
    [
        ("_COMPLETE", 0, "IN-MARKER"),
        ("a/_COMPLETE", 0, None),
        ("declaration.json", 9, "IN-DECLARATION"),
        ("a/declaration.json", 9, "IN-TABLE"),
        ("manifest.tsv", 9, "IN-DECLARATION"),
        ("patients.csv", 9, "IN-TABLE"),
        ("a/b/LABS.XLSX", 9, "IN-TABLE"),
        ("events.jsonl", 0, "IN-TABLE"),
        ("notes.txt", 9, None),
        ("images.zip", 9, None),
        ("images/", 0, "IN-FOLDER"),
        ("images/", 9, None),
        ("IM0001", 9, None),
        ("1.2.840.csvx", 9, None),
    ],
)
def test_a_name_decides_who_reads_the_object(path: str, size: int, rule: str | None) -> None:
    assert intake_rule(path, size_bytes=size) == rule
    assert rule is None or ledger_rules()[rule].stage == "intake"
