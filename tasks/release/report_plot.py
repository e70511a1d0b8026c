"""The picture of how far a release and those before it are from the reference population, and its parts apart."""

from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

LEFT, WIDTH, ROW, TOP, RIGHT = 110, 480, 34, 62, 90
RELEASES_SHOWN: Final = 12  # earlier ones are in the figures
_STYLE = "text{font:13px system-ui,sans-serif;fill:#1f2933}.t{font-size:15px;font-weight:600}.n{fill:#52606d}"
_NOW, _BEFORE, _FAR = "#2a9d8f", "#9aa5b1", "#d1495b"


Distances = Mapping[str, float | None]


def representation_plot(figures: Mapping[str, Any]) -> str:
    """Give an SVG of distances from 0 to 1: to the population, and between the parts of the release, if there are two.

    There is one line per attribute: this release as a disc, those before it as small rings.
    """
    reference = escape(figures["reference"])
    lead = "disc: this release; rings: releases before; dashes: the limit"
    panels, height = _panel((f"Jensen-Shannon distance to {reference}", lead), figures["distance"], figures, 0)
    if figures["between_parts"]:
        of_parts = {"limit": figures["parts_limit"], "history": []}
        title = "Jensen-Shannon distance between the open and the sequestered part", "dashes: the limit"
        more, height = _panel(title, figures["between_parts"], of_parts, height)
        panels += more
    box = f'<rect width="{LEFT + WIDTH + RIGHT}" height="{height}" fill="#ffffff"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" role="img">'
    return "\n".join(
        [head, f"<title>Distance to {reference}</title>", f"<style>{_STYLE}</style>", box, *panels, "</svg>", ""]
    )


def _panel(words: tuple[str, str], distances: Distances, figures: Mapping[str, Any], top: int) -> tuple[list[str], int]:
    """Give the lines of one comparison below `top`, and where they end."""
    rows = [(attribute, value) for attribute, value in distances.items() if value is not None]
    limit, first = _x(figures["limit"]), top + TOP
    bottom = first + ROW * len(rows)
    parts = [
        f'<text class="t" x="16" y="{top + 24}">{words[0]}</text>',
        f'<text class="n" x="16" y="{top + 44}">{words[1]}</text>',
        f'<path d="M{limit} {first - 8}V{bottom}" stroke="{_FAR}" stroke-dasharray="4 4"/>',
    ]
    for number, (attribute, value) in enumerate(rows):
        y = first + ROW * number + 12
        earlier = [one["distance"].get(attribute) for one in figures["history"][-RELEASES_SHOWN:]]
        colour = _FAR if value > figures["limit"] else _NOW
        parts += [
            f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(attribute)}</text>',
            f'<path d="M{LEFT} {y}H{LEFT + WIDTH}" stroke="#e4e7eb"/>',
            *(_ring(one, y) for one in earlier if one is not None),
            f'<circle cx="{_x(value)}" cy="{y}" r="6" fill="{colour}"/>',
            f'<text class="n" x="{LEFT + WIDTH + 12}" y="{y + 4}">{value:.3f}</text>',
        ]
    parts += [
        f'<text class="n" x="{_x(tenths / 10)}" y="{bottom + 18}" text-anchor="middle">{tenths / 10:g}</text>'
        for tenths in range(0, 11, 2)
    ]
    return parts, bottom + 34


def _x(value: float) -> str:
    return f"{LEFT + value * WIDTH:.1f}"


def _ring(value: float, y: int) -> str:
    return f'<circle cx="{_x(value)}" cy="{y}" r="4" fill="none" stroke="{_BEFORE}"/>'
