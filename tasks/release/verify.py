"""Check a release with nothing but read access: what it says of itself must be what lies there, to the byte.

No key, no working bucket and no trust in its publisher are needed. Problems are named by our own keys and tables.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
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
from tasks.release.change_log import NOTHING, change_log, entity_digests, held_entities
from tasks.release.commit import DATA, Progress
from tasks.release.gates import cohort_findings, key_findings, tree_findings
from tasks.release.merging import COUNTED, recounted
from tasks.release.model import Commit, Problem, ReleasedFile, Tables
from tasks.release.object_references import ReferenceCheck, reference_check
from tasks.release.query import number, query
from tasks.release.reading import (
    COMMIT,
    LARGE,
    RELEASES,
    TABLES,
    committed,
    current_version,
    fetched,
    fetched_tables,
    listed_objects,
    read_commit,
    read_pointer,
    table_files,
    table_key,
)
from tasks.release.removal import listed_withdrawals
from tasks.release.rendering import derived, release_counts, root_digest
from tasks.release.rows import INSTANCES, OnDisk, Rows, batches_of, sampled, together
from tasks.release.selection import RELEASED
from tasks.release.signing import UNBOUND, signature_problems
from tasks.release.staging import digest_of
from tasks.release.tables import schema_digest
from tasks.store import ReadOnlyStore
from tasks.store.parquet import read_table

READ = (
    "key", "size", "sha256", "md5", "subject_id", "study_uid", "series_uid", "sop_uid", "deid_method_codes",
)  # fmt: skip
_UNLIKE = """
SELECT key, listed.size AS listed
FROM (SELECT key, size FROM instances ANTI JOIN withdrawn USING (key)) AS kept LEFT JOIN listed USING (key)
WHERE listed.size IS DISTINCT FROM kept.size ORDER BY key
"""
_STANDING = "SELECT key FROM listed SEMI JOIN withdrawn USING (key) ORDER BY key"
_GONE = "SELECT count(*) FROM instances SEMI JOIN withdrawn USING (key)"
_ORPHANS = "SELECT count(*) FROM listed ANTI JOIN named USING (key)"
# As many rows with the same sum of digests are the same rows.
_CHANGED = "SELECT count(*), sum(hash(entity, entity_id, change, old_digest, new_digest)::HUGEINT)::VARCHAR FROM rows"
READS_IN_FLIGHT = 8
READS_AT_ONCE = 64  # whole objects that are held in memory at a time, at most
BYTES_AT_ONCE = 64 << 20  # of them together
SECONDS_PER_STATE = 30.0  # after which the state is written again


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
    with TemporaryDirectory(prefix="verify-") as name:
        folder = Path(name)
        commit = committed(release, version)
        tables, problems = _files(release, commit, folder)
        problems += [*_pointer(release, commit), *_unlisted(release, commit)]
        problems += signature_problems(release, commit, trusted)
        if len(tables) < len(expected_tables()):
            return problems
        problems += _schemas(tables, commit)
        if _is_of_this_version(tables):
            problems += [*_contents(tables, commit), *_differences(release, tables, commit, folder)]
            problems += _derived(tables, commit)
        withdrawn = listed_withdrawals(release, current_version(release))
        problems += [*_listing(release, tables[INSTANCES], withdrawn, commit, folder)]
        reading = _reading(release, tables[INSTANCES], withdrawn, commit, (sample, progress))
        return [*problems, *_read_all(reading, commit, state), *reading.references.notes()]


def expected_tables() -> tuple[str, ...]:
    """Give the names of the tables that every release has."""
    return (*RELEASED, "change_log", "lineage", "withdrawals", "release")


def _files(release: ReadOnlyStore, commit: Commit, folder: Path) -> tuple[Tables, list[Problem]]:
    """Check size and digest of every file, and give the tables among them."""
    files, tables, problems = table_files(commit), Tables(), []
    names = {file.key: name for name, file in files.items() if name in expected_tables()}
    for file in commit.files:
        path = _sound(release, file, folder)
        if path is None:
            problems.append(
                Problem("digest", file.key, "missing, or not of the size and digest that the release states")
            )
        elif file.key in names:
            name = names[file.key]
            tables[name] = OnDisk((path,)) if name in LARGE else read_table(path.read_bytes())
        else:
            path.unlink()
    unnamed = [table_key(commit.release_version, name) for name in expected_tables() if name not in files]
    problems += [Problem("tables", key, "the release has no such table") for key in unnamed]
    own = table_key(commit.release_version, "release")
    if root_digest([file for file in commit.files if file.key != own]) != commit.root_digest:
        problems.append(_of_commit(commit, "digest", "the root digest is not that of the files"))
    return tables, problems


def _of_commit(commit: Commit, check: str, detail: str) -> Problem:
    return Problem(check, release_key(commit.release_version, COMMIT), detail)


def _sound(release: ReadOnlyStore, file: ReleasedFile, folder: Path) -> Path | None:
    try:
        path = fetched(release, file, folder)
    except (MissingKeyError, VerificationError):
        return None
    return path if path.stat().st_size == file.size_bytes else None


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


def _differences(release: ReadOnlyStore, tables: Tables, commit: Commit, folder: Path) -> Iterator[Problem]:
    """Check that the change log is the difference to the release before; the first one added all that it holds."""
    previous = commit.previous_version
    try:
        before = entity_digests(fetched_tables(release, previous, RELEASED, folder)) if previous else NOTHING
    except (StoreError, VerificationError):
        yield Problem("R-DIFF", "change_log", "the release before cannot be read to compare with", is_note=True)
        return
    digests = entity_digests(tables), before
    found = change_log(commit.release_version, digests, held_entities({}, ()), folder / "differences.parquet")
    if query(_CHANGED, rows=found).to_pylist() != query(_CHANGED, rows=tables["change_log"]).to_pylist():
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


def _listing(
    release: ReadOnlyStore, instances: Rows, withdrawn: pa.Table, commit: Commit, folder: Path
) -> Iterator[Problem]:
    """Compare the manifest, corrected by what was withdrawn since, with what lies in the store, both ways."""
    listed = listed_objects(release, DATA, folder / "listed.parquet")
    for row in query(_UNLIKE, instances=instances, listed=listed, withdrawn=withdrawn).to_pylist():
        detail = "the object is missing" if row["listed"] is None else "the object has another size"
        yield Problem("I-COUNT", row["key"], detail)
    for key in query(_STANDING, listed=listed, withdrawn=withdrawn)["key"].to_pylist():
        yield Problem("R-WITHDRAW", key, "the object was withdrawn and still lies in the store")
    gone = number(_GONE, instances=instances, withdrawn=withdrawn)
    if gone:
        detail = f"{gone} objects were withdrawn since"
        yield Problem("R-WITHDRAW", table_key(commit.release_version, INSTANCES), detail, is_note=True)
    yield from _orphans(release, listed, folder)


def _orphans(release: ReadOnlyStore, listed: OnDisk, folder: Path) -> Iterator[Problem]:
    try:
        named = [
            fetched_tables(release, version, [INSTANCES], folder)[INSTANCES]
            for version in release.folders(RELEASES)
            if read_commit(release, version)
        ]
    except (StoreError, VerificationError):
        yield Problem("orphans", DATA, "another release cannot be read, so orphans were not looked for", is_note=True)
        return
    orphans = number(_ORPHANS, listed=listed, named=together(named))
    if orphans:
        detail = f"{orphans} objects that no release names: a build is under way, or curate sweep removes them"
        yield Problem("orphans", DATA, detail)


@dataclass(frozen=True, slots=True)
class Reading:
    """Objects that are to be read, in the order of their rows, and who is told."""

    release: ReadOnlyStore
    rows: Rows
    progress: Progress | None
    total: int
    references: ReferenceCheck


def _reading(
    release: ReadOnlyStore,
    instances: Rows,
    withdrawn: pa.Table,
    commit: Commit,
    how: tuple[int | None, Progress | None],
) -> Reading:
    sample, progress = how
    rows = instances if sample is None else sampled(instances, sample, READ)
    place = table_key(commit.release_version, INSTANCES)
    return Reading(release, rows, progress, rows.num_rows, reference_check(instances, withdrawn, place))


def _read_all(reading: Reading, commit: Commit, state: Path | None) -> list[Problem]:
    if state is not None:
        return _resumed(reading, commit, state)
    return [*chain.from_iterable(_objects(reading, 0)), *reading.references.rest()]


def _resumed(reading: Reading, commit: Commit, state: Path) -> list[Problem]:
    """Read objects from where an earlier check of the same rows stopped, and remember from time to time how far."""
    references = reading.references
    subject = {
        "commit_sha256": commit.sha256, "objects": reading.total, "withdrawn": references.withdrawn.num_rows,
    }  # fmt: skip
    done, problems = _remembered(state, subject, references)
    found, written = _objects(reading, done), time.monotonic()
    while done < reading.total:
        done = min(done + READS_AT_ONCE, reading.total)
        problems += [problem for step in islice(found, READS_AT_ONCE) for problem in step]
        if done < reading.total and time.monotonic() - written < SECONDS_PER_STATE:
            continue
        problems += references.rest()
        told = {"outside": references.outside, "gone": references.gone}
        content = json.dumps(subject | {"done": done, "problems": [asdict(one) for one in problems]} | told)
        part = state.with_name(f"{state.name}.part")
        part.write_text(content, encoding="utf-8")
        part.replace(state)
        written = time.monotonic()
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


def _objects(reading: Reading, start: int) -> Iterator[list[Problem]]:
    """Read objects from a place on: digests, what their headers say of themselves, and where their references lead.

    Gives what is known so far of each in turn; `reading.references` tells the rest.
    """

    def read(key: str) -> bytes | None:
        try:
            return reading.release.read(key)
        except MissingKeyError:
            return None  # told from the listing

    place = 0
    with ThreadPoolExecutor(READS_IN_FLIGHT) as pool:
        for batch in batches_of(reading.rows, READ, READS_AT_ONCE):
            skipped, place = max(start - place, 0), place + len(batch)
            rows = batch.slice(min(skipped, len(batch))).to_pylist()
            contents = chain.from_iterable(pool.map(read, keys) for keys in _at_once(rows))
            for at, (row, content) in enumerate(zip(rows, contents, strict=True), place - len(rows) + 1):
                yield [] if content is None else [*_object(row, content, reading.references)]
                if reading.progress:
                    reading.progress(at, reading.total)


def _at_once(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """Cut rows, in their order, into the keys of objects that memory holds together; a larger one stands alone."""
    keys, size = list[str](), 0
    for row in rows:
        if keys and size + row["size"] > BYTES_AT_ONCE:
            yield keys
            keys, size = [], 0
        keys, size = [*keys, row["key"]], size + row["size"]
    if keys:
        yield keys


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
