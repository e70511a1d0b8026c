"""An open part without anybody is refused, unless a withdrawal has emptied it."""

from dataclasses import replace

import pytest

from config.release import load_release_policy
from tasks.errors import GateError
from tasks.release.build import build_release, plan_release
from tasks.release.reading import committed, open_tables
from tasks.release.verify import verify_release
from tasks.release.withdraw import withdraw
from tasks.release.withdrawn import Withdrawal
from tasks.store.memory import MemoryStore
from tests.release.batches import Batch, Installation, a_policy, some_images

PEOPLE = ("SUBJECTA", "SUBJECTB", "SUBJECTC")
DISCLOSURE = load_release_policy().disclosure.model_dump()


def with_k(installation: Installation, k: int) -> Installation:
    return installation.with_policy(disclosure=DISCLOSURE | {"k": k})


def gone(*subjects: str) -> list[Withdrawal]:
    return [Withdrawal("subject", one, "consent withdrawn") for one in subjects]


def alike() -> Installation:
    """Three people who are alike, so that a k of three shows them all."""
    made = Installation()
    images = [image for number, one in enumerate(PEOPLE) for image in some_images(one, study=str(number + 1))]
    Batch("site-a/batch-1", images).write(made.work)
    return made


def test_a_release_in_which_everybody_is_held_is_refused(installation: Installation) -> None:
    few = with_k(installation, 50)
    for attempt in (build_release, plan_release):
        with pytest.raises(GateError, match=r"I-COHORT at subject: .* nobody \(P-KANON holds 10 images\)") as refused:
            attempt("2026.11", context=few.context)
        assert "[disclosure]" in refused.value.next_step
    assert few.contents() == {}


def test_a_collection_without_an_image_is_refused() -> None:
    made = Installation()
    Batch("site-a/batch-1", [], subjects={"SUBJECTA": {}}).write(made.work)
    with pytest.raises(GateError, match=r"I-COHORT at subject: .* nobody \(nothing is held\)"):
        build_release("2026.11", context=made.context)
    assert made.contents() == {}


def test_withdrawing_everybody_publishes_an_empty_release_and_so_does_the_next_build(
    installation: Installation,
) -> None:
    build_release("2026.11", context=installation.context)
    assert withdraw(gone(*PEOPLE), "2026.12", context=installation.context).counts["n_subjects"] == 0
    assert list(installation.release.list("data/")) == []
    assert build_release("2027.01", context=installation.context).counts["n_subjects"] == 0
    assert open_tables(installation.release)["withdrawals"].num_rows == 10
    assert [one for one in verify_release(installation.release) if not one.is_note] == []


def test_a_withdrawal_that_leaves_too_few_to_show_is_not_stopped_by_it() -> None:
    made = with_k(alike(), 3)
    assert build_release("2026.11", context=made.context).counts["n_subjects"] == 3
    report = withdraw(gone("SUBJECTA"), "2026.12", context=made.context)
    assert (report.counts["n_subjects"], report.held) == (0, {"P-KANON": 4})
    assert withdraw(gone("SUBJECTA"), "2026.12", context=made.context).unchanged
    with pytest.raises(GateError, match="I-COHORT at subject"):
        build_release("2027.01", context=made.context)
    assert committed(made.release, None).release_version == "2026.12"


def test_an_empty_sequestered_part_beside_an_open_one_is_no_fault() -> None:
    made = replace(alike(), policy=a_policy(partition={"sequestered_percent": 5}), sequestered=MemoryStore("hidden"))
    report = build_release("2026.11", context=made.context)
    assert (report.counts["n_subjects"], report.sequestered_counts["n_subjects"]) == (3, 0)
