"""The demo as a whole: what it printed, what it left, and that nothing of its input came out."""

import csv
import sqlite3
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import dataset

from config.settings import Settings
from flows.demo import VERSION
from flows.demo_canaries import canaries
from flows.demo_data import demo_batches
from flows.up import Installation, health
from tasks.store import Store
from tasks.store.opening import open_named
from tests.flows.command import DemoRun, curate
from tests.oracle.leaks import leaks
from tests.store.buckets import bucket_of, duckdb_at

pytestmark = pytest.mark.services
BATCHES = [("s01", "b2026-01"), ("s01", "b2026-02"), ("s02", "b2026-01")]


def test_the_demo_says_that_the_release_is_verified_and_the_second_run_changed_nothing(demo_run: DemoRun) -> None:
    said = demo_run.answer.stdout
    assert "is published and verified" in said
    assert "second run: 3 batches and release 2026.01 unchanged" in said
    for question in ("Who is in the release?", "Which images, and how big are they?", "during a hospital stay"):
        assert question in said
    assert "Prefect UI" in said


@pytest.mark.parametrize(("site", "batch"), BATCHES)
def test_every_input_has_one_ledger_row(
    demo_run: DemoRun, installation: Installation, tmp_path: Path, site: str, batch: str
) -> None:
    assert installation.children
    path = tmp_path / "ledger.csv"
    answer = curate("ledger", site, batch, "--csv", str(path), folder=demo_run.folder)
    assert answer.returncode == 0, answer.stderr
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sent = next(found for found in demo_batches() if (found.site, found.batch) == (site, batch)).files
    objects = Counter(row["source"] for row in rows if "!" not in row["source"])
    assert objects == Counter(f"{site}/{batch}/{name}" for name in sent)
    assert {row["status"] for row in rows} <= {"released-candidate", "held", "rejected", "duplicate", "not-imaging"}
    assert all(row["reason"] for row in rows)


def test_no_identifier_of_the_input_is_in_anything_that_left_the_private_prefix(
    demo_run: DemoRun, work: Store, release: Store, demo_settings: Settings
) -> None:
    needles = canaries()
    found = [("work", key, needle) for key, needle in leaks(_open_objects(work), needles)]
    for part in (release, open_named("sequestered", demo_settings)):
        objects = _open_objects(part)
        assert any(key.startswith("data/") for key, _ in objects)
        found += [(part.address, key, needle) for key, needle in leaks(objects, needles)]
    assert found == []
    logs = [(path.name, path.read_bytes()) for path in demo_run.installation.rglob("*.log")]
    assert len(logs) >= 3
    printed = [("output", (demo_run.answer.stdout + demo_run.answer.stderr).encode())]
    assert leaks([*logs, *printed], needles) == []


def _open_objects(store: Store) -> list[tuple[str, bytes]]:
    return [(found.key, store.read(found.key)) for found in store.list() if not found.key.startswith("private/")]


def test_no_identifier_of_the_input_is_in_a_row_of_the_prefect_database(
    demo_run: DemoRun, installation: Installation
) -> None:
    database = demo_run.installation / "prefect/prefect.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        content = connection.serialize()
    assert installation.prefect_api
    assert len(content) > 100_000
    assert leaks([("prefect.db", content)], canaries()) == []


def test_everything_is_healthy_and_says_so(demo_run: DemoRun, installation: Installation) -> None:
    assert all(health(demo_run.installation).values())
    assert curate("up", "--check", folder=demo_run.folder).returncode == 0
    assert len(installation.children) == 3


def test_the_stores_pass_their_examination(demo_run: DemoRun, demo_settings: Settings) -> None:
    answer = curate("doctor", "--json", folder=demo_run.folder)
    assert answer.returncode == 0, answer.stdout
    assert demo_settings.raw == "s3://raw"


def test_a_stranger_can_verify_the_release(demo_run: DemoRun, installation: Installation) -> None:
    assert installation.children
    answer = curate("verify-release", "--json", folder=demo_run.folder)
    assert (answer.returncode, '"problems": []' in answer.stdout) == (0, True), answer.stdout


@pytest.mark.filterwarnings("ignore")  # what other packages warn of at import
def test_researchers_open_the_released_tables_straight_from_the_bucket(
    release: Store, demo_settings: Settings, tmp_path: Path
) -> None:
    """DuckDB, pyarrow and pandas read every table as it lies there; mlcroissant loads it by its description."""
    import mlcroissant  # noqa: PLC0415 -- warns at import

    bucket = bucket_of(demo_settings.s3)
    root = f"releases/{VERSION}/"
    for found in release.list(root):
        if found.key.endswith((".json", ".parquet")):
            path = tmp_path / found.key.removeprefix(root)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(release.read(found.key))
    described = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
    with duckdb_at(bucket) as database:
        for name in (one.id for one in described.metadata.record_sets):
            path = f"release/{root}tables/{name}.parquet"
            rows = dataset.dataset(path, filesystem=bucket).to_table()
            assert database.read_parquet(f"s3://{path}").to_arrow_table().num_rows == rows.num_rows
            assert len(pd.read_parquet(path, filesystem=bucket)) == rows.num_rows
            assert len(list(described.records(name))) == rows.num_rows
            assert rows.num_rows > 0 or name in {"measurement", "medication", "withdrawals"}, name


@pytest.mark.parametrize(("site", "batch"), BATCHES)
def test_an_arrival_started_its_batch_exactly_once(
    demo_run: DemoRun, installation: Installation, site: str, batch: str
) -> None:
    """The demo looked for arrivals once, the schedule more often; the second run of each batch is the demo's own."""
    assert installation.prefect_api
    with sqlite3.connect(f"file:{demo_run.installation / 'prefect/prefect.db'}?mode=ro", uri=True) as connection:
        query = "select count(*), count(idempotency_key) from flow_run where name = ? and state_name = 'Completed'"
        runs = connection.execute(query, (f"curate-{site}-{batch}",)).fetchone()
    assert runs[0] == 2


@pytest.mark.parametrize(
    ("words", "env", "word"),
    [
        (["--raw", "s3://nowhere"], {}, "bucket"),
        ([], {"CURATE_S3__CREDENTIALS_FILE": "wrong"}, "access key"),
        (["--raw", "ftp://raw"], {}, "s3://"),
    ],
)
def test_a_store_that_refuses_us_is_one_line_with_the_next_step(
    demo_run: DemoRun, installation: Installation, words: list[str], env: dict[str, str], word: str
) -> None:
    assert installation.children
    (demo_run.folder / "wrong").write_text("[default]\naws_access_key_id = NOBODY\naws_secret_access_key = nothing\n")
    answer = curate("batch", "s01", "b2026-01", "--local", *words, folder=demo_run.folder, env=env)
    assert answer.returncode == (3 if "ftp" in " ".join(words) else 4), answer.stderr
    assert len(answer.stderr.splitlines()) == 1, answer.stderr
    assert word in answer.stderr
