"""Pictures of a release as SVG, of our own drawing: bars and time lines that read in light and in dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH = 640
ROW = 24
LABEL = 244  # room for the words on the left, 32 characters in a wide font
NUMBER = 76  # room for the numbers on the right
HEAD = 44
COLORS: Final = ("#2a6f97", "#e07a1f", "#7a4fa3")
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}.t{font-weight:600;font-size:15px}.n{fill:#57606a}"
    "line{stroke:#d0d7de}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.n{fill:#9198a1}line{stroke:#3d444d}}"
)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: what it stands for and how many."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """An interval in days, both included, on a lane; `kind` is the place of its color."""

    lane: int
    start: int
    end: int
    kind: int


def bar_chart(title: str, bars: Sequence[Bar], *, unit: str) -> str:
    """Draw horizontal bars in the given order, each with its count."""
    longest = max((bar.count for bar in bars), default=0) or 1
    room = WIDTH - LABEL - NUMBER
    parts = []
    for row, bar in enumerate(bars):
        top, length = HEAD + row * ROW, round(room * bar.count / longest, 1)
        parts.append(f'<text x="{LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(_short(bar.label))}</text>')
        parts.append(f'<rect x="{LABEL}" y="{top + 3}" width="{length}" height="{ROW - 8}" rx="2" fill="{COLORS[0]}"/>')
        parts.append(f'<text class="n" x="{LABEL + length + 6}" y="{top + 15}">{bar.count:,}</text>')
    told = "; ".join(f"{bar.label}: {bar.count:,}" for bar in bars) or "nothing to show"
    return _picture(f"{title}, by number of {unit}", told, HEAD + max(len(bars), 1) * ROW + 12, parts)


def column_chart(title: str, bars: Sequence[Bar], *, unit: str) -> str:
    """Draw upright bars in the given order, such as months; the labels that fit are written."""
    height, left, bottom = 160, 48, 32
    longest = max((bar.count for bar in bars), default=0) or 1
    step = (WIDTH - left - 12) / max(len(bars), 1)
    floor = HEAD + height
    parts = [f'<line x1="{left}" y1="{floor}" x2="{WIDTH - 12}" y2="{floor}"/>']
    parts.append(f'<text class="n" x="{left - 6}" y="{HEAD + 10}" text-anchor="end">{longest:,}</text>')
    every = max(1, round(40 / step))
    for place, bar in enumerate(bars):
        tall, x = round(height * bar.count / longest, 1), round(left + place * step, 1)
        width = round(max(step - 2, 1), 1)
        parts.append(f'<rect x="{x}" y="{floor - tall}" width="{width}" height="{tall}" fill="{COLORS[0]}"/>')
        if place % every == 0:
            middle = round(x + width / 2, 1)
            parts.append(
                f'<text class="n" x="{middle}" y="{floor + 18}" text-anchor="middle">{escape(bar.label)}</text>'
            )
    told = "; ".join(f"{bar.label}: {bar.count:,}" for bar in bars if bar.count) or "nothing to show"
    return _picture(f"{title}, by number of {unit}", told, floor + bottom, parts)


def lane_chart(title: str, spans: Sequence[Span], kinds: Sequence[str]) -> str:
    """Draw intervals on lanes over the days from the index event, one color for each kind."""
    first = min((span.start for span in spans), default=0)
    last = max((span.end for span in spans), default=0)
    left, lane = 48, 12
    scale = (WIDTH - left - 16) / (last - first + 1)
    lanes = max((span.lane for span in spans), default=0) + 1
    floor = HEAD + 24 + lanes * lane
    parts = []
    for kind, name in enumerate(kinds):
        key = left + kind * 190
        parts.append(f'<rect x="{key}" y="{HEAD - 2}" width="12" height="12" fill="{COLORS[kind]}"/>')
        parts.append(f'<text x="{key + 18}" y="{HEAD + 9}">{escape(name)}</text>')
    for span in sorted(spans, key=lambda one: (one.lane, one.kind, one.start, one.end)):
        x, width = round(left + (span.start - first) * scale, 1), round((span.end - span.start + 1) * scale, 1)
        thin = span.kind * 3
        top, tall = HEAD + 20 + span.lane * lane + thin / 2, lane - 3 - thin
        parts.append(f'<rect x="{x}" y="{top}" width="{width}" height="{tall}" fill="{COLORS[span.kind]}"/>')
    zero = round(left - first * scale, 1)
    if first <= 0 <= last:
        parts.append(f'<line x1="{zero}" y1="{HEAD + 16}" x2="{zero}" y2="{floor}"/>')
        parts.append(f'<text class="n" x="{zero}" y="{floor + 16}" text-anchor="middle">day 0</text>')
    end = WIDTH - 16
    parts.append(f'<text class="n" x="{end}" y="{floor + 16}" text-anchor="end">day {last}</text>')
    told = f"{len(spans)} intervals of {lanes} persons from day {first} to day {last}" if spans else "nothing to show"
    return _picture(title, told, floor + 28, parts)


def _short(label: str) -> str:
    most = 32
    return label if len(label) <= most else label[: most - 1] + "…"


def _picture(title: str, told: str, height: int, parts: Sequence[str]) -> str:
    """Put a picture together, with its title and what it shows in words for those who do not see it."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
    words = f"<title>{escape(title)}</title><desc>{escape(told)}</desc><style>{_STYLE}</style>"
    return f'{head}{words}<text class="t" x="12" y="24">{escape(title)}</text>{"".join(parts)}</svg>\n'
