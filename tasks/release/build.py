"""Build a release: select, merge, divide, check, render, publish. The module of this stage that knows all stores."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from config.release import load_population
from tasks.errors import CurationError, GateError, StaleVersionError
from tasks.layout import disclosure_key, release_key, staged_key
from tasks.model import Finding, ReleaseFacts, ReleaseVerdict
from tasks.release.assignments import keep, moved_findings
from tasks.release.card import CONTACT_SHEET
from tasks.release.change_log import NOTHING, change_log, count_changes, entity_digests, held_entities
from tasks.release.commit import Bound, publish, standing_of
from tasks.release.contact_sheet import contact_sheet
from tasks.release.disclosure.control import Controlled, controlled
from tasks.release.disclosure.gates import file_findings, judged
from tasks.release.disclosure.known import Known
from tasks.release.division import Division, divided
from tasks.release.emptiness import refuse_empty, withdraws
from tasks.release.gates import (
    batch_findings,
    by_counts,
    cohort_findings,
    content_findings,
    difference_findings,
    key_findings,
    refuse,
    standing_findings,
    stop_at,
    tree_findings,
)
from tasks.release.lineage import public_lineage
from tasks.release.manifests import bytes_of
from tasks.release.merging import STAGE, merged
from tasks.release.model import (
    OPEN,
    SEQUESTERED,
    Changes,
    Collection,
    ReleaseContext,
    ReleasePlan,
    ReleaseReport,
    Tables,
)
from tasks.release.reading import COMMIT, current_version, fetched_tables, read_commit, table_name
from tasks.release.removal import standing_objects, take_away, take_back, withdrawals
from tasks.release.rendering import rendered
from tasks.release.report import earlier_distances
from tasks.release.rows import INSTANCES, OnDisk
from tasks.release.selection import RELEASED, accepted_batches
from tasks.release.staging import Staging
from tasks.release.tables import Before, Edition, release_tables, released_schema
from tasks.release.withdrawn import (
    WITHDRAW,
    Withdrawal,
    present_findings,
    read_withdrawn,
    withdrawn_entities,
    withdrawn_series,
    without_withdrawn,
)
from tasks.store import ReadOnlyStore
from tasks.store.files import create_from
from tasks.store.parquet import write_table

Check = Callable[[ReleaseFacts], ReleaseVerdict]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a release, ready to be published to its store, and what it changes there.

    `collection` is what it was made of, `record` the private record of what was coarsened in it.
    """

    bound: Bound
    changes: Changes
    withdrawals: pa.Table
    collection: Collection
    record: pa.Table


@dataclass(frozen=True, slots=True)
class Draft:
    """A release ready to be published, what it was made of, and the work key of the report of its checks.

    `withdrawn` is all that was ever withdrawn, `withdrawn_series` the UIDs of the series of batches that this concerns.
    """

    parts: Mapping[str, Part]
    collection: Collection
    division: Division
    withdrawn: pa.Table
    withdrawn_series: set[str]
    report: str

    @property
    def bound(self) -> list[Bound]:
        """The parts as they are published."""
        return [part.bound for part in self.parts.values()]

    @property
    def digest(self) -> str:
        """What a person approves: the root digest of the only part, or one digest over those of all parts."""
        roots = [part.prepared.commit.root_digest for part in self.bound]
        return roots[0] if len(roots) == 1 else hashlib.sha256("\n".join(roots).encode()).hexdigest()


def build_release(
    version: str,
    *,
    context: ReleaseContext,
    progress: Callable[[int, int], None] | None = None,
    approved: str = "",
    check: Check = by_counts,
) -> ReleaseReport:
    """Build and publish a release of all accepted batches; nothing happens if this very release stands already.

    Parameters
    ----------
    progress
        Told after each copied object: how many are done, of how many.
    approved
        The content digest of the plan that a person approved, which a policy may ask for.
    check
        Judges what was counted.

    Raises
    ------
    ConfigError
        If the version does not have the form that the policy asks for, or a part has no store or no key ring.
    BatchNotReadyError
        If there is nothing to release.
    GateError
        If a gate refuses the content, the version is taken, or the policy asks for an approval and this content has
        none; nothing was published.
    VerificationError
        If the store does not hold what was written; nothing was published.
    """
    with TemporaryDirectory(prefix="release-") as folder:
        draft = _draft(version, context, Path(folder), check=check)
        standing = [part.is_there for part in draft.bound]
        if context.policy.approval.required and not all(standing) and approved != draft.digest:
            raise GateError(
                f"release {version} waits for a person's approval of this very content; nothing was published",
                next_step="run the deployment build-release and decide in the Prefect UI",
            )
        try:
            keep(context.work, draft.division.record, draft.division.partitions, version)
        except StaleVersionError:
            return build_release(version, context=context, progress=progress, approved=approved, check=check)
        _keep_records(draft, context)
        try:
            copied = publish(draft.bound, context, progress, lambda: _nothing_withdrawn_since(draft, context))
        except CurationError:
            _take_back_withdrawn(draft, context)
            raise
        how = context.policy.withdrawal.objects
        removed = sum(take_away(part.bound.store, part.withdrawals, objects=how) for part in draft.parts.values())
        removed += sum(take_back(part.store, draft.withdrawn_series) for part in draft.bound)
    return ReleaseReport(
        **_summary(draft),
        objects_copied=copied,
        objects_removed=removed,
        unchanged=all(standing) and not removed,
        report=draft.report,
    )


def _nothing_withdrawn_since(draft: Draft, context: ReleaseContext) -> None:
    if not read_withdrawn(context.work).equals(draft.withdrawn):
        raise GateError(
            f"{WITHDRAW}: something was withdrawn while the release was built; nothing was published",
            next_step="build again under a new version",
        )


def _take_back_withdrawn(draft: Draft, context: ReleaseContext) -> None:
    """Take back what was copied for a release that was not published, and was withdrawn meanwhile."""
    withdrawn = read_withdrawn(context.work)
    for part in draft.bound:
        take_back(part.store, withdrawn_series([part.prepared.instances], withdrawn))


def plan_release(version: str, *, context: ReleaseContext, asked: Sequence[Withdrawal] = ()) -> ReleasePlan:
    """Say what `build_release` would do; writes nothing, and raises what it would raise before its first write.

    Parameters
    ----------
    asked
        What would be withdrawn before.
    """
    with TemporaryDirectory(prefix="release-") as folder:
        return _plan(_draft(version, context, Path(folder), asked))


def stage_release(version: str, *, context: ReleaseContext) -> ReleasePlan:
    """Lay all files of a release into the work store, for a person to look at; the release stores are not touched.

    Raises
    ------
    GateError
        As in `build_release`.
    """
    with TemporaryDirectory(prefix="release-") as folder:
        draft = _draft(version, context, Path(folder))
        for name, part in draft.parts.items():
            for key, path in part.bound.prepared.files.items():
                short = key.removeprefix(release_key(version, ""))
                create_from(context.work, staged_key(version, draft.digest, f"{name}/{short}"), path)
            commit = part.bound.prepared.commit.to_bytes()
            context.work.create(staged_key(version, draft.digest, f"{name}/{COMMIT}"), commit)
        _keep_records(draft, context)
        return _plan(draft)


def _keep_records(draft: Draft, context: ReleaseContext) -> None:
    for part in draft.parts.values():
        commit = part.bound.prepared.commit
        context.work.create(disclosure_key(commit.release_version, commit.root_digest), write_table(part.record))


def _plan(draft: Draft) -> ReleasePlan:
    absent = [part.standing.absent for part in draft.bound]
    standing = [standing_objects(part.bound.store, part.withdrawals) for part in draft.parts.values()]
    return ReleasePlan(
        **_summary(draft),
        objects_to_copy=sum(rows.num_rows for rows in absent),
        bytes_to_copy=sum(bytes_of(rows) for rows in absent),
        objects_to_remove=sum(map(len, standing)),
        stands=all(part.is_there for part in draft.bound),
    )


def _summary(draft: Draft) -> dict[str, Any]:
    """Give what the plan and the report of a release say alike."""
    commit = draft.parts[OPEN].bound.prepared.commit
    sequestered = draft.parts.get(SEQUESTERED)
    return {
        "version": commit.release_version,
        "previous_version": commit.previous_version,
        "root_digest": commit.root_digest,
        "content_digest": draft.digest,
        "counts": commit.counts,
        "changes": draft.parts[OPEN].changes,
        "held": commit.held,
        "held_subjects": draft.collection.held_subjects,
        "found": _by_rule(draft.collection.found),
        "sequestered_counts": sequestered.bound.prepared.commit.counts if sequestered else {},
        "sequestered_changes": sequestered.changes if sequestered else {},
        "balance": draft.division.balance,
    }


def _draft(
    version: str,
    context: ReleaseContext,
    folder: Path,
    asked: Sequence[Withdrawal] = (),
    check: Check = by_counts,
) -> Draft:
    context.policy.check_version(version)
    batches = accepted_batches(context.work, context.policy, folder, context.batches)
    counted = [finding for batch in batches for finding in batch_findings(batch)]
    withdrawn = read_withdrawn(context.work, asked)
    kept, left_out = without_withdrawn(batches, withdrawn)
    collection, findings = merged(kept, folder)
    counted += findings
    _judge_if_fired(ReleaseFacts(version, counted, is_whole=False), context, check)
    division = divided(collection.tables, context)
    collection = replace(collection, found=(*collection.found, *left_out, *division.findings))
    editions = {part: _edition(version, part, context) for part in division.parts}
    before = {
        part: _before(context.stores[part], edition.previous_version, folder / "before" / part)
        for part, edition in editions.items()
    }
    stop_at(_moved(division, before))
    known = Known(context.work, context.settings, batches, folder)
    parts = {}
    for part, edition in editions.items():
        staging = Staging(folder / part, version)
        shown = controlled(
            replace(collection, tables=division.tables_of(part, collection.tables)), kept, context.policy.disclosure
        )
        held = held_entities(before[part].tables, shown.collection.held)
        why = {
            entity: pa.concat_tables([rows, held[entity]])
            for entity, rows in withdrawn_entities(before[part].tables, withdrawn).items()
        }
        tables, log = _tables(shown.collection.tables, edition, before[part], why, staging)
        counted += _findings(tables, context)
        _judge_if_fired(ReleaseFacts(version, counted, is_whole=False), context, check)
        stop_at(present_findings(tables, withdrawn))
        counted += key_findings("change_log", {"change_log": log})
        counted += difference_findings(log, tables, before[part].tables)
        made_of = _judged(shown, tables, known, (context, part, edition.previous_version, division))
        gone = withdrawals(context.stores[part], edition, withdrawn, folder / "before" / part)
        traced = public_lineage(
            [batch.lineage for batch in batches],
            tables,
            staging.place(table_name("lineage")),
            released_schema("lineage", edition),
        )
        whole = tables | {"change_log": log, "withdrawals": gone, "lineage": traced}
        for name, content in division.reports.items():
            staging.add(name, [content])
        sheet = contact_sheet(context.work, tables[INSTANCES])
        if sheet:
            staging.add(CONTACT_SHEET, [sheet])
        prepared = rendered(whole, edition, made_of, batches, staging)
        stop_at(file_findings(prepared.files, known))
        bound = Bound(context.stores[part], prepared, standing_of(context.stores[part], prepared))
        standing = read_commit(context.stores[part], version)
        counted += standing_findings(prepared.commit, standing, bound.standing.resized)
        parts[part] = Part(bound, count_changes(log), gone, made_of, shown.record)
    if not parts[OPEN].bound.prepared.commit.counts["n_subjects"]:
        refuse_empty(
            parts[OPEN].collection.held_instances,
            is_withdrawal=withdraws(version, [part.withdrawals for part in parts.values()]),
            left_out=sum(finding.count for finding in left_out),
        )
    report = _judge(ReleaseFacts(version, counted, is_whole=True), context, check)
    series = withdrawn_series([batch.tables[INSTANCES] for batch in batches], withdrawn)
    return Draft(parts, _told(collection, parts), division, withdrawn, series, report)


def _judge_if_fired(facts: ReleaseFacts, context: ReleaseContext, check: Check) -> None:
    """Stop early by what would only lead to more of the same, since later steps rely on it."""
    if any(finding.count for finding in facts.findings):
        _judge(facts, context, check)


def _judge(facts: ReleaseFacts, context: ReleaseContext, check: Check) -> str:
    verdict = check(facts)
    refuse(facts, verdict, context.work.address)
    return verdict.report


def _told(collection: Collection, parts: Mapping[str, Part]) -> Collection:
    """Give the collection with what was held and found in its parts beside what was in the whole."""
    held = tuple(one for part in parts.values() for one in part.collection.held[len(collection.held) :])
    found = tuple(one for part in parts.values() for one in part.collection.found[len(collection.found) :])
    return replace(collection, held=(*collection.held, *held), found=(*collection.found, *found))


def _judged(
    shown: Controlled, tables: Tables, known: Known, where: tuple[ReleaseContext, str, str | None, Division]
) -> Collection:
    """Give the collection of a part with what the gates of disclosure tell of it.

    Raises
    ------
    GateError
        If one of them refuses it.
    """
    context, part, previous, division = where
    policy, collection = context.policy, shown.collection
    population = load_population(policy.representation, policy.disclosure)
    history = earlier_distances(context.stores[part], previous)
    found = judged(tables, policy, known, (population, history, division.balance))
    stop_at(found.refused)
    figures = {**collection.figures, "representation": found.representation}
    return replace(collection, found=(*collection.found, *found.told), figures=figures)


def _edition(version: str, part: str, context: ReleaseContext) -> Edition:
    policy, store = context.policy, context.stores[part]
    told = policy.partition.address if part == SEQUESTERED else policy.address
    address = (told or store.address).partition("?")[0].rstrip("/")
    previous = _previous_version(store, version)
    return Edition(version, previous, policy, address if address.startswith("s3://") else "", part)


def _tables(
    collected: Tables, edition: Edition, before: Before, gone: Mapping[str, pa.Table], staging: Staging
) -> tuple[Tables, OnDisk]:
    """Give the tables of a part of a release, and its change log."""
    now = entity_digests(collected)
    tables = release_tables(collected, edition, now, before, staging.place(table_name(INSTANCES)))
    path, schema = staging.place(table_name("change_log")), released_schema("change_log", edition)
    return tables, change_log(edition.version, (now, before.digests), gone, path, schema)


def _moved(division: Division, before: Mapping[str, Before]) -> list[Finding]:
    shown = {part: rows.tables["subject"]["subject_id"] for part, rows in before.items() if rows.tables}
    return moved_findings(division.record.partitions | dict(division.partitions), shown, stage=STAGE)


def _by_rule(findings: Sequence[Finding]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for finding in findings:
        counts[finding.rule_id] += finding.count
    return dict(counts)


def _previous_version(release: ReadOnlyStore, version: str) -> str | None:
    """Give the version that a release follows: as its commit says if there is one, else the current one.

    The pointer is read before the commit: a builder that moves it in between has committed before.
    """
    current = current_version(release)
    commit = read_commit(release, version)
    return commit.previous_version if commit else current


def _before(release: ReadOnlyStore, previous: str | None, folder: Path) -> Before:
    if previous is None:
        return Before({}, NOTHING)
    tables = fetched_tables(release, previous, RELEASED, folder)
    return Before(tables, entity_digests(tables))


def _findings(tables: Tables, context: ReleaseContext) -> Sequence[Finding]:
    keys = [finding for name in tables for finding in key_findings(name, tables)]
    content = content_findings(tables, context.policy)
    return [*keys, *tree_findings(tables), *content, *cohort_findings(tables)]
