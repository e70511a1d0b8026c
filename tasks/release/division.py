"""A collection in its parts: who is open, who is sequestered, and the tables of each part alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from config.errors import ConfigError
from config.keys import MAKE_ONE
from tasks.model import Finding
from tasks.release.assignments import Record, read_record
from tasks.release.balance import REPORT, balance_findings, balance_report, distances
from tasks.release.merging import STAGE
from tasks.release.model import OPEN, SEQUESTERED, ReleaseContext, Tables
from tasks.release.partitions import Partitions, assigned, attributes
from tasks.release.rows import without


@dataclass(frozen=True, slots=True)
class Division:
    """The part of every subject of a collection, how alike the parts are, and what was recorded before.

    `parts` names the parts that are published; `balance` is empty, and there is no report, if there is but one.
    """

    record: Record
    partitions: Partitions
    parts: tuple[str, ...]
    balance: Mapping[str, float | None]
    findings: tuple[Finding, ...]
    reports: Mapping[str, bytes]

    def tables_of(self, part: str, tables: Mapping[str, pa.Table]) -> Tables:
        """Give the rows of the subjects of one part."""
        if len(self.parts) == 1:
            return dict(tables)
        others = pa.array([subject for subject, one in self.partitions.items() if one != part], pa.string())
        return {name: without(rows, "subject_id", others) for name, rows in tables.items()}


def divided(tables: Tables, context: ReleaseContext) -> Division:
    """Divide a collection as the policy says; who was assigned before stays where it is.

    Raises
    ------
    ConfigError
        If there is a sequestered part and no store for it, or somebody to assign and no key ring.
    GateError
        If earlier assignments contradict each other.
    """
    policy = context.policy.partition
    record = read_record(context.work, context.stores)
    facts, earlier = attributes(tables, policy), record.partitions
    partitions = _assigned(facts, earlier, context)
    if not policy.sequestered_percent and SEQUESTERED not in earlier.values():
        return Division(record, partitions, (OPEN,), {}, (), {})
    if context.sequestered is None:
        raise ConfigError(
            "the release has a sequestered part and no sequestered store is configured",
            next_step="give --sequestered or CURATE_SEQUESTERED; if all is to be open, for good, set"
            " sequestered_percent = 0 in the release policy before the first release",
        )
    found = distances(facts, partitions)
    report = balance_report(found, partitions, percent=policy.sequestered_percent, limit=policy.max_distance)
    findings = balance_findings(found, limit=policy.max_distance, stage=STAGE)
    return Division(record, partitions, (SEQUESTERED, OPEN), found, tuple(findings), {REPORT: report})


def _assigned(facts: pa.Table, earlier: Partitions, context: ReleaseContext) -> Partitions:
    percent = context.policy.partition.sequestered_percent
    subjects = facts["subject_id"].to_pylist()
    if not percent or all(subject in earlier for subject in subjects):
        return {subject: earlier.get(subject, OPEN) for subject in subjects}
    if context.ring is None:
        raise ConfigError("no key ring is named, and subjects are to be sequestered by it", next_step=MAKE_ONE)
    return assigned(facts, earlier, percent=percent, ring=context.ring)
