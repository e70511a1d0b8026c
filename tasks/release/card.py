"""The dataset card: what a release holds, how to fetch, cite and check it; as Markdown and as one page of HTML."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import pyarrow as pa

from expectations.schemas.catalog import CANONICAL
from tasks.release.change_log import count_changes
from tasks.release.figures import pictures
from tasks.release.manifests import bytes_of
from tasks.release.model import About
from tasks.release.query import query
from tasks.release.rows import INSTANCES

README = "README.md"
PAGE = "index.html"
NOTES = "NOTES.md"
FOLDER = "card/"
CONTACT_SHEET = f"{FOLDER}contact_sheet.png"
NO_SHEET = "No image is shown here: only those whose pixels were searched for text are, and this release has none."
_STYLE = (
    ":root{color-scheme:light dark}"  # the root's, or the page stays white under the light text of pictures
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}"
    "code,pre{font-size:.9em}pre{overflow:auto}svg,img{max-width:100%;height:auto}"
)
_REASONS = """
SELECT entity, change, reason, count(*) AS n FROM log WHERE reason IS NOT NULL
GROUP BY entity, change, reason ORDER BY entity, change, reason
"""
Lines = Sequence[tuple[str, str]]


def card(tables: Mapping[str, pa.Table], about: About, *, has_sheet: bool) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give the files of the card by their names in the release.

    Parameters
    ----------
    has_sheet
        Whether the release has a contact sheet.
    """
    drawn = pictures(tables)
    for name, picture in drawn.items():
        yield f"{FOLDER}{name}.svg", iter([picture.encode()])
    yield README, iter([_readme(tables, about, list(drawn), has_sheet=has_sheet).encode()])
    yield PAGE, iter([_page(tables, about, drawn, has_sheet=has_sheet).encode()])
    yield NOTES, iter([_notes(tables, about).encode()])


def _facts(tables: Mapping[str, pa.Table], about: About) -> Lines:
    size = bytes_of(tables[INSTANCES])
    facts = [
        ("Version", about.release_version),
        ("Follows", about.previous_version or ""),
        ("Published", about.published),
        ("DOI", about.doi),
        ("Licence", about.license),
        ("Access", about.access_level),
        ("Subjects", f"{tables['subject'].num_rows:,}"),
        ("Studies", f"{tables['imaging_study'].num_rows:,}"),
        ("Series", f"{tables['imaging_series'].num_rows:,}"),
        ("Instances", f"{tables[INSTANCES].num_rows:,}"),
        ("Bytes of images", f"{size:,}"),
    ]
    return [(name, value) for name, value in facts if value]


def _ways(about: About) -> Lines:
    """Give the ways to fetch the images: what it is good for, and the command."""
    place = about.address or about.web_address or "<address of the release store>"
    ways = [
        (
            "Part of it, checked, and resumed where it stopped",
            f"curate download modality=CT --to DIR --release {place}",
        ),
        ("Check what lies in the bucket", f"curate verify-release {place} --version {about.release_version}"),
    ]
    if about.address:
        unsigned = "--no-sign-request " if about.access_level == "open" else ""
        ways.append(("All of it from the bucket", f"s5cmd {unsigned}run manifests/s5cmd.txt"))
    if about.web_address:
        ways.append(("All of it over HTTPS, checked", "aria2c --input-file manifests/aria2.txt"))
        ways.append(("All of it over HTTPS", "curl --config manifests/curl.txt"))
    ways.append(("Check what was fetched", "sha256sum --check manifests/bag/manifest-sha256.txt"))
    return ways


def _read_with() -> str:
    return "duckdb -c \"SELECT modality, count(*) FROM 'tables/imaging_series.parquet' GROUP BY modality\""


def _rows(tables: Mapping[str, pa.Table]) -> list[tuple[str, str, str]]:
    described = [(name, table) for name, table in CANONICAL.items() if name in tables and name != "release"]
    return [(name, f"{tables[name].num_rows:,}", table.description) for name, table in described]


def _readme(tables: Mapping[str, pa.Table], about: About, drawn: Sequence[str], *, has_sheet: bool) -> str:
    lines = [f"# {about.title}", "", about.description, "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in _facts(tables, about)]
    lines += ["", f"Cite as: {about.citation}", "", "## Fetch and check", ""]
    for what, command in _ways(about):
        lines += [f"{what}:", "", "```", command, "```", ""]
    lines += [
        "Every form of the manifest names the same objects in the same order; a path is the key of its object.",
        "",
    ]
    lines += ["## Tables", "", "| table | rows | a row is |", "|---|---|---|"]
    lines += [f"| `{name}` | {rows} | {meaning} |" for name, rows, meaning in _rows(tables)]
    lines += [
        "",
        "Columns, units and values stand in [dictionary.md](dictionary.md).",
        "",
        "```",
        _read_with(),
        "```",
        "",
    ]
    lines += _reading()
    lines += ["## Pictures", ""]
    lines += [f"![{name.replace('_', ' ')}]({FOLDER}{name}.svg)" for name in drawn]
    lines += [f"![a few series]({CONTACT_SHEET})"] if has_sheet else ["", NO_SHEET]
    return "\n".join(lines) + "\n"


def _reading() -> list[str]:
    """Say what a reader must know of days and of what is not known."""
    return [
        "## What days and empty cells mean",
        "",
        "Days are counted from the index event of each subject, which is day 0. Intervals are exact; no date is kept.",
        "Not Reported and null say that something is not known, never that it was not so.",
        "Ages over 89 are one group. Nobody may try to find out who a subject is.",
        "",
    ]


def _page(tables: Mapping[str, pa.Table], about: About, drawn: Mapping[str, str], *, has_sheet: bool) -> str:
    title = escape(about.title)
    facts = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in _facts(tables, about))
    ways = "".join(f"<p>{escape(what)}:</p><pre>{escape(command)}</pre>" for what, command in _ways(about))
    rows = "".join(
        f"<tr><td><code>{name}</code></td><td>{count}</td><td>{escape(meaning)}</td></tr>"
        for name, count, meaning in _rows(tables)
    )
    _, _, *words = _reading()
    sheet = (
        f'<h3>A few series</h3><p><img src="{CONTACT_SHEET}" alt="One image of each of a few series"></p>'
        if has_sheet
        else f"<p>{NO_SHEET}</p>"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>{escape(about.description)}</p><table>{facts}</table>"
        f"<p>Cite as: {escape(about.citation)}</p><h2>What is in it</h2>{''.join(drawn.values())}{sheet}"
        f"<h2>What days and empty cells mean</h2><p>{escape(' '.join(filter(None, words)))}</p>"
        f"<h2>Fetch and check</h2>{ways}<h2>Tables</h2><table><tr><th>table</th><th>rows</th><th>a row is</th></tr>"
        f'{rows}</table><p>Columns, units and values stand in <a href="dictionary.md">dictionary.md</a>, and what '
        f'changed in <a href="{NOTES}">{NOTES}</a>.</p></body></html>\n'
    )


def _notes(tables: Mapping[str, pa.Table], about: About) -> str:
    """Give the release notes: what changed at every level and why, and what the release holds by site and modality."""
    log = tables["change_log"]
    since = f"since {about.previous_version}" if about.previous_version else "in the first release"
    lines = [f"# {about.title} {about.release_version}", "", f"## What changed {since}", ""]
    lines += ["| what | added | changed | withdrawn |", "|---|---|---|---|"]
    for entity, counts in count_changes(log).items():
        cells = [f"{counts.get(change, 0):,}" for change in ("added", "changed", "withdrawn")]
        lines.append(f"| {entity} | {' | '.join(cells)} |")
    told = query(_REASONS, log=log).to_pylist()
    lines += ["", "## Why", "", *(f"- {_why(row)}" for row in told), ""] if told else [""]
    lines += ["Every one of them is a row of `tables/change_log.parquet`.", "", "## What it holds", ""]
    lines += [f"- {name}: {value}" for name, value in _facts(tables, about)]
    return "\n".join(lines) + "\n"


def _why(row: Mapping[str, object]) -> str:
    return f"{row['entity']}: {row['n']:,} {row['change']}, {row['reason']}"
