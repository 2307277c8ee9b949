"""The log-log plot of how tasks grow, as SVG that reads on light and dark pages."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

from timing import Row

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 900, 420, 60, 20, 50
PLOT_WIDTH = 420
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b22222")


def plot(series: Mapping[str, Sequence[Row]]) -> str:
    """Return an SVG with one line for each task: processor seconds against rows."""
    points = [(row.size or 1, row.ours) for steps in series.values() for row in steps]
    left, right = _decades([size for size, _ in points])
    low, high = _decades([seconds for _, seconds in points])

    def place(size: float, seconds: float) -> tuple[float, float]:
        x = LEFT + (log10(size) - left) / (right - left) * PLOT_WIDTH
        y = TOP + (high - log10(seconds)) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" role="img">',
        "<title>Processor time against size</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for power in range(left, right + 1):
        x, _ = place(10**power, 10**low)
        parts.append(_line((x, TOP), (x, HEIGHT - BOTTOM), "#dddddd"))
        parts.append(_text(x, HEIGHT - BOTTOM + 18, f"{10**power:,}", "middle"))
    for power in range(low, high + 1):
        _, y = place(10**left, 10**power)
        parts.append(_line((LEFT, y), (LEFT + PLOT_WIDTH, y), "#dddddd"))
        parts.append(_text(LEFT - 6, y + 4, f"{10.0**power:g} s", "end"))
    parts.append(_text(LEFT + PLOT_WIDTH / 2, HEIGHT - 12, "rows or cases", "middle"))
    for number, (name, steps) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        dots = [place(row.size or 1, row.ours) for row in steps]
        trail = " ".join(f"{x},{y}" for x, y in dots)
        parts.append(f'<polyline points="{trail}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in dots]
        y = TOP + 12 + 20 * number
        x = LEFT + PLOT_WIDTH + 24
        parts.append(f'<rect x="{x}" y="{y - 9}" width="12" height="10" fill="{colour}"/>')
        parts.append(_text(x + 18, y, name.replace("`", ""), "start"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return low, max(high, low + 1)


def _line(start: tuple[float, float], end: tuple[float, float], colour: str) -> str:
    return f'<line x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#222222">{escape(text)}</text>'
