"""The report of a release for anyone: which rules were asked, what was held and coarsened; no row and no value."""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from config.rules import data_rules, ledger_rules
from tasks.layout import release_key
from tasks.release.disclosure.gates import GATES as PRIVACY_GATES
from tasks.release.gates import GATES
from tasks.release.model import Collection
from tasks.release.reading import committed, read_file
from tasks.release.report_plot import representation_plot
from tasks.store import ReadOnlyStore

GATE_REPORT: Final = "report/gates.json"
PAGE: Final = "report/index.html"
PLOT: Final = "report/representation.svg"
COUNTED: Final = frozenset({"count", "instances", "subjects"})  # heads of columns of numbers
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1f2933;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #e4e7eb;vertical-align:top}"
    "th{color:#52606d;font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}svg{max-width:100%}"
    "td:first-child{white-space:nowrap}"
)


def report_of(collection: Collection) -> dict[str, Any]:
    """Give all that the report says; `held` counts instances, `found` the rows of a place."""
    found = [{"rule_id": one.rule_id, "place": one.place, "count": one.count} for one in collection.found]
    return {
        "passed": sorted({*GATES, *PRIVACY_GATES}),
        "held": collection.held_instances,
        "found": found,
        **collection.figures,
    }


def report_files(title: str, report: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, bytes]:
    """Give the files of the report by their names in the release: JSON for programs, a page and a picture for people.

    Parameters
    ----------
    title
        Collection and version.
    report
        As from `report_of`, with its figures.
    counts
        What the release holds, as in its commit.
    """
    plot = representation_plot(report["representation"])
    return {
        GATE_REPORT: (json.dumps(report, sort_keys=True, indent=1) + "\n").encode("ascii"),
        PAGE: _page(title, report, counts, plot).encode(),
        PLOT: plot.encode(),
    }


def _page(title: str, report: Mapping[str, Any], counts: Mapping[str, int], plot: str) -> str:
    disclosure = report["disclosure"]
    body = [
        _section("What it holds", ("", "count"), [(name.removeprefix("n_"), counts[name]) for name in sorted(counts)]),
        _section("Gates that it passed", ("rule", "what holds"), [(one, _words(one)) for one in report["passed"]]),
        _section(
            "Held back",
            ("rule", "what it asks for", "instances"),
            [(rule, _words(rule), count) for rule, count in sorted(report["held"].items())],
        ),
        _section(
            "Told",
            ("rule", "what it asks for", "place", "count"),
            [(one["rule_id"], _words(one["rule_id"]), one["place"], one["count"]) for one in report["found"]],
        ),
        _section(f"Disclosure control with k = {disclosure['k']}", ("", "subjects"), _disclosure(disclosure)),
        f"<h2>Representation</h2>\n{plot}",
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{html.escape(title)}: validation report</h1>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _words(rule_id: str) -> str:
    rule = data_rules().get(rule_id) or ledger_rules()[rule_id]
    return rule.rule


def _disclosure(figures: Mapping[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("before disclosure control", figures["subjects"]), ("held", figures["held"])]
    rows += [(f"coarsened by {lever}", count) for lever, count in figures["coarsened"].items()]
    rows += [
        (f"in classes below {k}, {when}", count)
        for k, counts in figures["in_classes_below"].items()
        for when, count in sorted(counts.items(), reverse=True)
    ]
    return [*rows, ("in the smallest class", figures["smallest_class"])]


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows]
    top = "".join(f'<th class="n">{name}</th>' if name in COUNTED else f"<th>{html.escape(name)}</th>" for name in head)
    table = f"<table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table>"
    return f"<h2>{html.escape(title)}</h2>\n{table if lines else '<p>None.</p>'}"


def _cell(value: object) -> str:
    return f'<td class="n">{value:,}</td>' if isinstance(value, int) else f"<td>{html.escape(str(value))}</td>"


def earlier_distances(release: ReadOnlyStore, version: str | None) -> list[dict[str, Any]]:
    """Give version and distances of a release and of those before it, the first one first, as its report has them.

    Parameters
    ----------
    version
        None gives nothing.
    """
    if version is None:
        return []
    key = release_key(version, GATE_REPORT)
    (file,) = (file for file in committed(release, version).files if file.key == key)
    figures = json.loads(read_file(release, file))["representation"]
    return [*figures["history"], {"version": version, "distance": figures["distance"]}]
