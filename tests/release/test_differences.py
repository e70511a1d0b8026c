import csv
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import VerificationError
from tasks.release.build import build_release
from tasks.release.differences import COLUMNS, as_tsv, differences
from tasks.release.reading import open_tables
from tasks.release.rows import Rows, in_memory
from tests.release.batches import Batch, Installation, first_batch, second_batch, some_images


@pytest.fixture(scope="module")
def grown() -> Installation:
    """A second release with one more study of a known subject, and a third without a batch."""
    installation = Installation()
    first_batch().write(installation.work)
    second_batch().write(installation.work)
    build_release("2026.10", context=installation.context)
    Batch("site-c/batch-1", some_images("SUBJECTA", study="5", instances=1)).write(installation.work)
    build_release("2026.11", context=installation.context)
    fewer = installation.with_policy(batches=("site-a/batch-1",))
    build_release("2026.12", context=fewer.context)
    return installation


def told(rows: Rows) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = in_memory(rows, COLUMNS).to_pylist()
    return found


def test_neighbours_differ_by_what_the_change_log_says(grown: Installation, tmp_path: Path) -> None:
    log = open_tables(grown.release, "2026.11", ["change_log"])["change_log"]
    assert told(differences(grown.release, "2026.10", "2026.11", tmp_path)) == log.select(list(COLUMNS)).to_pylist()


def test_the_way_back_undoes_the_way_there(grown: Installation, tmp_path: Path) -> None:
    there = told(differences(grown.release, "2026.10", "2026.12", tmp_path))
    back = told(differences(grown.release, "2026.12", "2026.10", tmp_path))
    opposite = {"added": "withdrawn", "withdrawn": "added", "changed": "changed"}
    assert [(row["entity_id"], opposite[row["change"]], row["new_digest"], row["old_digest"]) for row in there] == [
        (row["entity_id"], row["change"], row["old_digest"], row["new_digest"]) for row in back
    ]
    assert {row["change"] for row in there} == {"withdrawn"}


def test_a_release_does_not_differ_from_itself(grown: Installation, tmp_path: Path) -> None:
    assert differences(grown.release, "2026.11", "2026.11", tmp_path).num_rows == 0


def test_a_release_that_is_not_there_cannot_be_compared(grown: Installation, tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=r"no release 2025\.1"):
        differences(grown.release, "2025.1", "2026.11", tmp_path)


def test_differences_are_written_one_a_row(grown: Installation, tmp_path: Path) -> None:
    rows = differences(grown.release, "2026.10", "2026.11", tmp_path)
    lines = b"".join(as_tsv(rows)).decode().splitlines()
    read = list(csv.DictReader(lines, delimiter="\t"))
    assert [{name: text or None for name, text in row.items()} for row in read] == told(rows)
