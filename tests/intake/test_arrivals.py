"""Complete batches, and the token that starts each once."""

from pathlib import Path

import pytest

from tasks.intake.arrivals import arrival_token, complete_batches, known_sites
from tasks.store.memory import MemoryStore


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    for code in ("s02", "s01"):
        (tmp_path / f"{code}.toml").write_text("")
    (tmp_path / "notes.txt").write_text("")
    return tmp_path


def raw_with(*keys: str) -> MemoryStore:
    raw = MemoryStore()
    for key in keys:
        raw.create(key, b"")
    return raw


def test_known_sites_are_those_with_a_file(sites: Path) -> None:
    assert known_sites(sites) == ["s01", "s02"]


def test_complete_batches_of_known_sites_are_found_in_order(sites: Path) -> None:
    raw = raw_with(
        "s02/b1/_COMPLETE",
        "s01/b2/_COMPLETE",
        "s01/b1/_COMPLETE",
        "s01/b1/a.dcm",
        "s01/half/a.dcm",
        "s01/nested/b1/_COMPLETE",
        "s01/no plain name/_COMPLETE",
        "s01/_COMPLETE",
        "s03/b1/_COMPLETE",
    )
    found = [(arrival.site, arrival.batch) for arrival in complete_batches(raw, sites)]
    assert found == [("s01", "b1"), ("s01", "b2"), ("s02", "b1")]


def test_a_token_stays_until_the_marker_is_written_anew(sites: Path) -> None:
    raw = raw_with("s01/b1/_COMPLETE", "s01/b2/_COMPLETE")
    first = [arrival.token for arrival in complete_batches(raw, sites)]
    assert [arrival.token for arrival in complete_batches(raw, sites)] == first
    assert len(set(first)) == 2
    raw.delete("s01/b1/_COMPLETE")
    raw.create("s01/b1/_COMPLETE", b"again")
    second = [arrival.token for arrival in complete_batches(raw, sites)]
    assert second[0] != first[0]
    assert second[1] == first[1]


def test_names_that_run_together_have_different_tokens() -> None:
    assert arrival_token("s1", "2", "e") != arrival_token("s", "12", "e")
