"""What must hold before anything is published, counted: a release is refused, never repaired silently.

Each function gives a finding for everything that it looks at, with the count 0 where the rule is kept: what was looked
at is as much a fact as what was found. The suite of releases (`expectations.suites.release`) lists them all.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from config.release import ReleasePolicy
from config.vocab import small_zip3
from expectations.schemas.catalog import BATCH, CANONICAL
from tasks.errors import GateError
from tasks.model import Finding, ReleaseFacts, ReleaseVerdict
from tasks.release.assignments import STABLE
from tasks.release.change_log import ENTITY_TABLES
from tasks.release.merging import STAGE, repeated
from tasks.release.model import AcceptedBatch, Commit
from tasks.release.query import number, query
from tasks.release.rows import INSTANCES, Rows
from tasks.release.withdrawn import WITHDRAW

KEY_UNIQUE = "S-KEY-UNIQUE"
COUNT = "I-COUNT"
COHORT, DIFF, IMMUTABLE, REPRODUCE = "I-COHORT", "R-DIFF", "R-IMMUTABLE", "R-REPRODUCE"
NODES = "R-NODES"
GATES: Final = (
    COUNT, KEY_UNIQUE, "I-UID-TREE", "C-INDEX", "D-ZIP", "DE-POLICY", COHORT, DIFF, IMMUTABLE, REPRODUCE, NODES,
    STABLE, WITHDRAW,
)  # fmt: skip

_SIZES: Final = """
SELECT series_uid, count(*) AS n_instances, sum(size)::BIGINT AS n_bytes FROM instances
GROUP BY series_uid ORDER BY series_uid
"""
# As many rows with the same sum of digests are the same rows; only where they are not is each looked for.
_ARE_OTHERS: Final = """
SELECT (released.n, released.digest) IS DISTINCT FROM (passed.n, passed.digest) FROM
    (SELECT count(*) AS n, sum(hash(sop_uid, sha256)::HUGEINT) AS digest FROM instances) AS released,
    (SELECT count(*) AS n, sum(hash(sop_uid, sha256)::HUGEINT) AS digest FROM ledger
     WHERE status = 'released-candidate') AS passed
"""
_OTHERS: Final = """
SELECT count(*) FILTER (released.sop_uid IS NULL OR passed.sop_uid IS NULL) FROM
    (SELECT DISTINCT sop_uid, sha256 FROM instances) AS released
    FULL JOIN (SELECT DISTINCT sop_uid, sha256 FROM ledger WHERE status = 'released-candidate') AS passed
    USING (sop_uid, sha256)
"""
_NOT_CHECKED: Final = "SELECT count(*) FROM instances WHERE deid_pixel = 'not_checked'"
_UNKNOWN: Final = """(
    SELECT count(DISTINCT rows.{column}) FROM rows ANTI JOIN above_{table} AS above ON rows.{column} = above.{key})
"""
# Child, parent, the key that joins them, and what both must have alike.
_TREE: Final = (
    ("imaging_series", "imaging_study", "study_uid", ("subject_id",)),
    (INSTANCES, "imaging_series", "series_uid", ("study_uid", "subject_id")),
)
_CHILDLESS: Final = "SELECT count(DISTINCT {key}) FROM above ANTI JOIN below USING ({key})"
_UNEXPLAINED: Final = "SELECT count(*) FROM log WHERE change = 'withdrawn' AND reason IS NULL"
# Of each id: is it in the release now, was it before, and does what the log says of it follow from these two?
_DIFFERENCES: Final = """
WITH told AS (SELECT entity_id, change FROM log WHERE entity = '{entity}'),
ids AS (
    SELECT is_now IS NOT NULL AS is_now, was IS NOT NULL AS was, change FROM
        (SELECT DISTINCT {key} AS entity_id, true AS is_now FROM now)
        FULL JOIN (SELECT DISTINCT {key} AS entity_id, true AS was FROM old) USING (entity_id)
        FULL JOIN told USING (entity_id))
SELECT count(*) FILTER (CASE change WHEN 'added' THEN NOT is_now OR was
                                    WHEN 'withdrawn' THEN is_now OR NOT was
                                    WHEN 'changed' THEN NOT (is_now AND was)
                                    ELSE is_now <> was END) FROM ids
"""


def batch_findings(batch: AcceptedBatch) -> list[Finding]:
    """Check one accepted run: its instances are the ledger's candidates, and its counts are those of its rows."""
    instances, series, study = (batch.tables[f"imaging_{level}"] for level in ("instance", "series", "study"))
    rows = {"instances": instances, "ledger": batch.ledger}
    sizes = query(_SIZES, instances=instances)
    parts = series.group_by("study_uid").aggregate([([], "count_all"), ("n_instances", "sum")])
    return _found(
        (COUNT, f"{batch.name} ledger", number(_OTHERS, **rows) if number(_ARE_OTHERS, **rows) else 0),
        (
            COUNT,
            f"{batch.name} imaging_series",
            _unlike(series.select(["series_uid", "n_instances", "n_bytes"]), sizes),
        ),
        (
            COUNT,
            f"{batch.name} imaging_study",
            _unlike(
                study.select(["study_uid", "n_series", "n_instances"]),
                parts.select(["study_uid", "count_all", "n_instances_sum"]),
            ),
        ),
    )


def _missing(ids: pa.Array, among: pa.Array) -> int:
    return int(pc.sum(pc.invert(pc.is_in(ids, value_set=among))).as_py() or 0)


def _unlike(stated: pa.Table, counted: pa.Table) -> int:
    """Count the keys whose numbers are not those of the rows below them, or that only one side has."""
    places = pc.index_in(stated[0], value_set=counted[0].combine_chunks())
    same = [
        pc.equal(mine, other.take(places)) for mine, other in zip(stated.columns[1:], counted.columns[1:], strict=True)
    ]
    alike = pc.unique(stated[0].filter(pc.fill_null(pc.and_(*same), fill_value=False)))
    return len(pc.unique(stated[0])) + _missing(counted[0], pc.unique(stated[0])) - len(alike)


def key_findings(name: str, tables: Mapping[str, Rows]) -> list[Finding]:
    """Check one table of a release: its key is unique and not null, and its foreign keys resolve."""
    table, rows = CANONICAL[name], tables[name]
    nulls = " + ".join(f"count(*) FILTER ({column} IS NULL)" for column in table.key)
    unknown = [
        _UNKNOWN.format(column=one.column, table=one.table, key=CANONICAL[one.table].key[0]) for one in table.references
    ]
    above = {f"above_{one.table}": tables[one.table] for one in table.references}
    sql = f"SELECT {', '.join([nulls, *unknown])} FROM rows"  # noqa: S608 -- the names are our schemas'
    broken, *missing = (column[0].as_py() for column in query(sql, rows=rows, **above).columns)
    broken += repeated(rows, table.key)
    places = [f"{name}.{one.column}" for one in table.references]
    return _found((KEY_UNIQUE, name, broken), *((KEY_UNIQUE, *one) for one in zip(places, missing, strict=True)))


def tree_findings(tables: Mapping[str, Rows]) -> list[Finding]:
    """Check that a series and an instance name the subject and study of what they are part of."""
    findings = []
    for child, parent, key, shared in _TREE:
        counts = " + ".join(f"count(*) FILTER (child.{name} <> parent.{name})" for name in shared)
        sql = f"SELECT {counts} FROM child JOIN parent USING ({key})"  # noqa: S608 -- the names are our schemas'
        findings.append(("I-UID-TREE", child, number(sql, child=tables[child], parent=tables[parent])))
    return _found(*findings)


def content_findings(tables: Mapping[str, pa.Table], policy: ReleasePolicy) -> list[Finding]:
    """Check what a release may not hold: small postal areas, and unchecked pixels if the policy refuses them."""
    subjects = tables["subject"]
    zips = pc.sum(pc.is_in(subjects["zip3"], value_set=pa.array(sorted(small_zip3()), pa.string()))).as_py() or 0
    refused = 0 if policy.accept_not_checked else number(_NOT_CHECKED, instances=tables[INSTANCES])
    return _found(("D-ZIP", "subject.zip3", int(zips)), ("DE-POLICY", f"{INSTANCES}.deid_pixel", refused))


def difference_findings(log: Rows, tables: Mapping[str, Rows], before: Mapping[str, Rows]) -> list[Finding]:
    """Check that a change log is the difference of two releases, counted from their rows and not from their digests.

    What was there before, without what is withdrawn and with what is added, is what is there now; what is changed was
    there and is; what was withdrawn has a reason.

    Parameters
    ----------
    before
        The tables of the release before; none if there is none.
    """
    wrong = 0
    for entity, name in ENTITY_TABLES.items():
        sql = _DIFFERENCES.format(key=BATCH[name].key[0], entity=entity)
        old = before[name] if before else BATCH[name].schema.empty_table()
        wrong += number(sql, log=log, now=tables[name], old=old)
    return _found((DIFF, "change_log", wrong), (DIFF, "change_log.reason", number(_UNEXPLAINED, log=log)))


def _found(*findings: tuple[str, str, int]) -> list[Finding]:
    return [Finding(rule_id, STAGE, place, count) for rule_id, place, count in findings]


def cohort_findings(tables: Mapping[str, Rows]) -> list[Finding]:
    """Check that every subject has a study, every study a series, and every series an instance."""
    levels = (
        ("subject", "subject_id", "imaging_study"),
        ("imaging_study", "study_uid", "imaging_series"),
        ("imaging_series", "series_uid", INSTANCES),
    )
    return _found(
        *(
            (COHORT, name, number(_CHILDLESS.format(key=key), above=tables[name], below=tables[below]))
            for name, key, below in levels
        )
    )


def standing_findings(commit: Commit, standing: Commit | None, resized: int) -> list[Finding]:
    """Check that nothing that stands would have to become another.

    Parameters
    ----------
    standing
        The commit that stands under the version, if one does.
    resized
        The number of objects that stand under a key of the release with another size.
    """
    differs = standing is not None and standing != commit
    is_same_input = standing is not None and inputs_of(standing) == inputs_of(commit)
    return _found(
        (REPRODUCE, "release", int(differs and is_same_input)),
        (IMMUTABLE, "release", int(differs and not is_same_input)),
        (IMMUTABLE, f"{INSTANCES}.key", resized),
    )


def inputs_of(commit: Commit) -> tuple[object, ...]:
    """Give what a release is made of and by: equal inputs give equal releases."""
    made_by = (commit.pipeline_version, commit.config_digest, commit.about, dict(commit.schema_digests))
    return (dict(commit.batches), dict(commit.held), commit.previous_version, *made_by)


def by_counts(facts: ReleaseFacts) -> ReleaseVerdict:
    """Judge facts by their counts alone, and write nothing."""
    return ReleaseVerdict(passed=not any(finding.count for finding in facts.findings))


def stop_at(findings: Sequence[Finding]) -> None:
    """Stop a release by what is counted beside the facts of its suite.

    Raises
    ------
    GateError
        If anything was found; the message names each rule, place and count.
    """
    refuse(ReleaseFacts("", findings, is_whole=False), ReleaseVerdict(not any(one.count for one in findings)), "")


def refuse(facts: ReleaseFacts, verdict: ReleaseVerdict, address: str) -> None:
    """Stop a release that did not pass.

    Parameters
    ----------
    address
        Of the working store, where the report is.

    Raises
    ------
    GateError
        The message names each rule, place and count.
    """
    if verdict.passed:
        return
    found = [finding for finding in facts.findings if finding.count]
    fired = [f"{finding.rule_id} at {finding.place} ({finding.count})" for finding in found]
    step = "correct the batches, or name the ones that count in the release policy, and build again"
    if any(finding.rule_id in (IMMUTABLE, REPRODUCE) for finding in found):
        step = "choose a new version"
    raise GateError(
        f"the release is refused by {', '.join(fired or verdict.undecided)}; nothing was published",
        next_step=f"read {verdict.report} in {address}; then {step}" if verdict.report else step,
    )
