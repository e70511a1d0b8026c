"""Every cell of every table can be explained, and the source cell is found again by who may see it."""

import base64
import json
import logging
from dataclasses import replace
from pathlib import Path
from re import fullmatch
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from config.errors import ConfigError
from config.keys import KeyRing
from config.lineage import origins
from config.rules import data_rules
from config.settings import Settings
from config.site import load_site
from expectations.schemas.catalog import BATCH
from expectations.schemas.lineage import EVERY_ROW
from expectations.schemas.pipeline import ACTIONS
from expectations.schemas.table import table_of
from flows.cli import app
from flows.demo_tables import CANARY, demo_tables
from flows.explain import Cell, Explained, explain
from flows.explain_source import BY_SITE_FILE, source_of
from tasks.errors import BatchNotReadyError, MissingKeyError, VerificationError
from tasks.store.local import LocalStore
from tasks.store.memory import MemoryStore
from tasks.store.parquet import read_table, write_table
from tests.harmonize.conftest import RING, RUN, Batch, Images
from tests.harmonize.test_demo_sites import SITES, patient, patients

TABLES = sorted({table for table, _ in origins()})
OTHER_RING = KeyRing(1, {1: b"o" * 32})


@pytest.fixture(scope="module")
def harmonized() -> dict[str, Batch]:
    return {}


@pytest.fixture(params=["s01", "s02"])
def demo(request: pytest.FixtureRequest, harmonized: dict[str, Batch], curate: Any, images: Any) -> Batch:
    """Give a demo batch whose run is accepted."""
    code = request.param
    if code not in harmonized:
        site = load_site(SITES, code)
        rows: Images = images(site.id_issuer)
        for one in patients():
            for day in one.study_dates:
                rows.add(one.patient_id, day, patient_sex=one.sex, patient_age_years=min(one.age_years or 0, 89))
        made = harmonized[code] = curate(site, demo_tables(code, patients()), rows.rows)
        made.context.work.swap(made.context.layout.current, json.dumps({"run": RUN}).encode(), expected=None)
    return harmonized[code]


def explained(demo: Batch, table: str, key: str, field: str) -> Explained:
    (one,) = explain(demo.context.work, Cell(table, key, field), None, None)
    return one


def sourced(demo: Batch, one: Explained, ring: KeyRing = RING) -> dict[str, object]:
    settings = Settings(sites=SITES)
    return source_of(one, (demo.context.raw, demo.context.work), settings, ring)


def sex_of(demo: Batch, number: int = 0) -> Explained:
    return explained(demo, "subject", demo.people.subject(patient(number)), "sex")


@pytest.mark.parametrize("table", TABLES)
def test_every_column_says_where_it_comes_from(table: str) -> None:
    assert {column for name, column in origins() if name == table} == set(BATCH[table].schema.names)


def test_every_origin_names_a_rule_of_ours_and_whole_attributes() -> None:
    for origin in origins().values():
        assert origin.rule_id in {"", *data_rules()}
        assert all(
            fullmatch(r"\([0-9A-F]{4},[0-9A-F]{4}\)|[a-z0-9_]+(\.([a-z0-9_]+|\*))?", one) for one in origin.inputs
        )


def test_every_cell_has_a_row_of_its_own_or_of_its_column(demo: Batch) -> None:
    lineage = {(row["entity"], row["entity_id"], row["field"]) for row in demo.table("lineage")}
    keys = {(table, row[BATCH[table].key[0]]) for table in TABLES for row in demo.table(table)}
    assert {(table, EVERY_ROW, column) for table, column in origins()} <= lineage
    assert {(table, key) for table, key, _ in lineage if key != EVERY_ROW} <= keys


@pytest.mark.parametrize("table", TABLES)
def test_explain_answers_for_every_column(demo: Batch, table: str) -> None:
    for row in demo.table(table)[:3]:
        for column in BATCH[table].schema.names:
            facts = explained(demo, table, row[BATCH[table].key[0]], column).as_dict()
            assert facts["value"] == row[column]
            assert facts.get("mapping") or facts.get("raw digest")


def test_the_source_cell_of_every_kind_of_cell_is_found_again(demo: Batch) -> None:
    cells = {(row["entity"], row["field"]): row for row in demo.table("lineage") if row["raw_digest"] is not None}
    assert {table for table, _ in cells} >= {"subject", "clinical_event", "test_result"}
    for (table, field), row in cells.items():
        found = sourced(demo, explained(demo, table, row["entity_id"], field))
        assert found["text"]
        assert found["row"] == row["row_number"]


def test_an_imaging_cell_names_its_attributes_and_what_deidentification_did(demo: Batch) -> None:
    facts = explained(demo, "imaging_series", demo.table("imaging_series")[0]["series_uid"], "modality").as_dict()
    assert facts["inputs"][0].startswith("(0008,0060), action ")
    assert facts["instances"] == 1
    assert not sourced(demo, explained(demo, "imaging_study", demo.table("imaging_study")[0]["study_uid"], "day"))


def test_a_value_that_is_not_there_says_what_null_means(demo: Batch) -> None:
    row = next(row for row in demo.table("imaging_series") if row["body_part"] is None)
    assert explained(demo, "imaging_series", row["series_uid"], "body_part").as_dict()["null means"]


def test_without_the_private_part_nothing_of_the_site_is_told(demo: Batch) -> None:
    facts = sex_of(demo).as_dict()
    assert facts["raw digest"]
    assert CANARY not in json.dumps(facts)
    assert "csv" not in json.dumps(facts)


def test_another_key_ring_finds_nothing(demo: Batch) -> None:
    with pytest.raises(VerificationError):
        sourced(demo, sex_of(demo), OTHER_RING)


def test_an_older_version_of_the_key_ring_is_found(demo: Batch) -> None:
    assert sourced(demo, sex_of(demo), KeyRing(2, {1: RING.keys[1], 2: b"n" * 32}))["text"]


def test_what_does_not_exist_is_refused_by_naming_what_does(demo: Batch) -> None:
    work = demo.context.work
    with pytest.raises(ConfigError, match="no canonical table") as problem:
        explain(work, Cell("subjects", "x", "sex"), None, None)
    assert "test_result" in problem.value.next_step
    with pytest.raises(ConfigError, match="no column") as problem:
        explain(work, Cell("subject", "x", "gender"), None, None)
    assert "sex" in problem.value.next_step
    for site, batch in ((None, None), ("s09", None), (None, "b9")):
        with pytest.raises(MissingKeyError) as missing:
            explain(work, Cell("subject", patient(0), "sex"), site, batch)
        assert CANARY not in missing.value.message + missing.value.next_step


def test_a_held_row_names_what_holds_it(curate: Any, table: Any) -> None:
    site = """
        [[tables]]
        pattern = "*.csv"
        [tables.columns]
        id = "patient_id"
        sex = { field = "subject.sex", codes = "sex.en" }
    """
    made = curate(site, {"p.csv": table("id | sex\nP1 | F\nP1 | M")}, [])
    made.context.work.swap(made.context.layout.current, json.dumps({"run": RUN}).encode(), expected=None)
    facts = explained(made, "subject", made.people.subject("P1"), "sex").as_dict()
    assert facts["held by"][0].startswith("D-SEX-STABLE: ")


def test_the_command_prints_it_and_logs_nothing(demo: Batch, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("raw", "work"):
        (tmp_path / name).mkdir()
        store, copy = getattr(demo.context, name), LocalStore(tmp_path / name)
        for one in store.list():
            copy.create(one.key, store.read(one.key))
    (tmp_path / "keys.toml").write_text(key_ring_text(), encoding="utf-8")
    (tmp_path / "keys.toml").chmod(0o600)
    words = ["explain", "subject", demo.people.subject(patient(0)), "sex", "--work", f"file://{tmp_path / 'work'}"]
    public = CliRunner().invoke(app, words)
    assert "Female" in public.stdout
    more = ["--raw", f"file://{tmp_path / 'raw'}", "--sites", str(SITES), "--keys", str(tmp_path / "keys.toml")]
    with caplog.at_level(logging.DEBUG):
        private = CliRunner().invoke(app, [*words, *more, "--private", "--json"], catch_exceptions=False)
    (cell,) = json.loads(private.stdout)["cells"]
    assert cell["source column"]
    assert cell["source text"] not in caplog.text.split()


def test_a_batch_that_is_named_is_the_only_one_asked(demo: Batch) -> None:
    cell, work = Cell("subject", demo.people.subject(patient(0)), "sex"), demo.context.work
    assert [one.batch for one in explain(work, cell, demo.context.site.code, "b1")] == ["b1"]
    with pytest.raises(BatchNotReadyError):
        explain(work, cell, demo.context.site.code, "b2")


def test_what_deidentification_did_and_what_validation_held_is_told(demo: Batch) -> None:
    series = demo.table("imaging_series")[0]["series_uid"]
    other = MemoryStore()
    for stored in demo.context.work.list():
        other.create(stored.key, demo.context.work.read(stored.key))
    run = demo.context.layout.run
    actions = [{"place": "(0008,0060)", "action": "K", "count": 7}]
    other.create(run(RUN, "actions.parquet"), write_table(table_of(ACTIONS, actions)))
    held = pa.table({"series_uid": [series], "rule_ids": [["I-MODALITY"]]})
    other.create(run(RUN, "held/imaging_series.parquet"), write_table(held))
    (one,) = explain(other, Cell("imaging_series", series, "modality"), None, None)
    facts = one.as_dict()
    assert facts["inputs"] == ["(0008,0060), action K; in this batch K 7 times"]
    assert facts["held by"][0].startswith("I-MODALITY: ")


def test_a_lineage_that_does_not_know_the_column_is_an_error(demo: Batch) -> None:
    other, lineage = MemoryStore(), demo.context.layout.run(RUN, "harmonized/lineage.parquet")
    for one in demo.context.work.list():
        content = demo.context.work.read(one.key)
        other.create(one.key, write_table(read_table(content).slice(0, 0)) if one.key == lineage else content)
    with pytest.raises(VerificationError, match="does not know"):
        explain(other, Cell("subject", demo.people.subject(patient(0)), "sex"), None, None)


def test_a_value_by_declaration_is_told_to_be_one(curate: Any, table: Any, tmp_path: Path) -> None:
    site = """
        [[tables]]
        pattern = "*.csv"
        constant = { "test.name" = "COVID-19" }
        [tables.columns]
        id = "patient_id"
        result = "test.result"
    """
    (tmp_path / "s01.toml").write_text(site, encoding="utf-8")
    made = curate(site, {"t.csv": table("id | result\nP1 | Positive")}, [])
    made.context.work.swap(made.context.layout.current, json.dumps({"run": RUN}).encode(), expected=None)
    one = explained(made, "test_result", made.table("test_result")[0]["test_id"], "test_name")
    stores, settings = (made.context.raw, made.context.work), Settings(sites=tmp_path)
    assert source_of(one, stores, settings, RING) == {"file": "s01/b1/t.csv", "row": 2, "value": BY_SITE_FILE}


@pytest.mark.parametrize("change", ["file", "table"])
def test_sources_that_are_not_those_of_the_run_are_refused(demo: Batch, tmp_path: Path, change: str) -> None:
    one = sex_of(demo)
    if change == "file":
        one = replace(one, lineage=one.lineage | {"source_file": "0" * 32})
    (tmp_path / f"{demo.context.site.code}.toml").write_text("", encoding="utf-8")
    with pytest.raises(VerificationError, match="not what the run read"):
        source_of(one, (demo.context.raw, demo.context.work), Settings(sites=tmp_path), RING)


def key_ring_text() -> str:
    return f'current = 1\n[keys]\n1 = "{base64.b64encode(RING.keys[1]).decode()}"\n'
