"""The one place where Great Expectations runs; what it found leaves as outcomes and as results without values.

Importing this module imports Great Expectations, which takes seconds: import it late, and never in a shard's task.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.data_context import EphemeralDataContext
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from config.rules import Severity
from expectations.suites.catalog import suites
from tasks.validate.facts import Facts
from tasks.validate.outcome import Outcome, positions

WHOLE_ROWS = "Whole rows"
COUNTS = ("element_count", "unexpected_count", "unexpected_percent", "unexpected_percent_total", "missing_count")
FACTS = ("expect_column_max_to_be_between",)
ROW_COUNTS = ("expect_table_row_count_to_be_between", "expect_table_row_count_to_equal")


@dataclass(frozen=True, slots=True)
class TableResult:
    """What a suite said, as outcomes in the order of the suite and as a result fit for Data Docs."""

    suite: str
    outcomes: tuple[Outcome, ...]
    shown: ExpectationSuiteValidationResult


def run_suites(
    frames: Mapping[str, Callable[[], pd.DataFrame]], least_rows: Mapping[str, int], facts: Mapping[str, Facts]
) -> list[TableResult]:
    """Run the suites of tables on their frames, then the suites of facts on theirs.

    Parameters
    ----------
    frames
        By table what gives its frame (`tasks.validate.frames.frame_of`), whose index is the position of the row; one
        is in memory at a time.
    least_rows
        By table how many rows it must have at least.
    facts
        By suite what was counted for it.
    """
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # its messages can hold values
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    known = suites()
    of_tables = [_run(context, known[name], (make(), None), least_rows[name]) for name, make in frames.items()]
    return of_tables + [_run(context, known[name], (found.frame, found), 0) for name, found in facts.items()]


def _run(
    context: EphemeralDataContext,
    suite: gx.ExpectationSuite,
    looked_at: tuple[pd.DataFrame, Facts | None],
    least_rows: int,
) -> TableResult:
    name, (frame, facts) = suite.name, looked_at
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    data = asset.add_batch_definition_whole_dataframe(name)
    asked = [expectation.configuration for expectation in suite.expectations]
    definition = gx.ValidationDefinition(name=name, data=data, suite=context.suites.add(suite))
    result = context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": frame},
        expectation_parameters={"least_rows": least_rows},
        result_format="COMPLETE",
    )
    pairs = list(_in_order(asked, result.results))
    outcomes = tuple(_outcome(configuration, found, facts) for configuration, found in pairs)
    return TableResult(name, outcomes, _shown(name, pairs))


def _in_order(
    asked: Sequence[ExpectationConfiguration], results: Sequence[ExpectationValidationResult]
) -> Iterator[tuple[ExpectationConfiguration, ExpectationValidationResult | None]]:
    """Pair what was asked with what was answered; Great Expectations answers in another order."""
    answers = {_identity(found.expectation_config): found for found in results if found.expectation_config}
    for configuration in asked:
        yield configuration, answers.get(_identity(configuration))


def _identity(configuration: ExpectationConfiguration) -> tuple[object, ...]:
    return (configuration.type, configuration.kwargs.get("column"), configuration.description)


def _outcome(
    asked: ExpectationConfiguration, found: ExpectationValidationResult | None, facts: Facts | None = None
) -> Outcome:
    """Give the outcome; no answer, an exception, or rows that do not add up are never a pass."""
    meta, text = asked.meta or {}, (asked.description or "").replace("$$", "$")
    about = (meta["table"], meta["rule_id"], Severity(meta["severity"]), meta["place"], text)
    if found is None or _raised(found):
        return Outcome(*about, success=False, failed=1, broken=True)
    if found.success:
        return Outcome(*about, success=True)
    if facts is not None:
        return _of_fact(Outcome(*about, success=False, failed=1), asked, found, facts)
    rows = positions(sorted(set(found.result.get("unexpected_index_list") or ())))
    count = found.result.get("unexpected_count", 0)
    return Outcome(*about, success=False, failed=count or 1, rows=rows, broken=len(rows) != count)


def _of_fact(
    outcome: Outcome, asked: ExpectationConfiguration, found: ExpectationValidationResult, facts: Facts
) -> Outcome:
    """Add what was counted; a fact that was not seen, or is no whole number, is not decided."""
    if asked.type not in FACTS:
        return outcome
    name = asked.kwargs["column"]
    count = facts.counts.get(name)
    if not isinstance(count, int) or found.result.get("observed_value") != count:
        return replace(outcome, broken=True)
    return replace(outcome, failed=count, rows=facts.rows.get(name, positions()))


def _raised(found: ExpectationValidationResult) -> bool:
    """Tell whether the check itself failed; Great Expectations says so in two forms, by check or by metric."""
    raised = found.exception_info or {}
    if "raised_exception" in raised:
        return bool(raised["raised_exception"])
    return bool(raised)


def _shown(
    name: str, pairs: Sequence[tuple[ExpectationConfiguration, ExpectationValidationResult | None]]
) -> ExpectationSuiteValidationResult:
    """Give the result again with counts only: no values, no rows, no clock and no random ids."""
    shown = [_counted(configuration, found) for configuration, found in pairs]
    passed = sum(bool(one.success) for one in shown)
    return ExpectationSuiteValidationResult(
        success=passed == len(shown),
        results=shown,
        suite_name=name,
        statistics={
            "evaluated_expectations": len(shown),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(shown) - passed,
            "success_percent": 100 * passed / len(shown),
        },
        meta={"great_expectations_version": gx.__version__},
    )


def _counted(asked: ExpectationConfiguration, found: ExpectationValidationResult | None) -> ExpectationValidationResult:
    failed = found is None or _raised(found)
    source = {} if found is None or failed else found.result
    result = {name: source[name] for name in COUNTS if name in source}
    if asked.type in (*ROW_COUNTS, *FACTS) and "observed_value" in source:
        result["observed_value"] = source["observed_value"]
    meta = asked.meta or {}
    kwargs = dict(asked.kwargs)
    if asked.type in FACTS:
        kwargs["column"] = f"{meta['table']}.{meta['place'] or WHOLE_ROWS.lower()}"
    configuration = ExpectationConfiguration(
        type=asked.type,
        kwargs=kwargs,
        meta=dict(meta),
        description=asked.description,
        severity=asked.severity,
    )
    return ExpectationValidationResult(
        success=bool(found and found.success and not failed),
        expectation_config=configuration,
        result=result,
        exception_info={"raised_exception": False, "exception_traceback": None, "exception_message": None},
    )
