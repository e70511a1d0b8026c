"""Data Docs of a batch or a release: Great Expectations renders results, and our own pages show what it rendered.

Its own pages load scripts and styles from public networks, name the time and show offending values; these do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

from config.rules import Severity, data_rules, ledger_rules
from tasks.validate.outcome import Outcome
from tasks.validate.page import badge, link, page, status, table, text
from tasks.validate.report import Balance, effect, fired
from tasks.validate.running import TableResult

Block = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What the pages are about: a title, which run or version, what becomes of it, and of the rows of its tables."""

    title: str
    lead: str
    verdict: str
    balances: tuple[Balance, ...]
    has_passed: bool


def data_docs(subject: Subject, results: Sequence[TableResult], outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Give every page by its path: ``index.html`` and ``validations/<suite>.html``.

    Parameters
    ----------
    outcomes
        Those of the results, and what earlier stages found that has an effect here.
    """
    index = page(f"Data Docs: {subject.title}", subject.lead, _index(subject, results, outcomes))
    pages = {f"validations/{result.suite}.html": _validation(subject, result) for result in results}
    return {"index.html": index} | pages


def _index(subject: Subject, results: Sequence[TableResult], outcomes: Sequence[Outcome]) -> Iterator[str]:
    kind = "holds" if subject.has_passed else "fails"
    yield f'<div class="banner {kind}">{text(subject.verdict.replace("*", ""))}</div>'
    yield '<div class="cards">'
    balances = {balance.table: balance for balance in subject.balances}
    for result in results:
        yield _card(result, balances.get(result.suite))
    yield "</div>"
    failures = fired(outcomes)
    yield "<h2>What fired</h2>"
    head = ("Rule", "Severity", "Where", "Expectation", "Rows", "Effect")
    pages = {outcome: result.suite for result in results for outcome in map(_identity, result.outcomes)}
    rows = [_failure(outcome, pages.get(_identity(outcome))) for outcome in failures]
    yield table(head, rows) if failures else "<p>Nothing: every expectation holds.</p>"
    yield "<h2>Every rule that was checked</h2>"
    checked = sorted({outcome.rule_id for outcome in outcomes})
    failed = {outcome.rule_id for outcome in failures}
    told = [_rule([one for one in outcomes if one.rule_id == rule_id]) for rule_id in checked]
    yield table(
        ("Status", "Rule", "Severity", "What must hold", "Expectations"),
        told,
        failing=[rule_id in failed for rule_id in checked],
    )


def _identity(outcome: Outcome) -> tuple[str, ...]:
    return (outcome.rule_id, outcome.where, outcome.text)


def _card(result: TableResult, balance: Balance | None) -> str:
    passed, count = sum(outcome.success for outcome in result.outcomes), len(result.outcomes)
    figures = (("rows in", balance.rows), ("accepted", balance.accepted), ("held", balance.held)) if balance else ()
    return (
        f'<div class="card"><span class="right">{status(success=passed == count)}</span>'
        f"<h3>{link(f'validations/{result.suite}.html', result.suite)}</h3>"
        f'<p class="soft">{passed} of {count} expectations hold</p><div class="figures">'
        + "".join(f'<div class="figure"><b>{number}</b><span>{words}</span></div>' for words, number in figures)
        + "</div></div>"
    )


def _failure(outcome: Outcome, suite: str | None) -> tuple[str, ...]:
    where = link(f"validations/{suite}.html", outcome.where) if suite else text(outcome.where)
    return (
        _id(outcome.rule_id),
        _severity(outcome.severity),
        where,
        text(outcome.text),
        text(outcome.failed),
        text(effect(outcome)),
    )


def _rule(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Give the line of a rule of which these are all outcomes; a gate of a release may be a rule of the ledger."""
    one = outcomes[0]
    rule = data_rules().get(one.rule_id)
    severity, said = (rule.severity, rule.rule) if rule else (one.severity, ledger_rules()[one.rule_id].rule)
    holds = status(success=all(outcome.success for outcome in outcomes))
    return (holds, _id(one.rule_id), _severity(severity), text(said), text(len(outcomes)))


def _severity(severity: Severity) -> str:
    return badge(severity.value, severity.value)


def _id(rule_id: str) -> str:
    return f"<code>{text(rule_id)}</code>"


def _validation(subject: Subject, result: TableResult) -> str:
    document = ValidationResultsPageRenderer().render(result.shown).to_json_dict()
    overview, *sections = document["sections"]
    by_text = {outcome.text: outcome for outcome in result.outcomes}
    return page(
        f"Validation of {result.suite}",
        f"{subject.title}, {subject.lead}",
        [
            f"<p>{link('../index.html', 'All suites')}</p>",
            _overview(overview, success=bool(result.shown.success)),
            *(part for section in sections for block in section["content_blocks"] for part in _block(block, by_text)),
        ],
    )


def _overview(section: Block, *, success: bool) -> str:
    """Show the statistics of the overview; its other blocks are about time and engine."""
    statistics = next(block for block in section["content_blocks"] if block["content_block_type"] == "table")
    figures = "".join(
        f'<div class="figure"><b>{_content(number)}</b><span>{_content(words).lower()}</span></div>'
        for words, number in statistics["table"]
    )
    mark = f'<span class="right">{status(success=success)}</span>'
    return f'<div class="card">{mark}<h3>Overview</h3><div class="figures">{figures}</div></div>'


def _block(block: Block, by_text: Mapping[str, Outcome]) -> Iterator[str]:
    """Show a block of a section: its heading, or its table of expectations, to which rule and severity are added.

    Raises
    ------
    TypeError
        If Great Expectations rendered a kind of block that this page does not know.
    """
    match block["content_block_type"]:
        case "header":
            yield f"<h2>{_content(block['header'])}</h2>"
        case "table":
            told = [(by_text[_description(row[1])], row) for row in block["table"]]
            rows = [
                (status(success=one.success), _id(one.rule_id), _severity(one.severity), *map(_content, row[1:]))
                for one, row in told
            ]
            head = ("Status", "Rule", "Severity", "Expectation", "Observed")
            yield table(head, rows, failing=[not one.success for one, _ in told])
        case kind:
            raise TypeError(f"Great Expectations rendered a block of an unknown kind: {kind}")


def _description(cell: Block | list[Block]) -> str:
    """Give the text of an expectation, which stands first in its cell."""
    first = cell[0] if isinstance(cell, list) else cell
    return Template(first["string_template"]["template"]).substitute()


def _content(cell: object) -> str:
    """Give a cell as HTML: a list of contents, a template with its parameters, or plain text."""
    if isinstance(cell, list):
        first, *notes = map(_content, cell)
        return first + "".join(f'<span class="note">{note}</span>' for note in notes)
    if isinstance(cell, Mapping):
        template = cell["string_template"]
        parameters = {name: text(value) for name, value in template.get("params", {}).items()}
        return Template(text(template["template"])).safe_substitute(parameters).strip()
    return text(cell)
