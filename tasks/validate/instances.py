"""The checks on imaging_instance, counted for all of its rows in one pass; which rows is asked only of what fired."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.schemas.catalog import BATCH
from expectations.suites import imaging_instance as suite
from expectations.suites.demands import Demand, Kind, demands_of
from expectations.suites.derive import check_of
from tasks.validate.database import ROW, Database, column_of
from tasks.validate.facts import Facts, listed

TABLE = BATCH["imaging_instance"]
_OBJECT = "hash(sop_uid, sha256, md5, {size})"
_WITH_PARENTS = """
    SELECT i.*, p.series_uid AS known_series, p.study_uid AS study_of_series, p.subject_id AS subject_of_series,
           t.study_uid AS known_study, t.subject_id AS subject_of_study, s.subject_id AS known_subject
    FROM imaging_instance i
    LEFT JOIN (SELECT series_uid, any_value(study_uid) AS study_uid, any_value(subject_id) AS subject_id
               FROM imaging_series GROUP BY series_uid) p ON p.series_uid = i.series_uid
    LEFT JOIN (SELECT study_uid, any_value(subject_id) AS subject_id FROM imaging_study GROUP BY study_uid) t
        ON t.study_uid = i.study_uid
    LEFT JOIN (SELECT DISTINCT subject_id FROM subject) s ON s.subject_id = i.subject_id
"""
_KNOWN = {"imaging_series": "known_series", "imaging_study": "known_study", "subject": "known_subject"}


@dataclass(frozen=True, slots=True)
class _Count:
    """How a check is counted.

    `count` is an aggregate over the rows with their parents, none exactly if nothing breaks the rule; `rows` is the
    statement of the rows that do, and their number is the fact; without it the aggregate is.
    """

    count: str
    rows: str = ""


def instance_facts(database: Database, path: Path, expected: tuple[int, int]) -> Facts:
    """Count what the suite of imaging_instance asks for.

    Parameters
    ----------
    database
        With the tables of the batch and `settled`.
    path
        The file of the table.
    expected
        The least number of rows, and the number of candidates in the ledger.
    """
    plan = dict(_counts(*expected))
    counts: dict[str, int] = _types(path)
    rows: dict[str, pa.Array] = {}
    for name, count in _screened(database, plan).items():
        counts[name] = count
        if count and plan[name].rows:
            rows[name] = column_of(database, plan[name].rows, ROW)
            counts[name] = len(rows[name])
    return Facts(counts, rows)


def _types(path: Path) -> dict[str, int]:
    """Tell of each column of the schema that is there whether it is of another type."""
    found = pq.read_schema(path)
    return {
        check_of(TABLE, demand).name: int(found.field(column).type != TABLE.schema.field(column).type)
        for demand in demands_of(TABLE)
        for column in demand.columns
        if demand.kind is Kind.TYPE and column in found.names
    }


def _screened(database: Database, plan: Mapping[str, _Count]) -> dict[str, int]:
    """Count all in one statement; if that cannot run, each alone, and what cannot run is left out."""
    try:
        return _counted(database, plan)
    except duckdb.Error:
        return {name: number for one in plan.items() for name, number in _alone(database, *one).items()}


def _alone(database: Database, name: str, count: _Count) -> dict[str, int]:
    try:
        return _counted(database, {name: count})
    except duckdb.Error:
        return {}


def _counted(database: Database, plan: Mapping[str, _Count]) -> dict[str, int]:
    asked = ", ".join(["count(*)", *(one.count for one in plan.values())])
    (found,) = database.execute(f"SELECT {asked} FROM ({_WITH_PARENTS})").fetchall()  # noqa: S608 -- of this module
    return {name: int(number or 0) for name, number in zip(plan, found[1:], strict=True)}


def _counts(least_rows: int, candidates: int) -> Iterator[tuple[str, _Count]]:
    for demand in demands_of(TABLE):
        if demand.kind is not Kind.TYPE:
            yield check_of(TABLE, demand).name, _of_demand(demand)
    yield suite.ROWS.name, _Count(f"greatest({least_rows} - count(*), 0)")
    yield suite.LEDGER.name, _Count(f"abs(count(*) - {candidates})")
    yield suite.OBJECT.name, _of_objects()
    yield (
        suite.TREE.name,
        _where("study_uid <> study_of_series OR subject_id <> subject_of_series OR subject_id <> subject_of_study"),
    )
    yield suite.AGE_UNIT.name, _of_ages()
    yield suite.SAME_PIXELS.name, _repeated("subject_id, pixel_sha256", "HAVING count(*) > 1")
    yield suite.SHARED_PIXELS.name, _repeated("pixel_sha256", "HAVING count(DISTINCT subject_id) > 1")


def _of_demand(demand: Demand) -> _Count:
    column = demand.columns[0]
    match demand.kind:
        case Kind.NOT_NULL:
            return _where(f"{column} IS NULL")
        case Kind.IN_SET:
            return _where(f"{column} NOT IN ({listed(demand.values)})")
        case Kind.BETWEEN:
            bounds = ((demand.least, "<"), (demand.most, ">"))
            return _where(" OR ".join(f"{column} {sign} {bound}" for bound, sign in bounds if bound is not None))
        case Kind.REGEX:
            form = demand.regex.removeprefix("^").removesuffix(r"\Z")
            return _where(f"NOT regexp_full_match({column}, '{form}')")
        case Kind.REFERENCE:
            return _where(f"{column} IS NOT NULL AND {_KNOWN[demand.parent]} IS NULL")
        case Kind.UNIQUE:
            return _repeated(", ".join(demand.columns), "HAVING count(*) > 1")
        case other:
            raise ValueError(f"imaging_instance has no query for: {other}")


def _where(condition: str) -> _Count:
    """Give the count of rows for which a condition is true; null is not."""
    rows = f"SELECT {ROW} FROM ({_WITH_PARENTS}) WHERE {condition}"  # noqa: S608 -- names and values of our own schemas
    return _Count(f"count(*) FILTER (WHERE {condition})", rows)


def _repeated(columns: str, having: str) -> _Count:
    """Give the count of rows in groups of some columns, none of them null; screened by the digests of the last one.

    Equal values have equal digests, so that as many digests as values tell that none is repeated; a null has one too.
    """
    last = columns.rsplit(", ", 1)[-1]
    groups = f"SELECT {columns} FROM imaging_instance WHERE {last} IS NOT NULL GROUP BY {columns} {having}"  # noqa: S608
    rows = f"SELECT {ROW} FROM imaging_instance SEMI JOIN ({groups}) USING ({columns})"  # noqa: S608 -- our own names
    return _Count(f"count({last}) - count(DISTINCT hash({last})) FILTER (WHERE {last} IS NOT NULL)", rows)


def _of_objects() -> _Count:
    """Give the count of rows that no settled instance equals; screened by the sum of digests on either side."""
    ours, theirs = _OBJECT.format(size="size"), _OBJECT.format(size="size_bytes")
    screen = f"(sum({ours}::HUGEINT) IS DISTINCT FROM (SELECT sum({theirs}::HUGEINT) FROM settled))::INTEGER"  # noqa: S608
    rows = f"SELECT {ROW} FROM imaging_instance WHERE {ours} NOT IN (SELECT {theirs} FROM settled)"  # noqa: S608
    return _Count(screen, rows)


def _of_ages() -> _Count:
    wrong = "patient_age_years NOT BETWEEN 0 AND 89 OR coalesce(patient_age_gt89, true) <> (patient_age_years IS NULL)"
    ages = f"FROM settled WHERE {wrong}"
    rows = f"SELECT {ROW} FROM imaging_instance SEMI JOIN (SELECT sop_uid {ages}) USING (sop_uid)"  # noqa: S608
    return _Count(f"(SELECT count(*) {ages})", rows)
