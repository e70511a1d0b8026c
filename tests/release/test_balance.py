import json
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.distance import jensen_shannon
from tasks.release.balance import balance_findings, balance_report, distances

counts = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 50), min_size=1)


def test_the_distance_of_what_shares_nothing_is_one_and_of_equals_zero() -> None:
    assert jensen_shannon({"a": 3}, {"b": 5}) == 1
    assert jensen_shannon({"a": 3, "b": 1}, {"a": 6, "b": 2}) == 0
    assert jensen_shannon({"a": 3}, {}) is None


def test_the_distance_is_that_of_the_definition() -> None:
    """p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4)."""
    to_p = 0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25)
    to_q = math.log2(1 / 0.75)
    assert jensen_shannon({"a": 1, "b": 1}, {"a": 1}) == pytest.approx(math.sqrt((to_p + to_q) / 2))


@given(counts, counts)
def test_the_distance_is_symmetric_and_between_zero_and_one(one: dict[str, int], other: dict[str, int]) -> None:
    distance = jensen_shannon(one, other)
    assert distance is not None
    assert 0 <= distance <= 1 + 1e-12
    assert distance == pytest.approx(jensen_shannon(other, one))


def test_attributes_over_the_limit_are_told() -> None:
    facts = pa.table({"subject_id": ["A", "B", "C", "D"], "sex": ["F", "F", "M", "M"], "site": ["a", "b", "a", "b"]})
    partitions = {"A": "open", "B": "open", "C": "sequestered", "D": "sequestered"}
    found = distances(facts, partitions)
    assert found == {"sex": 1, "site": 0}
    (finding,) = balance_findings(found, limit=0.1, stage="release")
    assert (finding.rule_id, finding.place) == ("R-SPLIT-BALANCE", "partition.sex")
    report = json.loads(balance_report(found, partitions, percent=20, limit=0.1))
    assert (report["subjects"], report["distances"]) == ({"open": 2, "sequestered": 2}, {"sex": 1, "site": 0})


def test_a_part_without_subjects_has_no_distance() -> None:
    found = distances(pa.table({"subject_id": ["A"], "sex": ["F"]}), {"A": "open"})
    assert found == {"sex": None}
    assert balance_findings(found, limit=0.1, stage="release") == []
