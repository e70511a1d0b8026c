"""No suite passes for want of something to look at: nothing, nulls only, a column gone, a column of another type."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from expectations.schemas.catalog import BATCH
from expectations.schemas.table import Table
from tasks.validate.crosschecks import flags_of, queries_of
from tasks.validate.frames import frame_of
from tasks.validate.running import Expected, TableResult, run_suites
from tests.validate.builders import Cluster, evidence_of, tables_of

TABLES = tuple(Cluster().rows)
CLINICAL = {"clinical_event", "test_result", "condition", "measurement", "medication"}


def emptied(table: pa.Table, _: Table) -> pa.Table:
    return table.slice(0, 0)


def nulled(table: pa.Table, form: Table) -> pa.Table:
    return pa.table({field.name: pa.nulls(len(table), field.type) for field in form.schema})


def without_its_last_column(table: pa.Table, form: Table) -> pa.Table:
    return table.drop_columns([form.schema.names[-1]])


def with_its_last_column_as_text_or_number(table: pa.Table, form: Table) -> pa.Table:
    name = form.schema.names[-1]
    other = pa.array(range(len(table))) if form.schema.types[-1] == pa.string() else pa.array(["1"] * len(table))
    return table.set_column(len(form.schema) - 1, name, other)


def with_a_column_too_many(table: pa.Table) -> pa.Table:
    return table.append_column("ZZCANARY", pa.array(["ZZCANARY"] * len(table)))


KINDS: list[Callable[[pa.Table, Table], pa.Table]] = [
    emptied,
    nulled,
    without_its_last_column,
    with_its_last_column_as_text_or_number,
]
Degenerate = tuple[str, dict[str, TableResult]]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def degenerate(request: pytest.FixtureRequest) -> Degenerate:
    clusters = [Cluster()]
    tables = {name: request.param(table, BATCH[name]) for name, table in tables_of(clusters).items()}
    flags = flags_of(tables, evidence_of(clusters))
    frames = {name: frame_of(table, BATCH[name], flags[name]) for name, table in tables.items()}
    results = run_suites(frames, {name: Expected(1, 3) for name in frames})
    return request.param.__name__, {result.table: result for result in results}


RULES = {
    "emptied": {"S-EMPTY", "S-NO-CLINICAL"},
    "nulled": {"S-KEY-UNIQUE"},
    "without_its_last_column": {"S-SCHEMA"},
    "with_its_last_column_as_text_or_number": {"S-SCHEMA"},
}


@pytest.mark.parametrize("name", TABLES)
def test_a_degenerate_table_fails_its_suite(name: str, degenerate: Degenerate) -> None:
    kind, results = degenerate
    failed = {outcome.rule_id for outcome in results[name].outcomes if not outcome.success}
    assert failed & RULES[kind]
    assert not results[name].shown.success


@pytest.mark.parametrize("name", TABLES)
def test_a_degenerate_table_stops_the_batch_unless_it_is_an_empty_clinical_table(
    name: str, degenerate: Degenerate
) -> None:
    kind, results = degenerate
    stops = any(outcome.stops for outcome in results[name].outcomes)
    assert stops == (kind != "emptied" or name not in CLINICAL)


def test_a_column_too_many_stops_the_batch_and_is_not_named() -> None:
    table = with_a_column_too_many(tables_of([Cluster()])["condition"])
    flags = {name: np.zeros(len(table), dtype=np.bool_) for name, _ in queries_of(BATCH["condition"])}
    (result,) = run_suites({"condition": frame_of(table, BATCH["condition"], flags)}, {"condition": Expected(1, 3)})
    assert [outcome.rule_id for outcome in result.outcomes if outcome.stops] == ["S-SCHEMA"]
    assert "ZZCANARY" not in str(result.shown.to_json_dict())


def test_a_flag_that_could_not_be_computed_is_never_a_pass(degenerate: Degenerate) -> None:
    kind, results = degenerate
    if kind == "without_its_last_column":  # n_instances, on which I-COUNT looks
        broken = {outcome.rule_id for outcome in results["imaging_study"].outcomes if outcome.broken}
        assert "I-COUNT" in broken
