"""The gates of a release as Great Expectations results: what was counted in, a verdict and Data Docs out."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from expectations.suites.release import NAME
from tasks.layout import release_report_key
from tasks.model import Finding, ReleaseFacts, ReleaseVerdict
from tasks.store import Store
from tasks.validate.outcome import Outcome

log = logging.getLogger(__name__)
BATCHES = "batches"
INDEX = "data_docs/index.html"


def release_check(work: Store) -> Callable[[ReleaseFacts], ReleaseVerdict]:
    """Give the function that judges what was counted of a release, and writes its pages to the working store.

    Pages lie under the digest of what they say, so that the same facts are the same pages.
    """

    def check(facts: ReleaseFacts) -> ReleaseVerdict:
        outcomes, pages = checked(facts)
        digest = hashlib.sha256("".join(pages[name] for name in sorted(pages)).encode()).hexdigest()[:16]
        for name, page in pages.items():
            work.create(release_report_key(facts.version, digest, name), page.encode())
        kept = sum(outcome.success for outcome in outcomes)
        log.info("checked release %s: %d of %d gates hold", facts.version, kept, len(outcomes))
        undecided = tuple(
            f"{outcome.rule_id} at {outcome.where} (not counted)" for outcome in outcomes if outcome.broken
        )
        index = release_report_key(facts.version, digest, INDEX)
        return ReleaseVerdict(kept == len(outcomes), index, undecided)

    return check


def checked(facts: ReleaseFacts) -> tuple[list[Outcome], dict[str, str]]:
    """Give what the suite says of a release, and the pages that show it by their names."""
    from tasks.validate.data_docs import Subject, data_docs  # noqa: PLC0415 -- it imports Great Expectations, slowly
    from tasks.validate.facts import Facts  # noqa: PLC0415
    from tasks.validate.report import release_report, release_verdict  # noqa: PLC0415
    from tasks.validate.running import run_suites  # noqa: PLC0415

    results = run_suites({}, {}, {NAME: Facts(counts_of(facts.findings))})
    outcomes = [outcome for result in results for outcome in result.outcomes]
    title = f"release {facts.version}"
    lead = "All gates" if facts.is_whole else "The gates before the one that fired; the others were not reached"
    verdict = release_verdict(outcomes)
    subject = Subject(title, lead, verdict, (), has_passed=all(outcome.success for outcome in outcomes))
    pages = {f"data_docs/{path}": page for path, page in data_docs(subject, results, outcomes).items()}
    return outcomes, pages | {"validation.md": release_report(title, verdict, outcomes)}


def counts_of(findings: Sequence[Finding]) -> dict[str, int]:
    """Give the findings as facts by their name; those of several batches add up."""
    counts: Counter[str] = Counter()
    for finding in findings:
        of_batch, _, part = finding.place.rpartition(" ")
        place = f"{BATCHES}.{part}" if of_batch else finding.place
        counts[f"{finding.rule_id} {place}"] += finding.count
    return dict(counts)
