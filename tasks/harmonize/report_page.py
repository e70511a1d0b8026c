"""The private report of a batch as one HTML page that needs no network, with no cell of any table in it."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files as resources

from config.rules import data_rules, next_steps
from tasks.harmonize.report import EFFECT, FileReport, ProblemGroup, delimiter_name

PRIVATE = (
    "This page names your files and columns. It is for the sender of the batch and its curators: "
    "keep it as you keep the data."
)


def report_html(
    title: str,
    files: Sequence[FileReport],
    groups: Sequence[ProblemGroup],
    *,
    beyond: Mapping[str, int],
    funnel: Mapping[str, int],
) -> str:
    """Give the page.

    Parameters
    ----------
    beyond
        How often each rule fired that no row of a file broke, by its id.
    funnel
        Counts of subjects: all, with images, with clinical rows, with both.
    """
    style = resources("tasks.harmonize").joinpath("report.css").read_text(encoding="utf-8")
    figures = {
        "files": len(files),
        "rows in": sum(one.rows_in for one in files),
        "rows used": sum(one.rows_used for one in files),
        "rows held": sum(one.rows_held for one in files),
        **{name.replace("_", " "): count for name, count in funnel.items()},
    }
    actions = (
        "".join([*map(_action, groups), *map(_beyond, beyond.items())]) or '<p class="card">Nothing was wrong.</p>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head><body><main>'
        f'<h1>{escape(title)}</h1><p class="soft">What was read, what was wrong, and what to send.</p>'
        f'<p class="private">{PRIVATE}</p><div class="figures">{"".join(map(_figure, figures.items()))}</div>'
        f"<h2>What to do</h2>{actions}"
        '<p class="soft">Every single row is in <code>rows.csv</code> beside this page. '
        'What validation asks about rows and images afterwards is in <a href="validation.html">validation.html</a>.</p>'
        f"<h2>Files</h2>{''.join(map(_file, files))}</main></body></html>\n"
    )


def _figure(pair: tuple[str, int]) -> str:
    return f'<div class="figure"><b>{pair[1]:,}</b><span>{escape(pair[0])}</span></div>'


def _action(group: ProblemGroup) -> str:
    column = {"Column": group.column} if group.column else {}
    count = f" ({len(group.rows):,})" if group.rows else ""
    return _card(group.rule_id, {"File": group.file, **column, f"Rows{count}": group.where})


def _beyond(pair: tuple[str, int]) -> str:
    where = "" if next_steps()[pair[0]].startswith("Nothing to send") else "; validation.html names rows or images"
    return _card(pair[0], {"Found": f"{pair[1]:,} times, beyond single rows{where}"})


def _card(rule_id: str, facts: Mapping[str, str]) -> str:
    rule = data_rules()[rule_id]
    listed = {**facts, "Must hold": rule.rule}
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in listed.items())
    return (
        f'<section class="card {rule.severity}"><h3><code>{escape(rule_id)}</code> '
        f'<span class="tag {rule.severity}">{EFFECT[rule.severity.value]}</span></h3>'
        f'<dl>{told}<dt>To send</dt><dd class="send">{escape(next_steps()[rule_id])}</dd></dl></section>'
    )


def _file(file: FileReport) -> str:
    read = [
        file.layout.format,
        file.layout.encoding,
        delimiter_name(file.layout.delimiter),
        file.layout.sheet and f"sheet {file.layout.sheet}",
    ]
    rows = f"{file.rows_in:,} rows in, {file.rows_used:,} used, {file.rows_held:,} held"
    how = ", ".join(filter(None, read)) if file.is_read else "not read"
    unread = f'<p class="soft">Columns that were not read: {escape(", ".join(file.unread))}</p>' if file.unread else ""
    made = [(one.header, one.field, one.applied, one.evidence) for one in file.decisions]
    columns = _table(("Column", "Read as", "By", "Evidence"), made) if made else ""
    head = f"<h3>{escape(file.name)}</h3><p>{escape(rows)} · {escape(how)}</p>"
    return f'<section class="card">{head}{unread}{columns}</section>'


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
