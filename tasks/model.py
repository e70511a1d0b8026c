"""The words of the pipeline as types; none holds an element value, and only `StoredObject` holds a source key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Status(StrEnum):
    """Where a raw object ended; every row of a ledger has exactly one."""

    RELEASED_CANDIDATE = "released-candidate"
    HELD = "held"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    NOT_IMAGING = "not-imaging"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One key of a store, as listed; in the raw bucket `key` is the contributor's and may itself identify a person.

    `etag` is an opaque version token, never a digest.
    """

    key: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class StoredChecksum:
    """What a store itself keeps of an object's whole content: SHA-256 in hexadecimal, or CRC-64/NVME in Base64."""

    algorithm: Literal["sha256", "crc64nvme"]
    value: str


@dataclass(frozen=True, slots=True)
class ShardRef:
    """A bounded group of raw objects, named by the digest of what determines its result; lists no source keys.

    `told` is the digest of what the batch's clinical tables say of its patients, empty if they say nothing.
    """

    site: str
    batch: str
    key: str
    objects: int
    size_bytes: int
    told: str = ""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What a run of a batch will do: its id, which is a digest of all inputs, and its shards.

    `told` is as in `ShardRef`.
    """

    site: str
    batch: str
    run: str
    shards: tuple[ShardRef, ...]
    objects: int
    tables: int
    size_bytes: int
    told: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired: where (our own key, column or tag path) and how often; never a value."""

    rule_id: str
    stage: str
    place: str
    count: int


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What was counted of a release before it is published.

    `findings` has one for everything that was looked at, with the count 0 where the rule is kept; several of one rule
    and place add up. `is_whole` tells that all was looked at, not only what comes before the tables are made.
    """

    version: str
    findings: Sequence[Finding]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class ReleaseVerdict:
    """What is made of the facts of a release.

    `report` is the work key of the pages that say why, empty if none were written; `undecided` names, as rule and
    place, what was not counted and so is no pass.
    """

    passed: bool
    report: str = ""
    undecided: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one run of one stage did, in counts that fit on a line.

    `counts` is keyed by `Status` values or table names, `rules` by rule id; `resumed` tells that an earlier run's
    result was found and taken.
    """

    stage: str
    key: str
    counts: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)
    resumed: bool = False
