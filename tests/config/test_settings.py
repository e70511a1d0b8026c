import pickle
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import Settings, load_settings


def test_words_go_over_environment_and_environment_over_file(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "curate.toml").write_text('raw = "s3://file"\nwork = "s3://file"\nrelease = "s3://file"\n')
    monkeypatch.setenv("CURATE_WORK", "s3://environment")
    monkeypatch.setenv("CURATE_RELEASE", "s3://environment")
    settings = load_settings(release="s3://words", sequestered=None)
    assert (settings.raw, settings.work, settings.release) == ("s3://file", "s3://environment", "s3://words")


def test_nested_settings_and_the_key_ring_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_S3__ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CURATE_KEYS", "env:RING")
    settings = load_settings()
    assert (settings.s3.endpoint_url, settings.key_ring) == ("http://127.0.0.1:1", "env:RING")


def test_the_local_installation_is_found_without_words(empty_folder: Path) -> None:
    (empty_folder / ".curate").mkdir()
    (empty_folder / ".curate/curate.toml").write_text('raw = "s3://raw"\n')
    assert load_settings().raw == "s3://raw"


def test_settings_travel_between_processes() -> None:
    settings = load_settings(raw="file:///a")
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 -- our own bytes
    assert type(settings) is Settings
    assert hash(settings) == hash(load_settings(raw="file:///a"))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('rwa = "x"\n[s3]\nsse = "maybe"\n', ("rwa", "s3.sse")),
        ("processes = 0\n[shard]\nmax_bytes = -1\n", ("processes", "shard.max_bytes")),
        ("raw = \n", ("no valid TOML",)),
    ],
)
def test_a_wrong_file_names_every_wrong_field(empty_folder: Path, text: str, fields: tuple[str, ...]) -> None:
    (empty_folder / "curate.toml").write_text(text)
    with pytest.raises(ConfigError) as problem:
        load_settings()
    assert all(field in problem.value.message for field in fields)
    assert "curate.toml" in problem.value.next_step
    assert str(problem.value) == problem.value.message


def test_a_named_file_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_SETTINGS", "/nowhere/curate.toml")
    with pytest.raises(ConfigError, match="no settings file"):
        load_settings()
