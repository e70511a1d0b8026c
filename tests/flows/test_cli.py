"""The parser: every command explains itself, and every exit code has one meaning."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from config.errors import ConfigError
from config.settings import Settings
from docs.generate import OTHER_EXITS, PAGES, commands, setting_rows
from flows.cli import app
from flows.terminal import in_words
from tasks import errors

COMMANDS = list(commands(typer.main.get_command(app), ()))
runner = CliRunner()


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_every_command_and_option_has_a_help_text(words: tuple[str, ...], command: typer.main.TyperCommand) -> None:
    assert command.help
    assert all(getattr(parameter, "help", None) for parameter in command.params)
    assert runner.invoke(app, [*words, "--help"]).exit_code == 0


def test_no_exit_code_means_two_things() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CurationError)
    ]
    codes: dict[int, set[str]] = {}
    for kind in [ConfigError, *kinds]:
        family = "StoreError" if issubclass(kind, errors.StoreError) else kind.__name__
        codes.setdefault(kind.exit_code, set()).add(family)
    assert all(len(families) == 1 for families in codes.values())
    assert not set(codes) & (set(OTHER_EXITS) - {1})


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_reference_pages_are_current(name: str) -> None:
    path = Path(__file__).parents[2] / "docs/reference" / name
    assert path.read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_the_settings_in_force_are_explained(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "sites").mkdir()
    (empty_folder / "sites/good.toml").write_text("")
    (empty_folder / "sites/bad.toml").write_text("speed = 1")
    monkeypatch.setenv("CURATE_RAW", "s3://here")
    answer = runner.invoke(app, ["explain-config", "--sites", "sites", "--json"])
    said = json.loads(answer.stdout)
    assert said["settings"]["raw"] == "s3://here"
    assert said["sites"]["good"] == "sound"
    assert "speed" in said["sites"]["bad"]
    assert runner.invoke(app, ["explain-config", "--sites", "sites"]).exit_code == 0


def test_settings_are_named_as_files_and_the_environment_name_them(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {row["setting"].strip("`"): row["variable"].strip("`") for row in setting_rows(Settings, "", "CURATE_")}
    names = [name for name, field in Settings.model_fields.items() if field.annotation is str]
    names[names.index("key_ring")] = "keys"
    (empty_folder / "curate.toml").write_text("".join(f'{name} = "of a file"\n' for name in names), encoding="utf-8")
    from_file = json.loads(runner.invoke(app, ["explain-config", "--json"]).stdout)["settings"]
    for name in names:
        monkeypatch.setenv(variables[name], "of the environment")
    from_environment = json.loads(runner.invoke(app, ["explain-config", "--json"]).stdout)["settings"]
    assert {from_file[name] for name in names} == {"of a file"}
    assert {from_environment[name] for name in names} == {"of the environment"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"n_subjects": 22, "n_series": 42}, "n_subjects 22, n_series 42"),
        ({"subject": {}, "study": {"added": 2}}, "subject none, study added 2"),
        ({"sex": 0.14688222351954675}, "sex 0.147"),
        (["CR", "CT"], "CR, CT"),
        (("A",), "A"),
        ({}, ""),
        (None, ""),
        (False, "False"),
    ],
)
def test_people_are_shown_words_and_no_notation_of_a_language(value: object, words: str) -> None:
    assert in_words(value) == words
