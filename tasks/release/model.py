"""The words of a release as types."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import pyarrow as pa

from config.keys import KeyRing
from config.release import ReleasePolicy
from config.settings import Settings
from config.signing import SigningKey
from expectations.schemas.catalog import BATCH
from tasks.model import Finding
from tasks.release.rows import Rows
from tasks.store import Store

OPEN: Final = "open"
SEQUESTERED: Final = "sequestered"
# By name; what has a row per instance or cell (`imaging_instance`, `change_log`, `lineage`) lies on disk as `Rows` may.
Tables = dict[str, pa.Table]
HEADERS = pa.schema([("subject_id", pa.string()), ("has_age", pa.bool_()), ("has_sex", pa.bool_())])
Changes = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class ReleaseContext:
    """What a release is built with: from where, to where, by which policy.

    `sequestered` and `ring` are needed where the policy has a sequestered part; without `signer` nothing is signed.
    `batches` names the only ones to take of those that the policy releases, as ``<site>/<batch>``; none for all.
    """

    work: Store
    release: Store
    policy: ReleasePolicy
    settings: Settings
    sequestered: Store | None = None
    ring: KeyRing | None = None
    signer: SigningKey | None = None
    batches: tuple[str, ...] = ()

    @property
    def stores(self) -> dict[str, Store]:
        """The release stores by the part that they hold."""
        return {OPEN: self.release} | ({SEQUESTERED: self.sequestered} if self.sequestered else {})


@dataclass(frozen=True, slots=True)
class AcceptedBatch:
    """The run of a batch that counts: its tables in batch form, its anchors, and its final ledger.

    `headers` tells whose age and sex the objects' headers show: subject_id, has_age and has_sex. `late` holds the
    digests of objects in which something was found after their batch was settled
    (`expectations.schemas.pipeline.LATE`).
    """

    site: str
    batch: str
    run: str
    tables: Tables
    anchors: pa.Table
    ledger: Rows
    late: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    lineage: Rows = field(default_factory=BATCH["lineage"].schema.empty_table)
    headers: pa.Table = field(default_factory=HEADERS.empty_table)

    @property
    def name(self) -> str:
        """The batch as policies name it."""
        return f"{self.site}/{self.batch}"


@dataclass(frozen=True, slots=True)
class Held:
    """What a rule keeps out of a release: subjects with all that is theirs, and instances."""

    rule_id: str
    subject_ids: pa.Array
    sop_uids: pa.Array


@dataclass(frozen=True, slots=True)
class Collection:
    """The tables of all batches as one, what each rule holds back, and what else is worth telling.

    `figures` are the JSON-able figures of disclosure control and representation; empty before these.
    """

    tables: Tables
    held: tuple[Held, ...]
    found: tuple[Finding, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held_instances(self) -> dict[str, int]:
        """How many instances each rule holds back."""
        return {held.rule_id: len(held.sop_uids) for held in self.held}

    @property
    def held_subjects(self) -> tuple[str, ...]:
        """The subjects that are held as a whole, sorted."""
        return tuple(sorted(subject for held in self.held for subject in held.subject_ids.to_pylist()))


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """A file of a release: its key, size and digest."""

    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class About:
    """What the public is told of a release beside its tables; all that is rendered is made of this and of them.

    `address` (``s3://``) and `web_address` (``https://``) are where the objects lie; `published` is the declared day as
    ISO 8601 says it; `doi` is that of this version, `previous_doi` of the one before
    and `concept_doi` of all. What is not known is empty.
    """

    release_version: str
    previous_version: str | None
    collection: str
    title: str
    description: str
    license: str
    creators: tuple[str, ...]
    publisher: str
    commons: str
    published: str
    doi: str
    previous_doi: str
    concept_doi: str
    access_level: str
    guid_prefix: str
    address: str
    web_address: str

    @property
    def year(self) -> str:
        """The year of the release: the declared one, else that of a CalVer version, else nothing."""
        found = re.match(r"\d{4}(?=[.-])", self.published or self.release_version)
        return found[0] if found else ""

    @property
    def citation(self) -> str:
        """How to cite this version."""
        year = f" ({self.year})" if self.year else ""
        place = f" https://doi.org/{self.doi}" if self.doi else ""
        people = "; ".join(self.creators)
        return f"{people}{year}. {self.title}, version {self.release_version}. {self.publisher}.{place}"

    @property
    def license_url(self) -> str:
        """Where the text of the licence stands."""
        return f"https://spdx.org/licenses/{self.license}.html"


@dataclass(frozen=True, slots=True)
class Commit:
    """What ``_COMMIT.json`` says, which makes a release one: created once, after all else stands.

    `batches` names the run of each batch; `held` counts by rule.
    """

    release_version: str
    previous_version: str | None
    about: About
    root_digest: str
    files: tuple[ReleasedFile, ...]
    counts: Mapping[str, int]
    held: Mapping[str, int]
    batches: Mapping[str, str]
    pipeline_version: str
    config_digest: str
    schema_digests: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Give the one form in which it is written."""
        return (json.dumps(asdict(self), sort_keys=True, indent=1) + "\n").encode("ascii")

    @property
    def sha256(self) -> str:
        """Digest of that form."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """What building a release would do; nothing was written.

    `counts` holds n_subjects, n_studies, n_series, n_instances and n_bytes; `changes` counts by entity and change;
    `held` counts instances by rule, `held_subjects` names those that are held as a whole, `found` counts by rule what
    else is worth telling; `stands` tells that this very release is there already. `counts` and `changes` are those of
    the open part; `balance` is the Jensen-Shannon distance of each attribute between the parts.
    """

    version: str
    previous_version: str | None
    root_digest: str
    content_digest: str
    counts: Mapping[str, int]
    changes: Changes
    held: Mapping[str, int]
    held_subjects: tuple[str, ...]
    found: Mapping[str, int]
    sequestered_counts: Mapping[str, int]
    sequestered_changes: Changes
    balance: Mapping[str, float | None]
    objects_to_copy: int
    bytes_to_copy: int
    objects_to_remove: int
    stands: bool

    def as_dict(self) -> dict[str, object]:
        """Give the plan as JSON-able values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """What building a release did, in the words of `ReleasePlan`.

    `unchanged` tells that it stood there whole and nothing was written; `report` is the work key of the Data Docs of
    its gates, empty if none were written.
    """

    version: str
    previous_version: str | None
    root_digest: str
    content_digest: str
    counts: Mapping[str, int]
    changes: Changes
    held: Mapping[str, int]
    held_subjects: tuple[str, ...]
    found: Mapping[str, int]
    sequestered_counts: Mapping[str, int]
    sequestered_changes: Changes
    balance: Mapping[str, float | None]
    objects_copied: int
    objects_removed: int
    unchanged: bool
    report: str = ""

    def as_dict(self) -> dict[str, object]:
        """Give the report as JSON-able values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as a release says.

    `check` is a rule id or the name of the check, `place` our own key or table; a note tells without failing.
    """

    check: str
    place: str
    detail: str
    is_note: bool = field(default=False)
