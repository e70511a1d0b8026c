"""Every suite by its name, and the same suites as JSON for tools that read suites as files."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from great_expectations import ExpectationSuite

from expectations.suites import (
    clinical_event,
    condition,
    cross_table,
    imaging_instance,
    imaging_series,
    imaging_study,
    measurement,
    medication,
    release,
    subject,
    test_result,
)

FOLDER = Path(str(files("expectations.suites").joinpath("json")))


def suites() -> dict[str, ExpectationSuite]:
    """Give a fresh copy of every suite, by its name: Great Expectations writes ids into what it runs."""
    modules = (
        subject,
        clinical_event,
        test_result,
        condition,
        measurement,
        medication,
        imaging_study,
        imaging_series,
        imaging_instance,
        cross_table,
        release,
    )
    return {suite.name: suite for suite in (module.suite() for module in modules)}


def as_json(suite: ExpectationSuite) -> str:
    """Give a suite as the text of a JSON file: no ids, which are random, and no version, which the lock file names."""
    document: dict[str, Any] = dict(suite.to_json_dict())
    document.pop("id", None)
    document["meta"] = {name: value for name, value in suite.meta.items() if name != "great_expectations_version"}
    for expectation in document["expectations"]:
        expectation.pop("id", None)
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_json(folder: Path = FOLDER) -> None:
    """Write every suite as JSON; a test tells when this has to be done again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, suite in suites().items():
        (folder / f"{name}.json").write_text(as_json(suite), encoding="utf-8")
