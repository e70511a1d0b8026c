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
from config.vocab.terms import CHANGE
from expectations.schemas.catalog import BATCH, CANONICAL
from tasks.errors import GateError
from tasks.model import Finding, ReleaseFacts, ReleaseVerdict
from tasks.release.assignments import STABLE
from tasks.release.change_log import ENTITY_TABLES
from tasks.release.merging import STAGE
from tasks.release.model import AcceptedBatch, Commit
from tasks.release.withdrawn import WITHDRAW

KEY_UNIQUE = "S-KEY-UNIQUE"
COUNT = "I-COUNT"
COHORT, DIFF, IMMUTABLE, REPRODUCE = "I-COHORT", "R-DIFF", "R-IMMUTABLE", "R-REPRODUCE"
NODES = "R-NODES"
GATES: Final = (
    COUNT, KEY_UNIQUE, "I-UID-TREE", "C-INDEX", "D-ZIP", "DE-POLICY", COHORT, DIFF, IMMUTABLE, REPRODUCE, NODES,
    STABLE, WITHDRAW,
)  # fmt: skip


def batch_findings(batch: AcceptedBatch) -> list[Finding]:
    """Check one accepted run: its instances are the ledger's candidates, and its counts are those of its rows."""
    instances, series, study = (batch.tables[f"imaging_{level}"] for level in ("instance", "series", "study"))
    released, passed = _content(instances), _content(batch.candidates)
    sizes = instances.group_by("series_uid").aggregate([([], "count_all"), ("size", "sum")])
    parts = series.group_by("study_uid").aggregate([([], "count_all"), ("n_instances", "sum")])
    return _found(
        (COUNT, f"{batch.name} ledger", _missing(released, passed) + _missing(passed, released)),
        (
            COUNT,
            f"{batch.name} imaging_series",
            _unlike(
                series.select(["series_uid", "n_instances", "n_bytes"]),
                sizes.select(["series_uid", "count_all", "size_sum"]),
            ),
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


def _content(rows: pa.Table) -> pa.Array:
    return pc.unique(pc.binary_join_element_wise(rows["sop_uid"], rows["sha256"], " "))


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


def key_findings(name: str, tables: Mapping[str, pa.Table]) -> list[Finding]:
    """Check one table of a release: its key is unique and not null, and its foreign keys resolve."""
    table, rows = CANONICAL[name], tables[name]
    keys = rows.group_by(list(table.key)).aggregate([]).num_rows
    nulls = sum(rows[column].null_count for column in table.key)
    findings = [(KEY_UNIQUE, name, rows.num_rows - keys + nulls)]
    for reference in table.references:
        known = tables[reference.table][CANONICAL[reference.table].key[0]].combine_chunks()
        values = pc.unique(rows[reference.column]).drop_null()
        findings.append((KEY_UNIQUE, f"{name}.{reference.column}", _missing(values, known)))
    return _found(*findings)


def tree_findings(tables: Mapping[str, pa.Table]) -> list[Finding]:
    """Check that a series and an instance name the subject and study of what they are part of."""
    findings = []
    for child, parent, column in (
        ("imaging_series", "imaging_study", "study_uid"),
        ("imaging_instance", "imaging_series", "series_uid"),
    ):
        rows, above = tables[child], tables[parent]
        places = pc.index_in(rows[column], value_set=above[column].combine_chunks())
        shared = [name for name in ("study_uid", "subject_id") if name in above.schema.names and name != column]
        unlike = sum(int(pc.sum(pc.not_equal(rows[name], above[name].take(places))).as_py() or 0) for name in shared)
        findings.append(("I-UID-TREE", child, unlike))
    return _found(*findings)


def content_findings(tables: Mapping[str, pa.Table], policy: ReleasePolicy) -> list[Finding]:
    """Check what a release may not hold: small postal areas, and unchecked pixels if the policy refuses them."""
    subjects, pixels = tables["subject"], tables["imaging_instance"]["deid_pixel"]
    zips = pc.sum(pc.is_in(subjects["zip3"], value_set=pa.array(sorted(small_zip3()), pa.string()))).as_py() or 0
    refused = 0 if policy.accept_not_checked else pc.sum(pc.equal(pixels, "not_checked")).as_py() or 0
    return _found(("D-ZIP", "subject.zip3", int(zips)), ("DE-POLICY", "imaging_instance.deid_pixel", int(refused)))


def difference_findings(log: pa.Table, tables: Mapping[str, pa.Table], before: Mapping[str, pa.Table]) -> list[Finding]:
    """Check that a change log is the difference of two releases, counted from their rows and not from their digests.

    What was there before, without what is withdrawn and with what is added, is what is there now; what is changed was
    there and is; what was withdrawn has a reason.

    Parameters
    ----------
    before
        The tables of the release before; none if there is none.
    """
    wrong = unexplained = 0
    for entity, name in ENTITY_TABLES.items():
        key = BATCH[name].key[0]
        rows = log.filter(pc.equal(log["entity"], entity))
        added, changed, withdrawn = (
            rows.filter(pc.equal(rows["change"], change))["entity_id"].combine_chunks() for change in CHANGE
        )
        now = tables[name][key].combine_chunks()
        old = before[name][key].combine_chunks() if before else now.slice(0, 0)
        wrong += _missing(now, pa.concat_arrays([old, added])) + _missing(old, pa.concat_arrays([now, withdrawn]))
        wrong += _missing(added, now) + _missing(changed, now) + _missing(changed, old) + _missing(withdrawn, old)
        wrong += len(added) - _missing(added, old) + len(withdrawn) - _missing(withdrawn, now)
        silent = pc.and_(pc.equal(rows["change"], "withdrawn"), pc.is_null(rows["reason"]))
        unexplained += int(pc.sum(silent).as_py() or 0)
    return _found((DIFF, "change_log", wrong), (DIFF, "change_log.reason", unexplained))


def _found(*findings: tuple[str, str, int]) -> list[Finding]:
    return [Finding(rule_id, STAGE, place, count) for rule_id, place, count in findings]


def cohort_findings(tables: Mapping[str, pa.Table]) -> list[Finding]:
    """Check that every subject has a study, every study a series, and every series an instance."""
    levels = (
        ("subject", "subject_id", "imaging_study"),
        ("imaging_study", "study_uid", "imaging_series"),
        ("imaging_series", "series_uid", "imaging_instance"),
    )
    return _found(
        *((COHORT, above, _missing(tables[above][key], pc.unique(tables[below][key]))) for above, key, below in levels)
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
        (IMMUTABLE, "imaging_instance.key", resized),
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
