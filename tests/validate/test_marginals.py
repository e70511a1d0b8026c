"""What is counted of a batch as a whole: completeness, and drift from the site's other batches."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from config.marginals import marginals
from config.site import Site
from expectations.schemas.pipeline import MARGINALS
from expectations.schemas.table import table_of
from tasks.distance import jensen_shannon
from tasks.layout import BatchLayout
from tasks.store.memory import MemoryStore
from tasks.store.parquet import read_table, write_table
from tasks.validate.accept import accept_batch
from tasks.validate.database import opened
from tasks.validate.marginals import FILE, earlier_marginals, marginal_facts, marginals_of
from tasks.validate.shard import validate_batch
from tests.validate.builders import Cluster, found_of
from tests.validate.runs import Run

NOTHING = MARGINALS.schema.empty_table()


def sexes(**counts: int) -> pa.Table:
    rows = [
        {"table": "subject", "column": "sex", "value": None if value == "missing" else value, "count": count}
        for value, count in counts.items()
    ]
    return table_of(MARGINALS, rows)


def fired(now: pa.Table, earlier: pa.Table = NOTHING, shares: dict[str, float] | None = None) -> dict[str, int]:
    return {name: count for name, count in marginal_facts(now, earlier, shares or {}).items() if count}


def test_values_are_counted_by_class_and_what_is_missing_is_null(tmp_path: Path) -> None:
    clusters = [Cluster(0), Cluster(1)]
    clusters[0].rows["subject"][0] |= {"age_at_index": None, "age_at_index_gt89": True, "sex": "Not Reported"}
    clusters[1].rows["subject"][0] |= {"age_at_index": None, "age_at_index_gt89": None, "sex": "ZZCANARY"}
    found = found_of(clusters, tmp_path)
    with opened({**found.tables, **found.evidence}, tmp_path) as database:
        counted = marginals_of(database)
    told = {(row["table"], row["column"], row["value"]): row["count"] for row in counted.to_pylist()}
    ages = {value: count for (_, column, value), count in told.items() if column == "age_at_index"}
    assert ages == {None: 1, "50": 2, "90": 1}
    assert {value: count for (_, column, value), count in told.items() if column == "sex"} == {
        None: 2, "Male": 2,
    }  # fmt: skip
    assert {(one.table, one.column) for one in marginals()} == {(table, column) for table, column, _ in told}


def test_a_column_with_too_few_values_is_told_and_a_small_batch_is_not() -> None:
    assert fired(sexes(missing=30, Female=90)) == {"S-COMPLETE subject.sex": 30}
    assert fired(sexes(missing=9, Female=91)) == {}
    assert fired(sexes(missing=9, Female=1)) == {}


def test_the_file_of_a_site_names_another_share() -> None:
    assert fired(sexes(missing=60, Female=60), shares={"subject.sex": 0.5}) == {}
    assert fired(sexes(missing=5, Female=115), shares={"subject.sex": 1.0}) == {"S-COMPLETE subject.sex": 5}
    with pytest.raises(ValueError, match=r"subject\.shoe: not among the columns"):
        Site(code="s01", completeness={"subject.shoe": 0.5})


def test_another_spread_than_in_the_other_batches_is_told_by_its_distance() -> None:
    before = sexes(Female=100, Male=100)
    assert fired(sexes(Female=120, Male=80), before) == {}
    assert fired(sexes(Female=300), before) == {
        "S-DRIFT subject.sex": round(1000 * (jensen_shannon({"a": 1}, {"a": 1, "b": 1}) or 0))
    }
    assert fired(sexes(Female=300), sexes(Female=20, Male=20)) == {}
    assert fired(sexes(Female=300), pa.concat_tables([sexes(Male=60), sexes(Male=60)])) == {"S-DRIFT subject.sex": 1000}


def test_only_accepted_batches_of_the_site_are_compared_with() -> None:
    work = MemoryStore("work")
    for site, batch, is_accepted in (
        ("s01", "b1", True),
        ("s01", "b2", True),
        ("s01", "b3", False),
        ("s02", "b1", True),
    ):
        layout = BatchLayout(site, batch)
        work.create(layout.run("r", FILE), write_table(sexes(Female=1)))
        if is_accepted:
            work.create(layout.current, json.dumps({"run": "r"}).encode())
    assert earlier_marginals(work, "s01", "b1")["count"].to_pylist() == [1]
    assert earlier_marginals(work, "s01", "new")["count"].to_pylist() == [1, 1]


def test_an_accepted_run_leaves_its_counts_for_the_next_batch() -> None:
    run = Run().write()
    validate_batch(run.plan, run.context)
    accept_batch(run.plan, run.context)
    left = earlier_marginals(run.context.work, "s01", "b2")
    assert left.equals(read_table(run.stored()[run.key(FILE)]))
    assert len(left) > 0
