"""A release that waits for a person, with a real Prefect server: suspended, answered, rejected, or never answered."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.flow_runs import resume_flow_run
from prefect.testing.utilities import prefect_test_harness

from config.settings import load_settings
from flows import approval
from flows.release import build_release
from tasks import running
from tasks.errors import GateError
from tasks.release.reading import committed
from tasks.store.local import LocalStore
from tests.release.batches import first_batch, second_batch

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("server")]
POLICY = (
    'address = "s3://open-chest/collection"\n[disclosure]\nk = 1\n[partition]\nsequestered_percent = 0\n'
    "[approval]\nrequired = true\nhours = 1\n"
)
NOTE = "looks right"


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("work", "release"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"CURATE_{name.upper()}", f"file://{tmp_path / name}")
    (tmp_path / "policy.toml").write_text(POLICY)
    monkeypatch.setenv("CURATE_RELEASE_POLICY", str(tmp_path / "policy.toml"))
    first_batch().write(LocalStore(tmp_path / "work"))
    return tmp_path


def deployed_run(version: str) -> FlowRun:
    """A run of the deployment, as a worker would take it."""
    deployment = build_release.to_deployment("release").apply()
    with get_client(sync_client=True) as client:
        return client.create_flow_run_from_deployment(deployment, parameters={"version": version})


def worked(run: FlowRun) -> State:
    """What the run is after a worker had it."""
    with get_client(sync_client=True) as client:
        with suppress(Pause):  # which ends the process of a worker
            run_flow(build_release, flow_run=client.read_flow_run(run.id), return_type="state")
        state = client.read_flow_run(run.id).state
    assert state is not None
    return state


def answer(run_id: UUID, decision: str) -> None:
    """Fill the form in."""
    resume_flow_run(run_id, run_input={"reviewer": "Dr Reviewer", "decision": decision, "note": NOTE})


def published(stores: Path) -> list[Path]:
    return [path for path in (stores / "release").rglob("*") if path.is_file()]


def decisions(stores: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_bytes()) for path in (stores / "work/private/releases").rglob("decisions/*.json")]


def test_a_release_is_published_once_a_person_says_so(stores: Path) -> None:
    run = deployed_run("2026.11")
    assert worked(run).name == "Suspended"
    assert published(stores) == []
    assert list((stores / "work/staged/2026.11").rglob("report/index.html"))
    answer(run.id, "publish")
    assert worked(run).is_completed()
    assert (stores / "release/current.json").exists()
    assert decisions(stores) == [{"reviewer": "Dr Reviewer", "decision": "publish", "note": NOTE}]


def test_a_rejected_release_stays_staged_and_nothing_is_public(stores: Path) -> None:
    run = deployed_run("2026.11")
    assert worked(run).name == "Suspended"
    answer(run.id, "reject")
    ended = worked(run)
    assert ended.is_failed()
    assert "rejected" in (ended.message or "")
    assert NOTE not in (ended.message or "")
    assert published(stores) == []
    assert list((stores / "work/staged/2026.11").rglob("tables/subject.parquet"))
    assert [one["decision"] for one in decisions(stores)] == ["reject"]


def test_content_that_changed_since_it_was_shown_is_asked_about_anew(stores: Path) -> None:
    run = deployed_run("2026.11")
    assert worked(run).name == "Suspended"
    answer(run.id, "publish")
    again = first_batch()
    again.run, again.subjects = "run2", {"SUBJECTA": {"sex": "Male"}}
    again.write(LocalStore(stores / "work"))
    assert worked(run).name == "Suspended"
    assert published(stores) == []


def test_a_run_that_nobody_could_start_again_waits_where_it_is(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "POLL_SECONDS", 1)
    ended: list[State] = []
    waiting = Thread(target=lambda: ended.append(build_release("2026.11", return_state=True)))
    waiting.start()
    answer(_paused(waiting), "publish")
    waiting.join(120)
    assert [state.is_completed() for state in ended] == [True]
    assert (stores / "release/current.json").exists()


def _paused(waiting: Thread) -> UUID:
    """Wait until a run is paused; give its id."""
    with get_client(sync_client=True) as client:
        while waiting.is_alive():
            for run in client.read_flow_runs():
                if run.state is not None and run.state.name == "Paused":
                    return run.id
            time.sleep(0.5)
    raise AssertionError


def test_what_a_person_approves_of_some_batches_is_what_is_published(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_batch().write(LocalStore(stores / "work"))
    monkeypatch.setattr(approval, "POLL_SECONDS", 1)
    batches = ["site-b/batch-1"]
    waiting = Thread(target=lambda: build_release("2026.11", batches, return_state=True))
    waiting.start()
    answer(_paused(waiting), "publish")
    waiting.join(120)
    assert list(committed(LocalStore(stores / "release"), None).batches) == batches


def test_a_release_that_nobody_decides_about_ends_unpublished(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "POLL_SECONDS", 1)
    monkeypatch.setattr(approval, "SECONDS_AN_HOUR", 2)
    state = build_release("2026.11", return_state=True)
    assert state.is_failed()
    assert published(stores) == []


def test_no_other_door_publishes_what_nobody_approved(stores: Path) -> None:
    with pytest.raises(GateError, match="waits for a person's approval"):
        running.publish("2026.11", load_settings())
    assert published(stores) == []
