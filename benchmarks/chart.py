"""A chart of horizontal bars as SVG, written by hand: nothing to install, the same bytes for the same figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LABELS, NOTES, BAR, GAP, TOP = 860, 190, 210, 20, 8, 64
COLOURS = {"floor": "#9aa5b1", "clean": "#2a9d8f", "leaks": "#d1495b"}
NAMES = {"floor": "copy of the bytes", "clean": "no planted identifier left", "leaks": "planted identifiers left"}
STYLE = "text{font:13px system-ui,sans-serif;fill:#1f2933}.t{font-size:16px;font-weight:600}.n{fill:#52606d}"


@dataclass(frozen=True)
class Bar:
    """One bar: `colour` is a key of `COLOURS`, `note` stands behind it."""

    label: str
    value: float
    note: str
    colour: str


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """Give the SVG of a chart with a linear scale that starts at zero."""
    height = TOP + len(bars) * (BAR + GAP) + GAP
    scale = (WIDTH - LABELS - NOTES) / max(bar.value for bar in bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text class="t" x="16" y="24">{escape(title)}</text>',
        *_legend(),
    ]
    for number, bar in enumerate(bars):
        parts += _bar(bar, TOP + number * (BAR + GAP), scale)
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    return [
        f'<rect x="{16 + 230 * number}" y="36" width="12" height="12" rx="2" fill="{COLOURS[key]}"/>'
        f'<text class="n" x="{34 + 230 * number}" y="47">{NAMES[key]}</text>'
        for number, key in enumerate(NAMES)
    ]


def _bar(bar: Bar, y: int, scale: float) -> list[str]:
    width = max(1.0, bar.value * scale)
    return [
        f'<text x="{LABELS - 10}" y="{y + 15}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3" fill="{COLOURS[bar.colour]}"/>',
        f'<text class="n" x="{LABELS + width + 8:.1f}" y="{y + 15}">{escape(bar.note)}</text>',
    ]
