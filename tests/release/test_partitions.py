"""Shares hold, nobody moves, and neither order nor the size of batches decides who is where."""

import random
import time
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.keys import KeyRing
from config.release import PartitionPolicy
from expectations.schemas.catalog import BATCH
from expectations.schemas.table import table_of
from tasks.release.balance import distances
from tasks.release.model import SEQUESTERED
from tasks.release.partitions import assigned, attributes, quotas
from tests.release.batches import RING, Batch, a_policy, a_subject, some_images

SEX, RACE, SITE = ("Female", "Male", "Not Reported"), ("White", "Asian", "Other", "Not Reported"), "abcdefgh"
PERCENT = 20


def a_cohort(size: int, *, seed: int = 1, first: int = 0) -> pa.Table:
    """Subjects with skewed attributes, so that some strata hold hundreds and many hold one."""
    chance = random.Random(seed)  # noqa: S311 -- a test's cohort
    return pa.table(
        {
            "subject_id": [f"S{number:06}" for number in range(first, first + size)],
            "sex": chance.choices(SEX, (50, 45, 5), k=size),
            "race": chance.choices(RACE, (60, 25, 10, 5), k=size),
            "site": chance.choices(SITE, (40, 25, 15, 10, 5, 3, 1, 1), k=size),
        }
    )


def shuffled(facts: pa.Table, seed: int) -> pa.Table:
    rows = list(range(facts.num_rows))
    random.Random(seed).shuffle(rows)  # noqa: S311 -- a test's order
    return facts.take(pa.array(rows, pa.int64()))


def in_batches(facts: pa.Table, size: int) -> dict[str, str]:
    """Assign a cohort that grows, as releases do."""
    known: dict[str, str] = {}
    for end in range(size, facts.num_rows + size, size):
        now = assigned(facts.slice(0, end), known, percent=PERCENT, ring=RING)
        assert now.items() >= known.items(), "nobody moves"
        known = now
    return known


def sequestered(partitions: dict[str, str]) -> int:
    return sum(part == SEQUESTERED for part in partitions.values())


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), max_size=30), st.integers(0, 99))
def test_the_sequestered_are_the_nearest_number_to_their_share_if_the_new_ones_allow(
    counts: Sequence[tuple[int, int, int]], percent: int
) -> None:
    """Whatever was assigned before, in whatever strata."""
    strata = [(open_ + before + new, before, new) for open_, before, new in counts]
    given_ = quotas(strata, percent)
    assert all(0 <= quota <= new for quota, (_, _, new) in zip(given_, strata, strict=True))
    size, before, new = (sum(one[place] for one in strata) for place in range(3))
    wanted = min(max(percent * size / 100, before), before + new)
    assert abs(sum(given_) + before - wanted) <= 0.5


@pytest.mark.parametrize("size", [1, 2, 3, 10, 101, 5000])
def test_the_share_is_the_nearest_whole_number_of_subjects(size: int) -> None:
    assert sequestered(assigned(a_cohort(size), {}, percent=PERCENT, ring=RING)) == round(size * PERCENT / 100)


@given(st.integers(0, 10_000))
def test_the_order_of_subjects_does_not_matter(seed: int) -> None:
    facts = a_cohort(60)
    assert assigned(shuffled(facts, seed), {}, percent=PERCENT, ring=RING) == assigned(
        facts, {}, percent=PERCENT, ring=RING
    )


@pytest.mark.parametrize("size", [7, 100, 999])
def test_shares_and_balance_hold_whatever_the_size_of_batches(size: int) -> None:
    facts = a_cohort(3000)
    partitions = in_batches(facts, size)
    assert abs(sequestered(partitions) / 3000 - 0.2) < 0.01
    assert max(distance or 0 for distance in distances(facts, partitions).values()) < 0.05


def test_every_stratum_of_some_size_gives_up_its_share() -> None:
    facts = a_cohort(20_000)
    partitions = assigned(facts, {}, percent=PERCENT, ring=RING)
    strata = list(zip(*(facts[name].to_pylist() for name in facts.schema.names[1:]), strict=True))
    sizes = Counter(strata)
    taken = Counter(
        stratum
        for stratum, subject in zip(strata, facts["subject_id"].to_pylist(), strict=True)
        if partitions[subject] == SEQUESTERED
    )
    assert all(abs(taken[stratum] - size * PERCENT / 100) <= 1 for stratum, size in sizes.items())


def test_strata_of_one_subject_are_sequestered_as_often_as_others() -> None:
    """Rare people must not all be open: their strata are one subject each."""
    size = 1000
    facts = pa.table(
        {
            "subject_id": [f"S{number:04}" for number in range(size)],
            "race": ["rare" if number % 10 == 0 else "usual" for number in range(size)],
            "site": [f"site{number}" if number % 10 == 0 else "large" for number in range(size)],
        }
    )
    partitions = assigned(facts, {}, percent=PERCENT, ring=RING)
    rare = [partitions[f"S{number:04}"] for number in range(0, size, 10)]
    assert abs(rare.count(SEQUESTERED) - 20) <= 1


def test_later_subjects_fill_towards_the_share_and_nobody_is_moved() -> None:
    facts = a_cohort(1000)
    earlier = dict.fromkeys(facts["subject_id"].to_pylist()[:400], "open")
    partitions = assigned(facts, earlier, percent=PERCENT, ring=RING)
    assert partitions.items() >= earlier.items()
    assert sequestered(partitions) == 200


def test_a_stratum_that_gave_too_many_before_is_made_up_for_by_its_neighbours() -> None:
    facts = a_cohort(1000)
    earlier = dict.fromkeys(facts["subject_id"].to_pylist()[:100], SEQUESTERED)
    assert sequestered(assigned(facts, earlier, percent=PERCENT, ring=RING)) == 200


def test_another_key_takes_other_subjects() -> None:
    facts = a_cohort(500)
    one, other = (assigned(facts, {}, percent=PERCENT, ring=KeyRing(1, {1: bytes([byte]) * 32})) for byte in (1, 2))
    assert one != other
    assert sequestered(one) == sequestered(other) == 100


def test_a_hundred_thousand_subjects_take_seconds() -> None:
    facts = a_cohort(100_000)
    started = time.process_time()
    partitions = assigned(facts, {}, percent=PERCENT, ring=RING)
    assert time.process_time() - started < 10
    assert sequestered(partitions) == 20_000


def policy_of(*names: str) -> PartitionPolicy:
    return a_policy(partition={"attributes": names}).partition


def test_attributes_are_those_of_the_policy_in_its_order() -> None:
    images = some_images("SA", study="1")
    tables = {name: table_of(BATCH[name], rows) for name, rows in Batch("s/b", images).rows.items()}
    facts = attributes(tables, policy_of("site", "modality", "covid19_status", "race", "ethnicity"))
    assert facts.to_pylist() == [
        {
            "subject_id": "SA", "site": "s01", "modality": "CT", "covid19_status": "Positive", "race": "Other",
            "ethnicity": "Not Reported",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("age", "is_old", "band"),
    [(0, False, "0-17"), (17, False, "0-17"), (18, False, "18-29"), (79, False, "70-79"), (89, False, "80+"),
     (None, True, "80+"), (None, None, "Not Reported"), (None, False, "Not Reported")],
)  # fmt: skip
def test_ages_come_in_the_bands_of_the_policy(age: int | None, is_old: bool | None, band: str) -> None:  # noqa: FBT001
    row = a_subject("SA") | {"age_at_index": age, "age_at_index_gt89": is_old}
    tables = {
        "subject": table_of(BATCH["subject"], [row]),
        "imaging_study": BATCH["imaging_study"].schema.empty_table(),
    }
    facts = attributes(tables, policy_of("age_band", "modality"))
    assert facts.to_pylist() == [{"subject_id": "SA", "age_band": band, "modality": "Not Reported"}]


def test_a_subject_of_several_modalities_has_them_all_in_order() -> None:
    study = {"subject_id": "SA", "day": 1, "loinc_basis": "unmapped", "n_series": 1, "n_instances": 1}
    study |= {"days_to_positive_tests": [], "days_to_negative_tests": [], "age_at_study": 61}
    studies = [
        study | {"study_uid": "2.25.1", "modalities": ["DX"]},
        study | {"study_uid": "2.25.2", "modalities": ["CT", "DX"]},
    ]
    tables = {
        "subject": table_of(BATCH["subject"], [a_subject("SA")]),
        "imaging_study": table_of(BATCH["imaging_study"], studies),
    }
    assert attributes(tables, policy_of("modality"))["modality"].to_pylist() == ["CT+DX"]
