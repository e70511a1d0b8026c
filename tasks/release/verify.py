"""Check a release with nothing but read access: what it says of itself must be what lies there, to the byte.

No key, no working bucket and no trust in its publisher are needed. Problems are named by our own keys and tables.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from minisign import PublicKey

from config.version import VERSION
from expectations.schemas.catalog import CANONICAL
from tasks.dicom.marks_check import read_marks
from tasks.errors import GateError, MissingKeyError, StoreError, VerificationError
from tasks.layout import release_key
from tasks.release.assignments import STABLE
from tasks.release.change_log import change_log, entity_digests, held_entities
from tasks.release.commit import DATA, Progress, sampled
from tasks.release.gates import cohort_findings, key_findings, tree_findings
from tasks.release.merging import COUNTED, recounted
from tasks.release.model import Commit, Problem, ReleasedFile, Tables
from tasks.release.object_references import ReferenceCheck, reference_check
from tasks.release.reading import (
    COMMIT,
    RELEASES,
    TABLES,
    committed,
    data_objects,
    open_tables,
    read_commit,
    read_file,
    read_pointer,
    table_files,
    table_key,
)
from tasks.release.removal import listed_withdrawals
from tasks.release.rendering import derived, release_counts, root_digest
from tasks.release.selection import RELEASED
from tasks.release.signing import UNBOUND, signature_problems
from tasks.release.staging import digest_of
from tasks.release.tables import schema_digest
from tasks.store import ReadOnlyStore
from tasks.store.parquet import read_table

READS_IN_FLIGHT = 8
READS_AT_ONCE = 64  # whole objects that are held in memory at a time
READS_PER_STEP = 4096  # objects after which the state is written


def verify_release(  # noqa: PLR0913 -- each is an option of the command
    release: ReadOnlyStore,
    *,
    version: str | None = None,
    sample: int | None = None,
    state: Path | None = None,
    progress: Progress | None = None,
    trusted: Sequence[PublicKey] = (),
) -> list[Problem]:
    """Give everything in which a release is not what it says; a sound release gives notes at most.

    Parameters
    ----------
    version
        None for the current release.
    sample
        How many objects to read, the same ones every time; None reads all. Sizes of all are checked in either case.
    state
        A file that remembers which objects were read; with it, a check that was stopped goes on where it was. It is
        removed at the end.
    progress
        Told after each object read: how many are done, of how many.
    trusted
        The publisher's public keys, one of which must have signed the release; as in `signature_problems`.

    Raises
    ------
    VerificationError
        If there is no such release, or its commit is damaged.
    """
    commit = committed(release, version)
    tables, problems = _files(release, commit)
    problems += [*_pointer(release, commit), *_unlisted(release, commit)]
    problems += signature_problems(release, commit, trusted)
    if len(tables) < len(expected_tables()):
        return problems
    problems += _schemas(tables, commit)
    if _is_of_this_version(tables):
        problems += [*_contents(tables, commit), *_differences(release, tables, commit)]
        problems += _derived(tables, commit)
    problems += [*_listing(release, tables["imaging_instance"], commit)]
    reading = _reading(release, tables["imaging_instance"], commit, (sample, progress))
    found = _objects(reading, 0) if state is None else _resumed(reading, commit, state)
    return [*problems, *found, *reading.references.notes()]


def expected_tables() -> tuple[str, ...]:
    """Give the names of the tables that every release has."""
    return (*RELEASED, "change_log", "lineage", "withdrawals", "release")


def _files(release: ReadOnlyStore, commit: Commit) -> tuple[Tables, list[Problem]]:
    """Check size and digest of every file, and give the tables among them."""
    files, tables, problems = table_files(commit), Tables(), []
    names = {file.key: name for name, file in files.items() if name in expected_tables()}
    for file in commit.files:
        content = _sound(release, file)
        if content is None:
            problems.append(
                Problem("digest", file.key, "missing, or not of the size and digest that the release states")
            )
        elif file.key in names:
            tables[names[file.key]] = read_table(content)
    unnamed = [table_key(commit.release_version, name) for name in expected_tables() if name not in files]
    problems += [Problem("tables", key, "the release has no such table") for key in unnamed]
    own = table_key(commit.release_version, "release")
    if root_digest([file for file in commit.files if file.key != own]) != commit.root_digest:
        problems.append(_of_commit(commit, "digest", "the root digest is not that of the files"))
    return tables, problems


def _of_commit(commit: Commit, check: str, detail: str) -> Problem:
    return Problem(check, release_key(commit.release_version, COMMIT), detail)


def _sound(release: ReadOnlyStore, file: ReleasedFile) -> bytes | None:
    try:
        content = read_file(release, file)
    except (MissingKeyError, VerificationError):
        return None
    return content if len(content) == file.size_bytes else None


def _pointer(release: ReadOnlyStore, commit: Commit) -> Iterator[Problem]:
    pointer = read_pointer(release)
    if pointer and pointer.release_version == commit.release_version and pointer.commit_sha256 != commit.sha256:
        yield _of_commit(commit, "digest", "it is not the commit that current.json names")


def _unlisted(release: ReadOnlyStore, commit: Commit) -> Iterator[Problem]:
    root = release_key(commit.release_version, "")
    unbound = (release_key(commit.release_version, name) for name in (COMMIT, *UNBOUND))
    listed = {*unbound, *(file.key for file in commit.files)}
    for stored in release.list(root):
        if stored.key not in listed:
            yield Problem("unlisted", root, "a file lies here that the release does not list")


def _schemas(tables: Mapping[str, pa.Table], commit: Commit) -> Iterator[Problem]:
    """Check that every table has the schema that its release states; if this version made it, the one it would make."""
    for name, table in tables.items():
        stated = commit.schema_digests.get(name)
        known = schema_digest(CANONICAL[name].schema) if commit.pipeline_version == VERSION else stated
        if not schema_digest(table.schema) == stated == known:
            yield Problem("schema", name, "the schema is not the one that the release states")
    if not _is_of_this_version(tables):
        detail = f"made by version {commit.pipeline_version} in another form: what the tables say was not checked"
        yield Problem("schema", TABLES, detail, is_note=True)


def _is_of_this_version(tables: Mapping[str, pa.Table]) -> bool:
    return all(schema_digest(table.schema) == schema_digest(CANONICAL[name].schema) for name, table in tables.items())


def _contents(tables: Tables, commit: Commit) -> Iterator[Problem]:
    findings = [finding for name in tables for finding in key_findings(name, tables)]
    findings += [*tree_findings(tables), *cohort_findings(tables)]
    for finding in (one for one in findings if one.count):
        yield Problem(finding.rule_id, finding.place, f"{finding.count} rows break the rule")
    if pc.count_distinct(tables["subject"]["partition"]).as_py() > 1:
        yield Problem(STABLE, "subject.partition", "the release holds subjects of both parts")
    counted = recounted(tables)
    for name, columns in COUNTED.items():
        if not counted[name].select(columns).equals(tables[name].select(columns)):
            yield Problem("I-COUNT", name, "counts or digests are not those of the rows below")
    own = tables["release"].to_pylist()
    stated = {"root_digest": commit.root_digest, "release_version": commit.release_version, **commit.counts}
    if release_counts(tables) != commit.counts or [{name: row[name] for name in stated} for row in own] != [stated]:
        yield Problem("I-COUNT", "release", "the numbers of the release are not those of its tables")


def _differences(release: ReadOnlyStore, tables: Tables, commit: Commit) -> Iterator[Problem]:
    """Check that the change log is the difference to the release before."""
    if commit.previous_version is None:
        return
    try:
        before = open_tables(release, commit.previous_version, RELEASED)
    except (StoreError, VerificationError):
        yield Problem("R-DIFF", "change_log", "the release before cannot be read to compare with", is_note=True)
        return
    digests = entity_digests(tables), entity_digests(before)
    difference = pa.table(change_log(commit.release_version, *digests, held_entities({}, ())))
    columns = ["entity", "entity_id", "change", "old_digest", "new_digest"]
    order = [(name, "ascending") for name in columns[:2]]
    found, stated = (table.select(columns).sort_by(order) for table in (difference, tables["change_log"]))
    if found.to_pylist() != stated.to_pylist():
        yield Problem("R-DIFF", "change_log", "it is not the difference to the release before")


def _derived(tables: Tables, commit: Commit) -> Iterator[Problem]:
    """Check that every file which says in another form what the tables say, says just that.

    Another version of the code may say it in other words, which cannot be told from other facts.
    """
    if commit.pipeline_version != VERSION:
        detail = f"made by version {commit.pipeline_version}: its cards and manifests were not made again to compare"
        yield Problem("derived", release_key(commit.release_version, ""), detail, is_note=True)
        return
    files = {file.key: file for file in commit.files}
    try:
        for name, pieces in derived(tables, commit.about, commit.files):
            key = release_key(commit.release_version, name)
            if key not in files or files[key].sha256 != digest_of(pieces):
                yield Problem("derived", key, "it does not say what the tables say")
    except GateError as problem:
        yield Problem("R-NODES", TABLES, problem.message)


def _listing(release: ReadOnlyStore, instances: pa.Table, commit: Commit) -> Iterator[Problem]:
    """Compare the manifest, corrected by what was withdrawn since, with what lies in the store, both ways."""
    pointer = read_pointer(release)
    withdrawn = listed_withdrawals(release, pointer.release_version if pointer else None)
    listed = data_objects(release, DATA)
    is_gone = pc.is_in(instances["key"], value_set=withdrawn["key"].combine_chunks())
    kept = instances.filter(pc.invert(is_gone))
    sizes = listed["size"].take(pc.index_in(kept["key"], value_set=listed["key"].combine_chunks()))
    for row in (
        kept.append_column("listed", sizes)
        .select(["key", "size", "listed"])
        .filter(pc.fill_null(pc.not_equal(sizes, kept["size"]), fill_value=True))
        .to_pylist()
    ):
        detail = "the object is missing" if row["listed"] is None else "the object has another size"
        yield Problem("I-COUNT", row["key"], detail)
    for key in listed["key"].filter(pc.is_in(listed["key"], value_set=withdrawn["key"].combine_chunks())).to_pylist():
        yield Problem("R-WITHDRAW", key, "the object was withdrawn and still lies in the store")
    if kept.num_rows < instances.num_rows:
        detail = f"{instances.num_rows - kept.num_rows} objects were withdrawn since"
        yield Problem("R-WITHDRAW", table_key(commit.release_version, "imaging_instance"), detail, is_note=True)
    yield from _orphans(release, listed["key"], instances["key"], commit)


def _orphans(
    release: ReadOnlyStore, listed: pa.ChunkedArray, named: pa.ChunkedArray, commit: Commit
) -> Iterator[Problem]:
    try:
        for version in release.folders(RELEASES):
            if version != commit.release_version and read_commit(release, version):
                other = open_tables(release, version, ["imaging_instance"])["imaging_instance"]["key"]
                named = pa.chunked_array([*named.chunks, *other.chunks], pa.string())
    except (StoreError, VerificationError):
        yield Problem("orphans", DATA, "another release cannot be read, so orphans were not looked for", is_note=True)
        return
    orphans = listed.filter(pc.invert(pc.is_in(listed, value_set=pc.unique(named))))
    if len(orphans):
        detail = f"{len(orphans)} objects that no release names: a build is under way, or curate sweep removes them"
        yield Problem("orphans", DATA, detail)


@dataclass(frozen=True, slots=True)
class Reading:
    """Objects that are to be read, in the order of their rows, and who is told."""

    release: ReadOnlyStore
    rows: pa.Table
    progress: Progress | None
    total: int
    references: ReferenceCheck


def _reading(
    release: ReadOnlyStore, instances: pa.Table, commit: Commit, how: tuple[int | None, Progress | None]
) -> Reading:
    rows = sampled(instances, how[0])
    pointer = read_pointer(release)
    gone = listed_withdrawals(release, pointer.release_version if pointer else None)
    place = table_key(commit.release_version, "imaging_instance")
    return Reading(release, rows, how[1], rows.num_rows, reference_check(instances, gone, place))


def _resumed(reading: Reading, commit: Commit, state: Path) -> list[Problem]:
    """Read objects from where an earlier check of the same rows stopped, and remember every step."""
    subject = {"commit_sha256": commit.sha256, "objects": reading.rows.num_rows}
    done, problems = _remembered(state, subject, reading.references)
    while done < reading.rows.num_rows:
        piece = replace(reading, rows=reading.rows.slice(0, done + READS_PER_STEP))
        problems += _objects(piece, done)
        done = piece.rows.num_rows
        told = {"outside": reading.references.outside, "gone": reading.references.gone}
        content = json.dumps(subject | {"done": done, "problems": [asdict(one) for one in problems]} | told)
        part = state.with_name(f"{state.name}.part")
        part.write_text(content, encoding="utf-8")
        part.replace(state)
    state.unlink(missing_ok=True)
    return problems


def _remembered(state: Path, subject: Mapping[str, object], references: ReferenceCheck) -> tuple[int, list[Problem]]:
    """Give how far an earlier check came and what it found; nothing if it was one of other objects."""
    try:
        content = json.loads(state.read_text(encoding="utf-8"))
        if {name: content[name] for name in subject} != subject:
            return 0, []
        done, problems = int(content["done"]), [Problem(**one) for one in content["problems"]]
        references.outside, references.gone = int(content["outside"]), int(content["gone"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, []
    return done, problems


def _objects(reading: Reading, start: int) -> Iterator[Problem]:
    """Read objects: digests, what their headers say of themselves, and where their references lead."""

    def read(key: str) -> bytes | None:
        try:
            return reading.release.read(key)
        except MissingKeyError:
            return None  # told from the listing

    done = count(start + 1)
    with ThreadPoolExecutor(READS_IN_FLIGHT) as pool:
        for batch in reading.rows.slice(start).to_batches(max_chunksize=READS_AT_ONCE):
            rows = batch.to_pylist()
            for row, content in zip(rows, pool.map(read, [row["key"] for row in rows]), strict=True):
                if content is not None:
                    yield from _object(row, content, reading.references)
                if reading.progress:
                    reading.progress(next(done), reading.total)
    yield from reading.references.rest()


def _object(row: Mapping[str, Any], content: bytes, references: ReferenceCheck) -> Iterator[Problem]:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if (hashlib.sha256(content).hexdigest(), md5) != (row["sha256"], row["md5"]):
        yield Problem("digest", row["key"], "the object does not have the digests of the manifest")
        return
    marks = read_marks(content)
    if marks is None:
        yield Problem("marks", row["key"], "the object is no sound DICOM file")
        return
    if marks.identity_removed != "YES":
        yield Problem("marks", row["key"], "the object is not marked as de-identified in (0012,0062)")
    if marks.method_codes != tuple(sorted(row["deid_method_codes"])):
        yield Problem("marks", row["key"], "the codes in (0012,0064) are not those of the manifest")
    identifiers = (marks.subject_id, marks.study_uid, marks.series_uid, marks.sop_uid)
    if identifiers != (row["subject_id"], row["study_uid"], row["series_uid"], row["sop_uid"]):
        yield Problem("marks", row["key"], "the object's identifiers are not those of the manifest")
    yield from references.of(row["key"], content)
