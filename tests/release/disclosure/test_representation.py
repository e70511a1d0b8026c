import json
import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.release import load_population, load_release_policy
from tasks.release.build import build_release
from tasks.release.disclosure.representation import counts_of, distance
from tasks.store.memory import MemoryStore
from tests.release.batches import Installation, a_policy

shares = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1000), min_size=1)


@given(shares, shares)
def test_the_distance_is_a_distance(first: dict[str, int], second: dict[str, int]) -> None:
    """Symmetric, between 0 and 1, and 0 for the same shares whatever the totals."""
    assert distance(first, second) == pytest.approx(distance(second, first), abs=1e-12)
    assert 0 <= distance(first, second) <= 1
    assert distance(first, {value: 7 * count for value, count in first.items()}) == pytest.approx(0, abs=1e-7)


@given(shares, shares, shares)
def test_no_way_round_is_shorter(first: dict[str, int], second: dict[str, int], third: dict[str, int]) -> None:
    assert distance(first, third) <= distance(first, second) + distance(second, third) + 1e-9


def test_shares_without_a_common_value_are_as_far_as_can_be() -> None:
    assert distance({"a": 1}, {"b": 9}) == 1
    half = (0.5 * math.log2(2 / 3) + 0.5 * math.log2(2) + math.log2(4 / 3)) / 2  # shares 1/2 1/2 and 1 0, mean 3/4 1/4
    assert distance({"a": 1, "b": 1}, {"a": 1}) == pytest.approx(math.sqrt(half))
    assert distance({}, {"a": 1}) == 0


def test_what_nobody_said_is_a_value_of_its_own() -> None:
    assert counts_of(pa.table({"sex": ["Male", None, "Male", "Female"]}), "sex") == {
        "Female": 1, "Male": 2, "Not Reported": 1,
    }  # fmt: skip


def test_the_plot_compares_parts_where_there_are_two(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    alone = json.loads(installation.contents()["releases/2026.11/report/gates.json"])["representation"]
    assert alone["between_parts"] == {}
    policy = a_policy(partition={"sequestered_percent": 34, "address": "s3://hidden/collection"})
    divided = replace(installation, policy=policy, sequestered=MemoryStore("hidden"))
    build_release("2026.12", context=divided.context)
    figures = json.loads(divided.contents()["releases/2026.12/report/gates.json"])["representation"]
    assert set(figures["between_parts"]) == set(policy.partition.attributes)
    plot = divided.contents()["releases/2026.12/report/representation.svg"].decode()
    assert "between the open and the sequestered part" in plot
    known = [value for value in figures["between_parts"].values() if value is not None]
    assert plot.count('r="6"') == len(figures["distance"]) + len(known)


def test_the_report_tells_the_distances_of_the_releases_before(installation: Installation) -> None:
    for version in ("2026.10", "2026.11", "2026.12"):
        build_release(version, context=installation.context)
    figures = json.loads(installation.contents()["releases/2026.12/report/gates.json"])["representation"]
    assert [one["version"] for one in figures["history"]] == ["2026.10", "2026.11"]
    assert figures["history"][0]["distance"] == figures["distance"]
    assert set(figures["distance"]) == {"age_band", "country", "ethnicity", "race", "sex"}
    plot = installation.contents()["releases/2026.12/report/representation.svg"].decode()
    assert plot.count('fill="none"') == 2 * len(figures["distance"])


def test_the_page_names_no_subject(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    page = installation.contents()["releases/2026.11/report/index.html"].decode()
    assert "P-KANON" in page
    assert "<svg" in page
    assert "SUBJECTA" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("population,attribute,value,n\nother,sex,Male,1\n", "no population"),
        ("population,attribute,value,n\nmidrc-sample,age_band,0-9,1\n", "other age bands"),
        ("name,n\nx,1\n", "no file of populations"),
        ("population,attribute,value,n\nmidrc-sample,sex,Male,many\n", "no file of populations"),
    ],
)
def test_a_population_that_cannot_be_used_is_refused(tmp_path: Path, text: str, word: str) -> None:
    policy = load_release_policy()
    file = tmp_path / "population.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=word):
        load_population(policy.representation.model_copy(update={"population": str(file)}), policy.disclosure)
