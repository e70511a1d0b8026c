"""A flow that a gate stopped shows why: what fired, where to read of it, and what to do."""

from typing import Any

import pytest

from config.settings import Settings
from flows import artifacts, curate, release
from tasks.errors import GateError
from tasks.model import BatchPlan

PLAN = BatchPlan("s01", "b1", "0f", (), 1, 1, 1)
STOPPED = GateError("s01/b1 is stopped by D-ZIP", next_step="read report/validation.md")


def raise_it(*_: Any) -> None:
    raise STOPPED


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The texts of the Markdown artifacts by their keys."""
    texts: dict[str, str] = {}
    monkeypatch.setattr(
        artifacts, "create_markdown_artifact", lambda text, key, description: texts.update({key: text + description})
    )
    return texts


def test_a_stopped_batch_shows_its_outcome_and_its_gates(
    shown: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curate.catalog, "validate", raise_it)
    monkeypatch.setattr(curate.running, "validation_page", lambda *_: "| table | rows in |")
    with pytest.raises(GateError):
        curate._validate(PLAN, Settings())
    assert shown["validation"].startswith("| table | rows in |")
    assert "s01/b1 is stopped by D-ZIP" in shown["stopped"]
    assert "read report/validation.md" in shown["stopped"]


def test_a_batch_that_passes_shows_its_outcome_alone(shown: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curate.catalog, "validate", lambda *_: None)
    monkeypatch.setattr(curate.running, "validation_page", lambda *_: "page")
    curate._validate(PLAN, Settings())
    assert list(shown) == ["validation"]


def test_a_stopped_release_shows_what_refused_it(shown: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release.catalog, "publish", raise_it)
    with pytest.raises(GateError):
        release._publish("2026.11.1", Settings(), "", ())
    assert shown["stopped"].startswith("# Release 2026.11.1 is stopped")
