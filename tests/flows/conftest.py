"""The demo, run once as a user would, and its installation, brought back for tests that look at it."""

from collections.abc import Iterator

import pytest

from config.settings import Settings, load_settings
from flows.up import Installation, running_services
from tasks.store import Store
from tasks.store.opening import open_named
from tests.flows.command import ARTIFACTS, DemoRun, curate


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    folder = tmp_path_factory.mktemp("demo")
    answer = curate("demo", folder=folder)
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "demo.txt").write_text(answer.stdout + answer.stderr)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    return DemoRun(folder, folder / ".curate", answer)


@pytest.fixture(scope="session")
def installation(demo_run: DemoRun) -> Iterator[Installation]:
    with running_services(demo_run.installation) as running:
        yield running


@pytest.fixture(scope="session")
def demo_settings(installation: Installation) -> Settings:
    return load_settings(installation.settings_file)


@pytest.fixture(scope="session")
def work(demo_settings: Settings) -> Store:
    return open_named("work", demo_settings)


@pytest.fixture(scope="session")
def release(demo_settings: Settings) -> Store:
    return open_named("release", demo_settings)
