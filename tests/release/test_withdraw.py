"""What is withdrawn is gone from tables, manifests and the store, and stays out; earlier releases are corrected."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from config.errors import ConfigError
from tasks.errors import BatchNotReadyError, GateError, VerificationError
from tasks.layout import WITHDRAWN
from tasks.release.build import build_release
from tasks.release.reading import open_tables
from tasks.release.verify import verify_release
from tasks.release.withdraw import plan_withdrawal, withdraw
from tasks.release.withdrawn import Withdrawal, present_findings, read_withdrawn, remember
from tasks.store import ReadOnlyStore
from tasks.store.memory import MemoryStore
from tests.release.batches import (
    SOME_WRITES,
    Batch,
    Installation,
    Stopped,
    StoppingStore,
    a_policy,
    first_batch,
    some_images,
)

CONSENT, DEFECT = "consent withdrawn", "defective"
A = Withdrawal("subject", "SUBJECTA", CONSENT)
STUDY = Withdrawal("study", "2.25.3", DEFECT)
SERIES = Withdrawal("series", "2.25.1.2", DEFECT)


def problems(installation: Installation, version: str | None = None) -> list[str]:
    return [one.check for one in verify_release(installation.release, version=version) if not one.is_note]


def log_of(installation: Installation) -> set[tuple[str, str, str, str | None]]:
    rows = open_tables(installation.release, None, ["change_log"])["change_log"].to_pylist()
    return {(row["entity"], row["entity_id"], row["change"], row["reason"]) for row in rows}


def objects(store: MemoryStore) -> set[str]:
    return {stored.key for stored in store.list("data/")}


@pytest.fixture
def released(installation: Installation) -> Installation:
    build_release("2026.11", context=installation.context)
    return installation


def test_a_withdrawn_subject_is_nowhere_but_in_the_log_and_the_withdrawals(released: Installation) -> None:
    before = objects(released.release)
    report = withdraw([A], "2026.12", context=released.context)
    assert (report.objects_removed, report.counts["n_subjects"], report.found["R-WITHDRAW"]) == (5, 2, 5)
    tables = open_tables(released.release)
    gone = tables.pop("withdrawals")
    assert not any("SUBJECTA" in str(table.to_pylist()) for name, table in tables.items() if name != "change_log")
    assert {("subject", "SUBJECTA", "withdrawn", CONSENT), ("study", "2.25.1", "withdrawn", CONSENT)} <= log_of(
        released
    )
    assert len([row for row in log_of(released) if row[2] == "withdrawn"]) == 1 + 2 + 3 + 5
    assert set(gone["key"].to_pylist()) == before - objects(released.release)
    told = gone.group_by(["entity", "entity_id", "reason", "withdrawn_release"]).aggregate([([], "count_all")])
    assert [tuple(row.values()) for row in told.to_pylist()] == [("subject", "SUBJECTA", CONSENT, "2026.12", 5)]
    assert problems(released) == []


def test_the_release_before_still_verifies_with_a_note_of_what_was_withdrawn(released: Installation) -> None:
    withdraw([A], "2026.12", context=released.context)
    found = verify_release(released.release, version="2026.11")
    assert [(one.check, one.is_note) for one in found] == [("R-WITHDRAW", True)]


def test_every_removed_object_leaves_a_tombstone_that_names_nobody(released: Installation) -> None:
    withdraw([A], "2026.12", context=released.context)
    stones = [json.loads(released.release.read(one.key)) for one in released.release.list("tombstones/")]
    guids = open_tables(released.release)["withdrawals"]["guid"].to_pylist()
    assert sorted(stone["guid"] for stone in stones) == sorted(guids)
    assert {(stone["reason"], stone["withdrawn_release"]) for stone in stones} == {(CONSENT, "2026.12")}
    assert "SUBJECTA" not in str(stones)


@pytest.mark.parametrize(
    ("asked", "removed", "gone"),
    [
        (SERIES, 2, {("series", "2.25.1.2"), ("instance", "2.25.1.2.1"), ("instance", "2.25.1.2.2")}),
        (STUDY, 2, {("subject", "SUBJECTB"), ("study", "2.25.3"), ("series", "2.25.3.1"),
                    ("instance", "2.25.3.1.1"), ("instance", "2.25.3.1.2")}),
    ],
)  # fmt: skip
def test_a_study_or_series_goes_with_what_it_leaves_empty(
    released: Installation, asked: Withdrawal, removed: int, gone: set[tuple[str, str]]
) -> None:
    report = withdraw([asked], "2026.12", context=released.context)
    assert report.objects_removed == removed
    left = {row for row in log_of(released) if row[2] == "withdrawn"}
    assert left == {(*one, "withdrawn", DEFECT) for one in gone}
    assert problems(released) == []


def test_the_next_batch_with_the_same_subject_stays_out(released: Installation) -> None:
    withdraw([A], "2026.12", context=released.context)
    Batch("site-c/batch-1", [*some_images("SUBJECTA", study="8"), *some_images("SUBJECTD", study="9")]).write(
        released.work
    )
    build_release("2027.01", context=released.context)
    tables = open_tables(released.release)
    assert "SUBJECTA" not in tables["subject"]["subject_id"].to_pylist()
    assert "2.25.8" not in tables["imaging_study"]["study_uid"].to_pylist()
    assert "SUBJECTD" in tables["subject"]["subject_id"].to_pylist()
    assert set(tables["withdrawals"]["withdrawn_release"].to_pylist()) == {"2026.12"}
    assert problems(released) == []


def test_objects_of_every_earlier_release_go(installation: Installation) -> None:
    """One that was replaced before is named by the first release only."""
    build_release("2026.10", context=installation.context)
    first = objects(installation.release)
    again = [
        *some_images("SUBJECTA", study="1", series=2, content="others"),
        *some_images("SUBJECTA", study="2", instances=1),
    ]
    replace_batch = Batch("site-a/batch-1", [*again, *some_images("SUBJECTB", study="3")], run="run2")
    replace_batch.write(installation.work)
    build_release("2026.11", context=installation.context)
    assert len(objects(installation.release) - first) == 4
    report = withdraw([A], "2026.12", context=installation.context)
    assert report.objects_removed == 9
    assert len(objects(installation.release)) == 5
    for version in ("2026.10", "2026.11", None):
        assert problems(installation, version) == []


def test_what_was_never_released_stays_out_too(installation: Installation) -> None:
    report = withdraw([A], "2026.11", context=installation.context)
    assert (report.objects_removed, report.counts["n_subjects"]) == (0, 2)


def test_an_id_that_is_of_nothing_or_of_another_kind_withdraws_nothing(released: Installation) -> None:
    for asked in (Withdrawal("subject", "SUBJECTX", CONSENT), Withdrawal("study", "SUBJECTA", CONSENT)):
        with pytest.raises(BatchNotReadyError, match=f"1 of the ids are of no {asked.entity} ") as refused:
            withdraw([A, asked], "2026.12", context=released.context)
        assert asked.entity_id not in str(refused.value)
    assert released.work.head(WITHDRAWN) is None


def test_a_reason_in_ones_own_words_is_refused_and_not_repeated(released: Installation) -> None:
    asked = [replace(A, reason="because of ZZCANARY")]
    for attempt in (withdraw, plan_withdrawal):
        with pytest.raises(ConfigError, match="no reason of a withdrawal") as refused:
            attempt(asked, "2026.12", context=released.context)
        assert "ZZCANARY" not in f"{refused.value} {refused.value.next_step}"
    assert released.work.head(WITHDRAWN) is None


def test_a_plan_says_what_would_go_and_writes_nothing(released: Installation) -> None:
    before = released.contents()
    plan = plan_withdrawal([A], "2026.12", context=released.context)
    assert (plan.objects_to_remove, plan.counts["n_subjects"], plan.changes["subject"]) == (5, 2, {"withdrawn": 1})
    assert released.contents() == before
    assert released.work.head(WITHDRAWN) is None


def test_withdrawing_again_changes_nothing_and_keeps_the_first_reason(released: Installation) -> None:
    withdraw([A], "2026.12", context=released.context)
    before = released.contents()
    report = withdraw([replace(A, reason=DEFECT)], "2026.12", context=released.context)
    assert report.unchanged
    assert released.contents() == before
    assert read_withdrawn(released.work)["reason"].to_pylist() == [CONSENT]


def test_records_of_two_at_once_are_both_kept() -> None:
    work = MemoryStore("w")
    raced = False

    class Raced(MemoryStore):
        def swap(self, key: str, data: bytes, *, expected: str | None) -> str:
            nonlocal raced
            if not raced:
                raced = True
                remember(work, [STUDY])
            return work.swap(key, data, expected=expected)

        def read_versioned(self, key: str) -> tuple[bytes, str] | None:
            return work.read_versioned(key)

    remember(Raced("raced"), [A])
    assert sorted(read_withdrawn(work)["entity_id"].to_pylist()) == ["2.25.3", "SUBJECTA"]


def test_a_release_in_the_making_is_not_published_once_something_in_it_is_withdrawn(released: Installation) -> None:
    """A builder has read what was withdrawn; then a withdrawal is remembered, before the builder commits."""
    Batch("site-c/batch-1", some_images("SUBJECTD", study="9")).write(released.work)

    class Meddling(StoppingStore):
        def create(self, key: str, data: bytes) -> bool:
            remember(released.work, [A])
            return self.inner.create(key, data)

        def copy_from(self, source: ReadOnlyStore, source_key: str, key: str, *, sha256: str) -> bool:
            return self.inner.copy_from(source, source_key, key, sha256=sha256)

    meddled = released.with_release(Meddling(released.release, after=1, lands=True))
    with pytest.raises(GateError, match="R-WITHDRAW: something was withdrawn while"):
        build_release("2026.12", context=meddled.context)
    assert released.release.head("releases/2026.12/_COMMIT.json") is None
    report = build_release("2026.12.1", context=released.context)
    assert (report.counts["n_subjects"], report.objects_removed) == (3, 5)


class Disturbed(StoppingStore):
    """A store in which something happens once, just before or after its first copy."""

    def __init__(self, inner: MemoryStore, what: Callable[[], object], *, copies_first: bool = True) -> None:
        super().__init__(inner, after=10**6, lands=True)
        self._todo, self._copies_first = [what], copies_first

    def copy_from(self, source: ReadOnlyStore, source_key: str, key: str, *, sha256: str) -> bool:
        copied = self._copies_first and super().copy_from(source, source_key, key, sha256=sha256)
        if self._todo:
            self._todo.pop()()
        return copied or super().copy_from(source, source_key, key, sha256=sha256)


@pytest.mark.parametrize("copies_first", [False, True], ids=["before a copy", "after a copy"])
def test_a_build_overtaken_by_a_withdrawal_takes_back_what_it_copied(
    released: Installation,
    copies_first: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    """A subject of the release before has come again with another study, and is withdrawn as that is copied."""
    Batch("site-c/batch-1", some_images("SUBJECTA", study="8")).write(released.work)
    Batch("site-d/batch-1", some_images("SUBJECTD", study="9")).write(released.work)
    disturbed = Disturbed(
        released.release, lambda: withdraw([A], "2027.01", context=released.context), copies_first=copies_first
    )
    with pytest.raises(GateError, match="R-WITHDRAW: something was withdrawn while"):
        build_release("2026.12", context=released.with_release(disturbed).context)
    named = open_tables(released.release)["imaging_instance"]["key"].to_pylist()
    assert objects(released.release) == set(named)
    assert "SUBJECTA" not in open_tables(released.release)["subject"]["subject_id"].to_pylist()
    assert problems(released) == []


def test_a_build_that_lists_the_store_after_a_withdrawal_began_copies_nothing(released: Installation) -> None:
    """It read what was withdrawn before: what is gone already looks to it as if it had to be copied."""

    class Listing(StoppingStore):
        def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
            if prefix == "data/" and not read_withdrawn(released.work).num_rows:
                withdraw([A], "2027.01", context=released.context)
            return self.inner.sizes(prefix)

    listing = Listing(released.release, after=1, lands=False)
    with pytest.raises(GateError, match="R-WITHDRAW: something was withdrawn while"):
        build_release("2026.12", context=released.with_release(listing).context)
    assert problems(released) == []


def test_what_a_killed_build_copied_of_somebody_withdrawn_is_taken_away(released: Installation) -> None:
    """No release names it, so that no table tells of it either."""
    Batch("site-c/batch-1", some_images("SUBJECTD", study="8")).write(released.work)
    disturbed = Disturbed(released.release, [].pop)
    with pytest.raises(IndexError):
        build_release("2026.12", context=released.with_release(disturbed).context)
    left = objects(released.release) - set(open_tables(released.release)["imaging_instance"]["key"].to_pylist())
    assert len(left) > 0
    report = withdraw([Withdrawal("subject", "SUBJECTD", CONSENT)], "2027.01", context=released.context)
    assert report.objects_removed == len(left)
    assert not left & objects(released.release)
    assert problems(released) == []


def test_a_store_that_keeps_what_it_was_told_to_remove_fails_the_withdrawal(released: Installation) -> None:
    class Keeping(StoppingStore):
        def delete(self, key: str) -> None:
            pass

    kept = released.with_release(Keeping(released.release, after=10**6, lands=True))
    with pytest.raises(VerificationError, match="5 withdrawn objects are still listed") as refused:
        withdraw([A], "2026.12", context=kept.context)
    assert "right to delete" in refused.value.next_step
    assert problems(released).count("R-WITHDRAW") == 5
    assert build_release("2026.12", context=released.context).objects_removed == 5
    assert problems(released) == []


@pytest.mark.parametrize("lands", [False, True], ids=["before the write", "after the write"])
def test_a_withdrawal_killed_at_any_write_is_finished_by_the_next_build(
    lands: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    first = Installation()
    images = [*some_images("SUBJECTA", study="1", instances=1), *some_images("SUBJECTB", study="2", instances=1)]
    Batch("s/b1", images).write(first.work)
    build_release("2026.11", context=first.context)

    def made() -> Installation:
        one = Installation()
        Batch("s/b1", images).write(one.work)
        for key, data in first.contents().items():
            one.release.create(key, data)
        return one

    undisturbed = made()
    counting = StoppingStore(undisturbed.release, after=10**6, lands=True)
    withdraw([A], "2026.12", context=undisturbed.with_release(counting).context)
    end = undisturbed.contents()
    for place in SOME_WRITES:  # the last are those of the commit, the pointer, the tombstone and the removal
        killed = made()
        stopping = StoppingStore(killed.release, after=range(1, counting.writes + 1)[place], lands=lands)
        with pytest.raises(Stopped):
            withdraw([A], "2026.12", context=killed.with_release(stopping).context)
        build_release("2026.12", context=killed.context)
        assert killed.contents() == end


def test_a_sequestered_subject_goes_from_its_own_store_and_is_never_named_in_the_open(
    installation: Installation,
) -> None:
    made = replace(installation, policy=a_policy(partition={"sequestered_percent": 34}), sequestered=MemoryStore("s"))
    build_release("2026.11", context=made.context)
    (hidden,) = open_tables(made.sequestered)["subject"]["subject_id"].to_pylist()
    report = withdraw([Withdrawal("subject", hidden, CONSENT)], "2026.12", context=made.context)
    assert report.objects_removed > 0
    assert report.sequestered_counts["n_instances"] == 0
    assert objects(made.sequestered) == set()
    assert open_tables(made.release)["withdrawals"].num_rows == 0
    assert [one for one in verify_release(made.sequestered) if not one.is_note] == []
    assert hidden not in str([table.to_pylist() for table in open_tables(made.release).values()])


def test_a_table_that_tells_of_something_withdrawn_is_found(released: Installation) -> None:
    tables = open_tables(released.release)
    remember(released.work, [A, SERIES])
    found = {one.place: one.count for one in present_findings(tables, read_withdrawn(released.work))}
    assert (found["subject.subject_id"], found["imaging_instance.series_uid"]) == (1, 2)
    assert present_findings(tables, read_withdrawn(MemoryStore("empty"))) == []


def test_a_record_of_another_form_is_refused(released: Installation) -> None:
    released.work.create(WITHDRAWN, released.release.read("releases/2026.11/tables/subject.parquet"))
    with pytest.raises(GateError, match="not of this version's form"):
        build_release("2026.12", context=released.context)


def test_what_only_an_earlier_release_has_is_withdrawn(released: Installation) -> None:
    left = [image for image in first_batch().images if image.subject != "SUBJECTA"]
    Batch("site-a/batch-1", left, run="run2").write(released.work)
    build_release("2026.11.2", context=released.context)
    assert withdraw([A], "2026.12", context=released.context).objects_removed == 5
    assert problems(released) == []


def test_an_object_that_had_two_guids_is_withdrawn_by_both(released: Installation) -> None:
    changed = released.with_policy(guid_prefix="dg.new")
    build_release("2026.11.2", context=changed.context)
    assert withdraw([A], "2026.12", context=changed.context).objects_removed == 5
    gone = open_tables(released.release)["withdrawals"]
    assert (gone.num_rows, len(set(gone["key"].to_pylist()))) == (10, 5)
    assert len(list(released.release.list("tombstones/"))) == 5
    assert problems(released) == []


def test_what_only_a_release_has_that_never_became_current_is_withdrawn(
    released: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its builder was stopped before the pointer moved, and another version was built instead."""
    Batch("site-c/batch-1", some_images("SUBJECTD", study="5")).write(released.work)
    with monkeypatch.context() as patch:
        patch.setattr("tasks.release.commit.point_to", stopped)
        with pytest.raises(Stopped):
            build_release("2026.11.2", context=released.context)
    Batch("site-c/batch-1", some_images("SUBJECTE", study="6"), run="run2").write(released.work)
    build_release("2026.11.3", context=released.context)
    asked = [Withdrawal("subject", "SUBJECTD", CONSENT)]
    assert withdraw(asked, "2026.12", context=released.context).objects_removed == 2
    assert (problems(released), problems(released, "2026.11.2")) == ([], [])


def stopped(*_: object) -> None:
    raise Stopped
