"""From outcomes to decisions: which rows are held and for which rules, and what stops the batch. No data is changed."""
# ruff: noqa: S608 -- every name put into a statement is of our own schemas

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from config.rules import Severity
from expectations.schemas.catalog import BATCH
from expectations.suites.checks import fact
from tasks.validate.database import ROW, Database
from tasks.validate.outcome import Outcome
from tasks.validate.queries import QUERIES

WHOLES = (  # a whole is released whole: what its row counts must all be there
    ("imaging_instance", "series_uid", "imaging_series"),
    ("imaging_series", "study_uid", "imaging_study"),
)
CLINICAL = ("clinical_event", "test_result", "condition")
# What is derived from clinical rows hangs on them: if without the held rows it were another, it is held as well.
DERIVED = (
    (fact("subject", "C-FLAG-DERIVED", "ever_icu"), "subject", ("clinical_event",)),
    (fact("subject", "C-FLAG-DERIVED", "ever_ventilated"), "subject", ("clinical_event",)),
    (fact("subject", "T-COVID-POS"), "subject", ("test_result", "condition")),
    (fact("subject", "T-ANTIBODY"), "subject", ("test_result", "condition")),
    (fact("subject", "T-INDEX-TEST"), "subject", ("test_result",)),
    (fact("imaging_study", "I-TEST-DELTA", "days_to_positive_tests"), "imaging_study", ("test_result",)),
    (fact("imaging_study", "I-TEST-DELTA", "days_to_negative_tests"), "imaging_study", ("test_result",)),
)
RULES = pa.field("rule_ids", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False)
HELD = pa.schema([pa.field(ROW, pa.int64(), nullable=False), RULES])


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from the outcomes.

    `held` gives by table the held rows in their order, each with its rules (`HELD`): those that the row breaks itself,
    and those of the rows that it hangs on. `gates` are the outcomes that stop the batch, `warnings` those that are
    only reported.
    """

    held: Mapping[str, pa.Table] = field(default_factory=dict)
    gates: tuple[Outcome, ...] = ()
    warnings: tuple[Outcome, ...] = ()

    def held_of(self, table: str) -> pa.Table:
        """Give the held rows of a table."""
        return self.held.get(table, HELD.empty_table())


def decide(outcomes: Sequence[Outcome], database: Database, tables: Sequence[str]) -> Decision:
    """Decide which rows are held and whether the batch stops.

    Held are the rows that break a rule of severity block; every row that references a held row, to any depth; the
    study and series of which a series or instance is held; and what was derived from a held row (`DERIVED`).

    Parameters
    ----------
    database
        With the tables of the batch (`tasks.validate.database`).
    tables
        Their names.
    """
    gates = tuple(outcome for outcome in outcomes if outcome.stops)
    warnings = tuple(outcome for outcome in outcomes if not outcome.success and outcome.severity is Severity.WARN)
    _start(outcomes, database, tables)
    if not gates:
        _spread_all(database, tables)
    return Decision({name: _held(database, name) for name in tables}, gates, warnings)


def _start(outcomes: Sequence[Outcome], database: Database, tables: Sequence[str]) -> None:
    for name in tables:
        database.execute(f"CREATE TEMP TABLE held_{name} ({ROW} BIGINT, rule_id VARCHAR)")
    for outcome in outcomes:
        if outcome.severity is Severity.BLOCK and len(outcome.rows):
            rules = pa.repeat(outcome.rule_id, len(outcome.rows))
            _add(database, outcome.table, pa.table({ROW: outcome.rows, "rule_id": rules}))


def _add(database: Database, name: str, rows: pa.Table) -> int:
    """Hold rows for rules; give how many were not held for these before."""
    database.register("added", rows)
    return _insert(database, name, "FROM added")


def _insert(database: Database, name: str, statement: str) -> int:
    new = f"SELECT {ROW}, rule_id FROM ({statement}) EXCEPT FROM held_{name}"
    (row,) = database.execute(f"INSERT INTO held_{name} {new}").fetchall()
    return int(row[0])


@dataclass(frozen=True, slots=True)
class _Link:
    """Rows of `target` are held with the rows of `source` that have the same value in these columns."""

    source: str
    source_column: str
    target: str
    target_column: str


def _links(tables: Sequence[str]) -> Iterator[_Link]:
    for name in tables:
        for reference in BATCH[name].references:
            yield _Link(reference.table, BATCH[reference.table].key[0], name, reference.column)
    for part, column, whole in WHOLES:
        yield _Link(part, column, whole, column)


def _spread_all(database: Database, tables: Sequence[str]) -> None:
    """Hold what hangs on what is held, until nothing more does."""
    while sum([_spread(database, link) for link in _links(tables)]) + _spread_derived(database, tables):
        pass


def _spread(database: Database, link: _Link) -> int:
    """Hold what hangs on held rows by one link."""
    if not _count(database, link.source):
        return 0
    return _insert(
        database,
        link.target,
        f"""SELECT t.{ROW}, k.rule_id FROM {link.target} t JOIN (
                SELECT DISTINCT s.{link.source_column} AS value, h.rule_id
                FROM {link.source} s JOIN held_{link.source} h USING ({ROW})) k
            ON t.{link.target_column} = k.value""",
    )


def _count(database: Database, name: str) -> int:
    (row,) = database.execute(f"SELECT count(*) FROM held_{name}").fetchall()
    return int(row[0])


def _spread_derived(database: Database, tables: Sequence[str]) -> int:
    """Hold the rows whose derived values the accepted clinical rows do not give, for the rules of the held ones."""
    if not any(_count(database, name) for name in CLINICAL):
        return 0
    for name in tables:
        left = f"SELECT * FROM main.{name} ANTI JOIN temp.held_{name} USING ({ROW})"
        database.execute(f"CREATE OR REPLACE TEMP VIEW kept_{name} AS {left}")
    return sum(_spread_of(database, *derived) for derived in DERIVED)


def _spread_of(database: Database, name: str, target: str, sources: tuple[str, ...]) -> int:
    told = " UNION ALL ".join(
        f"SELECT s.subject_id, h.rule_id FROM main.{source} s JOIN held_{source} h USING ({ROW})" for source in sources
    )
    tables = " ".join(f"{table} AS (SELECT * FROM kept_{table})," for table in (target, *sources))
    return _insert(
        database,
        target,
        f"""WITH {tables} broken AS ({QUERIES[name]}), told AS ({told})
            SELECT t.{ROW}, told.rule_id FROM broken JOIN main.{target} t USING ({ROW}) JOIN told USING (subject_id)""",
    )


def _held(database: Database, name: str) -> pa.Table:
    statement = (
        f"SELECT {ROW}, list(rule_id ORDER BY rule_id) AS rule_ids FROM held_{name} GROUP BY {ROW} ORDER BY {ROW}"
    )
    return database.sql(statement).to_arrow_table().cast(HELD)
