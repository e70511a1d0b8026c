"""Pages that need nothing but themselves: one inlined stylesheet, no script, no address outside, no time."""

import html
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

HOLDS, FAILS = "holds", "fails"


@cache
def _style() -> str:
    return files("tasks.validate").joinpath("data_docs.css").read_text(encoding="utf-8")


def page(title: str, lead: str, body: Iterable[str]) -> str:
    """Give a whole page; `title` and `lead` are text, `body` is HTML."""
    inner = "\n".join(body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n"
        f'<header><div class="page"><h1>{text(title)}</h1><p class="soft">{text(lead)}</p></div></header>\n'
        f'<main class="page">\n{inner}\n</main>\n</body>\n</html>\n'
    )


def text(value: object) -> str:
    """Give a value as HTML text."""
    return html.escape(str(value))


def badge(words: str, kind: str) -> str:
    """Give a coloured label."""
    return f'<span class="badge {kind}">{text(words)}</span>'


def status(*, success: bool) -> str:
    """Give the label of something that holds or fails."""
    return badge(HOLDS, HOLDS) if success else badge(FAILS, FAILS)


def link(address: str, words: str) -> str:
    """Give a link to another page of ours."""
    return f'<a href="{html.escape(address, quote=True)}">{text(words)}</a>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, failing: Iterable[bool] = ()) -> str:
    """Give a table; cells are HTML, and each column is of the class that its heading names."""
    marks = iter(failing)
    kinds = [name.lower().replace(" ", "-") for name in head]
    top = "".join(f'<th class="{kind}">{text(name)}</th>' for name, kind in zip(head, kinds, strict=True))
    lines = [
        f'<tr class="{FAILS if next(marks, False) else ""}">'
        + "".join(f'<td class="{kind}">{cell}</td>' for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    ]
    return f"<table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table>"
