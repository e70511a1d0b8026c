"""The section of a documentation page that a benchmark owns, between two comments."""

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PERFORMANCE = DOCS / "explanation/performance.md"
PICTURES = DOCS / "pictures"


def put_section(page: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- benchmark:name -->`` and ``<!-- /benchmark -->``; else add it at the end."""
    start, end = f"<!-- benchmark:{name} -->", "<!-- /benchmark -->"
    content = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    before, found, rest = content.partition(start)
    after = rest.partition(end)[2] if found else "\n"
    head = before if found else f"{before}\n"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"{head}{start}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Give a Markdown table; the first row names the columns, all but the first of which are numbers."""
    head, *body = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(rows: Sequence[Sequence[str]]) -> str:
    """Give the same table for a terminal."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
