"""The gates of a release as results of Great Expectations, with pages in the working store."""

import pytest

from expectations.suites.release import checks
from tasks.errors import GateError
from tasks.model import Finding, ReleaseFacts
from tasks.release.build import build_release
from tasks.store.memory import MemoryStore
from tasks.validate.releases import counts_of, release_check
from tests.release.batches import Batch, Installation, some_images


def facts(**counts: int) -> ReleaseFacts:
    found = [
        Finding(one.rule_id, "release", one.name.split(" ")[1], counts.get(one.rule_id[2:], 0)) for one in checks()
    ]
    return ReleaseFacts("2026.11", found, is_whole=True)


def test_facts_of_several_batches_add_up() -> None:
    findings = [Finding("I-COUNT", "release", f"s1/{batch} ledger", count) for batch, count in (("b1", 1), ("b2", 2))]
    assert counts_of([*findings, Finding("D-ZIP", "release", "subject.zip3", 0)]) == {
        "I-COUNT batches.ledger": 3,
        "D-ZIP subject.zip3": 0,
    }


def test_a_sound_release_passes_and_its_pages_need_nothing_else() -> None:
    work = MemoryStore("work")
    verdict = release_check(work)(facts())
    assert (verdict.passed, verdict.undecided) == (True, ())
    pages = {one.key: work.read(one.key).decode() for one in work.list()}
    assert {key.rsplit("/", 1)[-1] for key in pages} == {"index.html", "release.html", "validation.md"}
    assert verdict.report in pages
    assert not any(word in page for page in pages.values() for word in ("http:", "https:", "<script", "url("))
    assert release_check(work)(facts()) == verdict
    assert len(list(work.list())) == len(pages)


def test_a_gate_that_fired_is_named_and_the_pages_say_why() -> None:
    work = MemoryStore("work")
    verdict = release_check(work)(facts(ZIP=3))
    assert (verdict.passed, verdict.undecided) == (False, ())
    assert "The release is refused by D-ZIP" in work.read(verdict.report).decode()


def test_what_was_not_counted_is_no_pass() -> None:
    whole = facts()
    verdict = release_check(MemoryStore("work"))(ReleaseFacts("2026.11", whole.findings[1:], is_whole=True))
    assert not verdict.passed
    assert verdict.undecided == ("I-COUNT at batches.ledger (not counted)",)


def test_a_release_is_built_and_refused_by_its_suite() -> None:
    installation = Installation()
    Batch("s1/b1", some_images("A", study="1")).write(installation.work)
    check = release_check(installation.work)
    report = build_release("2026.11", context=installation.context, check=check).report
    assert b"every one of" in installation.work.read(report)
    Batch("s1/b2", some_images("B", study="2"), subjects={"B": {"zip3": "036"}}).write(installation.work)
    with pytest.raises(GateError, match=r"D-ZIP at subject.zip3 \(1\)") as refused:
        build_release("2026.12", context=installation.context, check=check)
    key = refused.value.next_step.removeprefix("read ").split(" ")[0]
    assert b"The release is refused by D-ZIP" in installation.work.read(key)
    assert not any("2026.12" in key for key in installation.contents())
