"""Write the pages of docs/reference that the code itself determines; ``--check`` tells whether they are current."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import typer
from pydantic import BaseModel

from config.deid import load_profile
from config.errors import ConfigError
from config.release import load_release_policy
from config.rules import data_rules, ledger_rules
from config.settings import Settings
from expectations.schemas.catalog import CANONICAL
from expectations.schemas.pipeline import (
    ACTIONS,
    CROSSWALK,
    DISCLOSURE,
    FINDINGS,
    INSTANCES,
    LATE,
    LEDGER,
    NEEDLES,
    PARTITIONS,
    SOURCES,
    WITHDRAWN,
)
from expectations.schemas.table import Table
from flows.cli import app
from flows.terminal import say
from tasks import errors
from tasks.deidentify.report import conformance_statement

FOLDER = Path(__file__).parent / "reference"
OTHER_EXITS = {
    0: "Done; also when objects or rows were held",
    1: "A failure that no rule foresees",
    2: "Wrong words on the command line",
}


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Render rows as a Markdown table."""
    names = list(rows[0])
    cells = [names, ["---"] * len(names), *([str(row[name]).replace("|", "\\|") for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def page(title: str, lead: str, *parts: str) -> str:
    """Put a page together."""
    return "\n".join([f"# {title}\n", f"{lead}\n", *parts])


def exit_codes() -> str:
    """Give the page of exit codes."""
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CurationError)
    ]
    rows = [{"code": code, "meaning": meaning, "error": ""} for code, meaning in OTHER_EXITS.items()]
    rows += [
        {"code": kind.exit_code, "meaning": (kind.__doc__ or "").strip().splitlines()[0], "error": kind.__name__}
        for kind in [ConfigError, *kinds]
        if kind is not errors.CurationError
    ]
    return page(
        "Exit codes",
        "A code is never given a second meaning.",
        table(sorted(rows, key=lambda row: int(str(row["code"])))),
    )


def rules() -> str:
    """Give the page of rules."""
    ledger = [
        {"rule": f"`{rule.rule_id}`", "ends as": rule.status, "meaning": rule.rule, "next step": rule.next_step}
        for rule in ledger_rules().values()
    ]
    data = [
        {
            "rule": f"`{rule.rule_id}`",
            "severity": rule.severity,
            "table": rule.table,
            "meaning": rule.rule,
            "reason": rule.reason,
        }
        for rule in data_rules().values()
    ]
    lead = "Every rule has one id, which ledgers, findings, Data Docs and reports share."
    return page("Rules", lead, "## Where an object ends\n", table(ledger), "## What data must hold\n", table(data))


def columns(described: Table) -> str:
    """Give the columns of a table."""
    rows = [
        {
            "column": f"`{field.name}`",
            "type": str(field.type).replace(" not null", ""),
            "unit": facts.get("unit", ""),
            "meaning": facts["description"],
            "null means": facts.get("null", "never null"),
            "values": facts.get("values", "").replace("|", ", "),
            "source": facts.get("source", ""),
        }
        for field in described.schema
        for facts in [described_by(field)]
    ]
    return f"## {described.name}\n\n{described.description}\n\nKey: {', '.join(described.key)}\n\n{table(rows)}"


def described_by(field: pa.Field) -> dict[str, str]:
    """Give the facts of a column."""
    return {name.decode(): text.decode() for name, text in (field.metadata or {}).items()}


def data_dictionary() -> str:
    """Give the page of all tables."""
    lead = "Every table, from the schemas in `expectations/schemas`."
    own = (
        LEDGER, SOURCES, CROSSWALK, NEEDLES, FINDINGS, ACTIONS, INSTANCES, LATE, PARTITIONS, WITHDRAWN, DISCLOSURE,
    )  # fmt: skip
    return page("Data dictionary", lead, *(columns(described) for described in [*CANONICAL.values(), *own]))


def settings() -> str:
    """Give the page of settings."""
    rows = list(setting_rows(Settings, "", "CURATE_"))
    lead = (
        "From `curate.toml` (or the file that `CURATE_SETTINGS` names), the environment, and the command line, "
        "each over the one before."
    )
    return page("Settings", lead, table(rows))


def setting_rows(model: type[BaseModel], prefix: str, variable: str) -> Iterable[dict[str, str]]:
    """Give one row per setting, those of nested tables too."""
    for attribute, field in model.model_fields.items():
        name, kind = field.alias or attribute, field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from setting_rows(kind, f"{prefix}{name}.", f"{variable}{name.upper()}__")
        else:
            default = "number of cores" if name == "processes" else field.default
            yield {
                "setting": f"`{prefix}{name}`",
                "variable": f"`{variable}{name.upper()}`",
                "default": f"`{default}`" if default not in {None, ""} else "",
                "meaning": field.description or "",
            }


def release_policy() -> str:
    """Give the page of the release policy."""
    lead = (
        "One TOML file, which the setting `release_policy` names; what it leaves out is as in "
        "`config/release/default.toml`. What `[disclosure]` does is told in [what a release tells of a "
        "person](../explanation/disclosure.md)."
    )
    return page("Release policy", lead, table(list(policy_rows(load_release_policy(), ""))))


def policy_rows(model: BaseModel, prefix: str) -> Iterable[dict[str, str]]:
    """Give one row per field of a policy, those of its sections too."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from policy_rows(value, f"{prefix}{name}.")
        else:
            shown = json.dumps(model.model_dump(mode="json")[name])
            yield {"field": f"`{prefix}{name}`", "default": f"`{shown}`", "meaning": field.description or ""}


def deidentification() -> str:
    """Give the conformance statement of the profile in force."""
    return conformance_statement(load_profile())


def command_line() -> str:
    """Give the page of the command line."""
    parts = []
    for words, command in sorted(commands(typer.main.get_command(app), ())):
        options = [
            {
                "word": ", ".join(f"`{word}`" for word in (*parameter.opts, *parameter.secondary_opts)),
                "meaning": getattr(parameter, "help", "") or "",
            }
            for parameter in command.params
            if parameter.name != "help"
        ]
        parts.append(f"## curate {' '.join(words)}\n\n{command.help}\n\n{table(options) if options else ''}")
    return page("Command line", "Every command; `--help` says the same.", *parts)


def commands(
    command: typer.main.TyperCommand, words: tuple[str, ...]
) -> Iterable[tuple[tuple[str, ...], typer.main.TyperCommand]]:
    """Give every command below a group with its words."""
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
    else:
        for name, child in children.items():
            yield from commands(child, (*words, name))


PAGES = {
    "exit-codes.md": exit_codes,
    "rules.md": rules,
    "data-dictionary.md": data_dictionary,
    "settings.md": settings,
    "release-policy.md": release_policy,
    "command-line.md": command_line,
    "deidentification.md": deidentification,
}


def main() -> int:
    """Write the pages, or with ``--check`` say which are stale."""
    FOLDER.mkdir(exist_ok=True)
    stale = 0
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv:
            say(f"{path} is stale: run `make docs`")
            stale += 1
        else:
            path.write_text(text, encoding="utf-8")
            say(f"wrote {path}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
