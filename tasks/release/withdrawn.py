"""What was withdrawn, remembered in the private prefix of the work store: it stays out of every release to come."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import ConfigError
from config.vocab.terms import WITHDRAWAL_REASON
from expectations.schemas.pipeline import WITHDRAWN as FORM
from tasks.errors import BatchNotReadyError, GateError, StaleVersionError
from tasks.layout import WITHDRAWN
from tasks.model import Finding
from tasks.release.change_log import ENTITY_TABLES
from tasks.release.merging import STAGE
from tasks.release.model import AcceptedBatch
from tasks.release.query import number, query
from tasks.release.rows import INSTANCES, Rows, without
from tasks.store import ReadOnlyStore, Store
from tasks.store.parquet import read_table, write_table

WITHDRAW: Final = "R-WITHDRAW"
COLUMNS: Final[Mapping[str, str]] = {"subject": "subject_id", "study": "study_uid", "series": "series_uid"}

KEYS: Final[Mapping[str, str]] = {**COLUMNS, "instance": "sop_uid"}
_NAMED: Final = """
SELECT DISTINCT rows.{key} AS id, gone.reason FROM rows JOIN gone ON rows.{column} = gone.entity_id ORDER BY id
"""
_SERIES: Final = """
SELECT DISTINCT series_uid FROM rows
WHERE subject_id IN (SELECT entity_id FROM gone WHERE entity = 'subject')
   OR study_uid IN (SELECT entity_id FROM gone WHERE entity = 'study')
   OR series_uid IN (SELECT entity_id FROM gone WHERE entity = 'series') ORDER BY series_uid
"""
_NONE = pa.table({"id": pa.array([], pa.string()), "reason": pa.array([], pa.string())})


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A subject, study or series that must go, and why; named by pseudonym or new UID."""

    entity: str
    entity_id: str
    reason: str


def read_withdrawn(work: ReadOnlyStore, asked: Sequence[Withdrawal] = ()) -> pa.Table:
    """Give all that was ever withdrawn, and what else is asked for, sorted.

    Raises
    ------
    GateError
        If the record is not of this version's form.
    """
    found = work.read_versioned(WITHDRAWN)
    return _with(_rows(found[0] if found else None), asked)


def _rows(content: bytes | None) -> pa.Table:
    if content is None:
        return FORM.schema.empty_table()
    rows = read_table(content).replace_schema_metadata(None)
    if rows.schema.names != FORM.schema.names:
        raise GateError(f"{WITHDRAWN} is not of this version's form", next_step="restore it from a backup")
    return rows.cast(FORM.schema)


def remember(work: Store, withdrawals: Sequence[Withdrawal]) -> None:
    """Add withdrawals to the record; one that stands there keeps its reason."""
    found = work.read_versioned(WITHDRAWN)
    rows = _rows(found[0] if found else None)
    whole = _with(rows, withdrawals)
    if whole.num_rows == rows.num_rows:
        return
    content = write_table(whole)
    try:
        work.swap(WITHDRAWN, content, expected=found[1] if found else None)
    except StaleVersionError:
        remember(work, withdrawals)


def _with(rows: pa.Table, asked: Sequence[Withdrawal]) -> pa.Table:
    known = set(zip(rows["entity"].to_pylist(), rows["entity_id"].to_pylist(), strict=True))
    new = {(one.entity, one.entity_id): one.reason for one in reversed(asked)}
    added = [(*key, reason) for key, reason in new.items() if key not in known]
    if not added:
        return rows
    columns = [pa.array(column, pa.string()) for column in zip(*added, strict=True)]
    whole = pa.concat_tables([rows, pa.Table.from_arrays(columns, schema=FORM.schema)])
    return whole.sort_by([("entity", "ascending"), ("entity_id", "ascending")])


def require_reasons(asked: Iterable[Withdrawal]) -> None:
    """Require reasons of the list: they are published, so they are never in somebody's own words.

    Raises
    ------
    ConfigError
        If one is another.
    """
    if not {one.reason for one in asked} <= set(WITHDRAWAL_REASON):
        raise ConfigError("this is no reason of a withdrawal", next_step=f"give one of: {', '.join(WITHDRAWAL_REASON)}")


def require_known(asked: Iterable[Withdrawal], tables: Iterable[Mapping[str, pa.Table]]) -> None:
    """Require that everything to withdraw is in some tables: a slip of the pen must not pass for a withdrawal.

    Parameters
    ----------
    tables
        Read no further than is needed.

    Raises
    ------
    BatchNotReadyError
        If something is not; the message counts, since an id may be of another kind than it should.
    """
    left = set(asked)
    for one in tables:
        for entity, column in COLUMNS.items():
            of_kind = sorted(each.entity_id for each in left if each.entity == entity)
            ids = pa.array(of_kind, pa.string())
            known = ids.filter(pc.is_in(ids, value_set=one[ENTITY_TABLES[entity]][column].combine_chunks()))
            left -= {each for each in left if each.entity == entity and each.entity_id in set(known.to_pylist())}
        if not left:
            return
    kinds = " or ".join(sorted({one.entity for one in left}))
    raise BatchNotReadyError(
        f"{len(left)} of the ids are of no {kinds} in a release or an accepted batch",
        next_step="give subject ids or new UIDs as the release has them, and say of what kind they are",
    )


def ids_of(withdrawn: pa.Table, entity: str) -> pa.Array:
    """Give the withdrawn ids of one kind."""
    return withdrawn.filter(pc.equal(withdrawn["entity"], entity))["entity_id"].combine_chunks()


def without_withdrawn(
    batches: Sequence[AcceptedBatch], withdrawn: pa.Table
) -> tuple[list[AcceptedBatch], list[Finding]]:
    """Leave withdrawn things out of batches, and count the instances that are left out.

    Of a study or series only the instances go here: what they leave empty goes with them when batches are merged.
    """
    if not withdrawn.num_rows:
        return list(batches), []
    subjects = ids_of(withdrawn, "subject")
    kept = []
    for batch in batches:
        tables = {name: without(rows, "subject_id", subjects) for name, rows in batch.tables.items()}
        for entity in ("study", "series"):
            tables[INSTANCES] = without(tables[INSTANCES], COLUMNS[entity], ids_of(withdrawn, entity))
        kept.append(replace(batch, tables=tables))
    counts = [sum(batch.tables[INSTANCES].num_rows for batch in those) for those in (batches, kept)]
    left_out = counts[0] - counts[1]
    return kept, [Finding(WITHDRAW, STAGE, INSTANCES, left_out)] if left_out else []


def withdrawn_series(tables: Iterable[Rows], withdrawn: pa.Table) -> set[str]:
    """Give the UIDs of series in tables of instances that are withdrawn, themselves or with their subject or study."""
    found = [query(_SERIES, rows=rows, gone=withdrawn) for rows in tables if withdrawn.num_rows]
    return {uid for one in found for uid in one["series_uid"].to_pylist()}


def present_findings(tables: Mapping[str, pa.Table], withdrawn: pa.Table) -> list[Finding]:
    """Count the rows of released tables that tell of something withdrawn: there must be none."""
    found = []
    for name, rows in tables.items():
        for entity, column in COLUMNS.items():
            if column in rows.schema.names and withdrawn.num_rows:
                ids = pa.table({column: ids_of(withdrawn, entity)})
                count = number(f"SELECT count(*) FROM rows SEMI JOIN ids USING ({column})", rows=rows, ids=ids)  # noqa: S608 -- our own names
                found.append(Finding(WITHDRAW, STAGE, f"{name}.{column}", count))
    return [finding for finding in found if finding.count]


def withdrawn_entities(before: Mapping[str, pa.Table], withdrawn: pa.Table) -> dict[str, pa.Table]:
    """Give, by entity, the ids in the release before that are withdrawn or hang on what is, and the reasons.

    A subject or study whose last part is withdrawn hangs on that part.
    """
    found = {entity: [_NONE] for entity in ENTITY_TABLES}
    for kind, column in COLUMNS.items() if before and withdrawn.num_rows else ():
        gone = withdrawn.filter(pc.equal(withdrawn["entity"], kind))
        for entity, table in ENTITY_TABLES.items():
            rows = before[table if column in before[table].schema.names else INSTANCES]
            named = _NAMED.format(key=KEYS[entity], column=column)
            found[entity].append(query(named, rows=rows, gone=gone))
    return {entity: pa.concat_tables(parts) for entity, parts in found.items()}
