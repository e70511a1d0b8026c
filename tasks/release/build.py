"""Build a release: select, merge, check, render, publish. The module of this stage that knows both stores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from expectations.schemas.catalog import CANONICAL
from tasks.model import Finding, ReleaseFacts, ReleaseVerdict
from tasks.release.change_log import NOTHING, change_log, count_changes, entity_digests, held_entities
from tasks.release.commit import Prepared, absent_objects, publish, resized_objects, stands
from tasks.release.gates import (
    batch_findings,
    by_counts,
    cohort_findings,
    content_findings,
    difference_findings,
    key_findings,
    refuse,
    standing_findings,
    tree_findings,
)
from tasks.release.merging import merged
from tasks.release.model import Collection, ReleaseContext, ReleasePlan, ReleaseReport, Tables
from tasks.release.reading import open_tables, read_commit, read_pointer
from tasks.release.rendering import rendered
from tasks.release.selection import RELEASED, accepted_batches
from tasks.release.tables import Before, Edition, in_form, release_tables
from tasks.store import ReadOnlyStore

Check = Callable[[ReleaseFacts], ReleaseVerdict]


@dataclass(frozen=True, slots=True)
class Draft:
    """A release ready to be published, and what it changes."""

    prepared: Prepared
    changes: Mapping[str, Mapping[str, int]]
    collection: Collection
    report: str


def build_release(
    version: str,
    *,
    context: ReleaseContext,
    progress: Callable[[int, int], None] | None = None,
    check: Check = by_counts,
) -> ReleaseReport:
    """Build and publish a release of all accepted batches; nothing happens if this very release stands already.

    Parameters
    ----------
    progress
        Told after each copied object: how many are done, of how many.
    check
        Judges what was counted.

    Raises
    ------
    ConfigError
        If the version does not have the form that the policy asks for.
    BatchNotReadyError
        If there is nothing to release.
    GateError
        If a gate refuses the content, or the version is taken; nothing was published.
    VerificationError
        If the store does not hold what was written; nothing was published.
    """
    draft = _draft(version, context, check)
    commit = draft.prepared.commit
    unchanged = stands(context.release, commit)
    copied = publish(draft.prepared, context, progress)
    return ReleaseReport(
        version=version,
        previous_version=commit.previous_version,
        root_digest=commit.root_digest,
        counts=commit.counts,
        changes=draft.changes,
        held=commit.held,
        held_subjects=draft.collection.held_subjects,
        found=_by_rule(draft.collection.found),
        objects_copied=copied,
        unchanged=unchanged,
        report=draft.report,
    )


def plan_release(version: str, *, context: ReleaseContext) -> ReleasePlan:
    """Say what `build_release` would do; writes nothing, and raises what it would raise before its first write."""
    draft = _draft(version, context, by_counts)
    commit = draft.prepared.commit
    absent = absent_objects(context.release, draft.prepared.instances)
    return ReleasePlan(
        version=version,
        previous_version=commit.previous_version,
        root_digest=commit.root_digest,
        counts=commit.counts,
        changes=draft.changes,
        held=commit.held,
        held_subjects=draft.collection.held_subjects,
        found=_by_rule(draft.collection.found),
        objects_to_copy=absent.num_rows,
        bytes_to_copy=int(pc.sum(absent["size"]).as_py() or 0),
        stands=stands(context.release, commit),
    )


def _draft(version: str, context: ReleaseContext, check: Check) -> Draft:
    context.policy.check_version(version)
    batches = accepted_batches(context.work, context.policy)
    collection, findings = merged(batches)
    counted = [*(finding for batch in batches for finding in batch_findings(batch)), *findings]
    _judge_if_fired(ReleaseFacts(version, counted, is_whole=False), context, check)
    previous = _previous_version(context.release, version)
    address = (context.policy.address or context.release.address).partition("?")[0].rstrip("/")
    edition = Edition(version, previous, context.policy, address if address.startswith("s3://") else "")
    before = _before(context.release, previous)
    now = entity_digests(collection.tables)
    tables = release_tables(collection.tables, edition, now, before)
    counted += _findings(tables, context)
    _judge_if_fired(ReleaseFacts(version, counted, is_whole=False), context, check)
    held = held_entities(before.tables, collection.held)
    log = in_form(CANONICAL["change_log"], change_log(version, now, before.digests, held))
    prepared = rendered(tables | {"change_log": log}, edition, collection, batches)
    counted += [*key_findings("change_log", {"change_log": log}), *difference_findings(log, now, before.digests)]
    counted += standing_findings(
        prepared.commit,
        read_commit(context.release, version),
        resized_objects(context.release, prepared.instances),
    )
    report = _judge(ReleaseFacts(version, counted, is_whole=True), context, check)
    return Draft(prepared, count_changes(log), collection, report)


def _judge_if_fired(facts: ReleaseFacts, context: ReleaseContext, check: Check) -> None:
    """Stop early by what would only lead to more of the same, since later steps rely on it."""
    if any(finding.count for finding in facts.findings):
        _judge(facts, context, check)


def _judge(facts: ReleaseFacts, context: ReleaseContext, check: Check) -> str:
    verdict = check(facts)
    refuse(facts, verdict, context.work.address)
    return verdict.report


def _by_rule(findings: Sequence[Finding]) -> dict[str, int]:
    return {finding.rule_id: finding.count for finding in findings}


def _previous_version(release: ReadOnlyStore, version: str) -> str | None:
    """Give the version that a release follows: as its commit says if there is one, else the current one.

    The pointer is read before the commit: a builder that moves it in between has committed before.
    """
    pointer = read_pointer(release)
    commit = read_commit(release, version)
    if commit is not None:
        return commit.previous_version
    return pointer.release_version if pointer else None


def _before(release: ReadOnlyStore, previous: str | None) -> Before:
    if previous is None:
        return Before({}, NOTHING)
    tables = open_tables(release, previous, RELEASED)
    return Before(tables, entity_digests(tables))


def _findings(tables: Tables, context: ReleaseContext) -> Sequence[Finding]:
    keys = [finding for name in tables for finding in key_findings(name, tables)]
    content = content_findings(tables, context.policy)
    return [*keys, *tree_findings(tables), *content, *cohort_findings(tables)]
