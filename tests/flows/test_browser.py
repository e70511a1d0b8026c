"""What a person sees: the Prefect UI with the finished runs and artifacts, and the Data Docs, in a real browser."""

import shutil
import subprocess
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterName
from prefect.settings import PREFECT_API_URL, temporary_settings

from config.settings import Settings
from flows.ledger import accepted_run
from flows.links import report_link
from flows.up import Installation
from tasks.store import Store
from tests.flows.command import ARTIFACTS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.services,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (see CONTRIBUTING)"),
]
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1400,1600",
    "--virtual-time-budget=20000",
)  # fmt: skip


def look_at(url: str, name: str, profile: Path) -> str:
    """Open a page, keep a picture of it, and give the text that a person sees."""
    ARTIFACTS.mkdir(exist_ok=True)
    base = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}"]
    subprocess.run([*base, f"--screenshot={ARTIFACTS / name}.png", url], check=True, capture_output=True, timeout=120)
    page = subprocess.run([*base, "--dump-dom", url], check=True, capture_output=True, text=True, timeout=120)
    return page.stdout


def test_the_runs_page_shows_the_finished_runs(installation: Installation, tmp_path: Path) -> None:
    page = look_at(f"{installation.ui}/v2/runs", "prefect-runs", tmp_path)
    assert "curate-s01-b2026-01" in page
    assert "release-2026.01" in page
    assert "Completed" in page


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("outcome", "Where every input ended"),
        ("intake", "clinical tables"),
        ("release", "n_instances"),
        ("deidentification", "objects searched for source values"),
    ],
)
def test_an_artifact_page_shows_the_artifact(installation: Installation, tmp_path: Path, key: str, text: str) -> None:
    with temporary_settings({PREFECT_API_URL: installation.prefect_api}), get_client(sync_client=True) as client:
        artifacts = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    assert artifacts
    page = look_at(f"{installation.ui}/artifacts/artifact/{artifacts[0].id}", f"prefect-artifact-{key}", tmp_path)
    assert text in page


def test_a_run_page_shows_its_tasks(installation: Installation, tmp_path: Path) -> None:
    wanted = FlowRunFilter(name=FlowRunFilterName(any_=["curate-s02-b2026-01"]))
    with temporary_settings({PREFECT_API_URL: installation.prefect_api}), get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=wanted)
    page = look_at(f"{installation.ui}/runs/flow-run/{runs[0].id}", "prefect-run", tmp_path)
    assert "curate-s02-b2026-01" in page


def test_the_data_docs_are_readable_offline(
    installation: Installation, demo_settings: Settings, work: Store, tmp_path: Path
) -> None:
    assert installation.children
    link = report_link("s01", "b2026-01", accepted_run(work, "s01", "b2026-01"), demo_settings)
    page = look_at(link, "data-docs", tmp_path)
    assert "subject" in page
    assert "http://" not in page.replace(demo_settings.reports_url, "").replace("http://www.w3.org", "")
