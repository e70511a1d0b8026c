"""Build a release: select, merge, check, render, publish. The module of this stage that knows both stores."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from config.release import load_population
from expectations.schemas.catalog import CANONICAL
from tasks.errors import GateError
from tasks.layout import disclosure_key, release_key, staged_key
from tasks.model import Finding
from tasks.release.change_log import NOTHING, change_log, count_changes, entity_digests, held_entities
from tasks.release.commit import Prepared, absent_objects, publish, stands
from tasks.release.disclosure.control import controlled
from tasks.release.disclosure.gates import file_findings, judged
from tasks.release.disclosure.known import Known
from tasks.release.gates import batch_findings, content_findings, key_findings, refuse, tree_findings
from tasks.release.merging import merged
from tasks.release.model import Collection, ReleaseContext, ReleasePlan, ReleaseReport, Tables
from tasks.release.reading import COMMIT, open_tables, read_commit, read_pointer
from tasks.release.rendering import rendered
from tasks.release.report import earlier_distances
from tasks.release.selection import RELEASED, accepted_batches
from tasks.release.tables import Before, Edition, in_form, release_tables
from tasks.store import ReadOnlyStore
from tasks.store.parquet import write_table


@dataclass(frozen=True, slots=True)
class Draft:
    """A release ready to be published, what it changes, and the private record of what it coarsened."""

    prepared: Prepared
    changes: Mapping[str, Mapping[str, int]]
    collection: Collection
    record: pa.Table


def build_release(
    version: str,
    *,
    context: ReleaseContext,
    progress: Callable[[int, int], None] | None = None,
    approved: str = "",
) -> ReleaseReport:
    """Build and publish a release of all accepted batches; nothing happens if this very release stands already.

    Parameters
    ----------
    progress
        Told after each copied object: how many are done, of how many.
    approved
        The root digest that a person approved, which a policy may ask for.

    Raises
    ------
    ConfigError
        If the version does not have the form that the policy asks for.
    BatchNotReadyError
        If there is nothing to release.
    GateError
        If a gate refuses the content, the version is taken, or the policy asks for an approval and this content has
        none; nothing was published.
    VerificationError
        If the store does not hold what was written; nothing was published.
    """
    draft = _draft(version, context)
    commit = draft.prepared.commit
    unchanged = stands(context.release, commit)
    if context.policy.approval.required and not unchanged and approved != commit.root_digest:
        raise GateError(
            f"release {version} waits for a person's approval of this very content; nothing was published",
            next_step="run the deployment build-release and decide in the Prefect UI",
        )
    context.work.create(disclosure_key(version, commit.root_digest), write_table(draft.record))
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
    )


def plan_release(version: str, *, context: ReleaseContext) -> ReleasePlan:
    """Say what `build_release` would do; writes nothing, and raises what it would raise before its first write."""
    return _plan(_draft(version, context), context)


def stage_release(version: str, *, context: ReleaseContext) -> ReleasePlan:
    """Lay all files of a release into the work store, for a person to look at; the release store is not touched.

    Raises
    ------
    GateError
        As in `build_release`.
    """
    draft = _draft(version, context)
    commit = draft.prepared.commit
    root = release_key(version, "")
    for key, content in sorted(draft.prepared.files.items()):
        context.work.create(staged_key(version, commit.root_digest, key.removeprefix(root)), content)
    context.work.create(staged_key(version, commit.root_digest, COMMIT), commit.to_bytes())
    context.work.create(disclosure_key(version, commit.root_digest), write_table(draft.record))
    return _plan(draft, context)


def _plan(draft: Draft, context: ReleaseContext) -> ReleasePlan:
    commit = draft.prepared.commit
    absent = absent_objects(context.release, draft.prepared.instances)
    return ReleasePlan(
        version=draft.prepared.version,
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


def _draft(version: str, context: ReleaseContext) -> Draft:
    context.policy.check_version(version)
    batches = accepted_batches(context.work, context.policy)
    told, findings = merged(batches)
    refuse([*(finding for batch in batches for finding in batch_findings(batch)), *findings])
    shown = controlled(told, batches, context.policy.disclosure)
    collection = shown.collection
    previous = _previous_version(context.release, version)
    address = (context.policy.address or context.release.address).partition("?")[0].rstrip("/")
    edition = Edition(version, previous, context.policy, address if address.startswith("s3://") else "")
    before = _before(context.release, previous)
    now = entity_digests(collection.tables)
    tables = release_tables(collection.tables, edition, now, before)
    refuse(_findings(tables, context))
    known = Known(context.work, context.settings, batches)
    collection = _judged(collection, tables, known, context, previous)
    held = held_entities(before.tables, collection.held)
    log = in_form(CANONICAL["change_log"], change_log(version, now, before.digests, held))
    prepared = rendered(tables | {"change_log": log}, edition, collection, batches)
    refuse(file_findings(prepared.files, known))
    return Draft(prepared, count_changes(log), collection, shown.record)


def _judged(
    collection: Collection, tables: Tables, known: Known, context: ReleaseContext, previous: str | None
) -> Collection:
    """Give the collection with what the gates of disclosure tell of it.

    Raises
    ------
    GateError
        If one of them refuses it.
    """
    policy = context.policy
    population = load_population(policy.representation, policy.disclosure)
    found = judged(tables, policy, known, (population, earlier_distances(context.release, previous)))
    refuse(found.refused)
    figures = {**collection.figures, "representation": found.representation}
    return replace(collection, found=(*collection.found, *found.told), figures=figures)


def _by_rule(findings: Sequence[Finding]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for finding in findings:
        counts[finding.rule_id] += finding.count
    return dict(counts)


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
    return [*keys, *tree_findings(tables), *content_findings(tables, context.policy)]
