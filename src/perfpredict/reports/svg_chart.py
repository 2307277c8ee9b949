"""A chart with two axes as SVG: drawn in the page's own colours, named under the mouse."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from perfpredict.reports.html_elements import Attributes, element
from perfpredict.reports.svg_scale import Scale, short

WIDTH, HEIGHT = 460.0, 340.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 14.0, 10.0, 46.0

Label = Callable[[float], str]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Which values an axis shows, and how."""

    title: str
    low: float
    high: float
    is_log: bool = False
    label: Label = short


@dataclass(frozen=True, slots=True)
class Chart:
    """Marks between two axes; values go in, pixels come out."""

    title: str
    """What the chart shows, for those who cannot see it."""
    x_axis: Axis
    y_axis: Axis
    marks: list[Element] = field(default_factory=list)

    @property
    def x(self) -> Scale:
        """The horizontal scale."""
        return _scale(self.x_axis, _LEFT, WIDTH - _RIGHT)

    @property
    def y(self) -> Scale:
        """The vertical scale; it grows upwards."""
        return _scale(self.y_axis, HEIGHT - _BOTTOM, _TOP)

    def dot(self, at: Point, name: str, kind: str, radius: float = 3.0) -> None:
        """Draw a dot that says `name` under the mouse."""
        x, y = self.x.at(at[0]), self.y.at(at[1])
        shape: Attributes = {"cx": x, "cy": y, "r": radius, "class": f"dot {kind}"}
        self.marks.append(element("circle", shape, element("title", None, name)))

    def line(self, points: Sequence[Point], kind: str) -> None:
        """Draw straight lines from point to point."""
        self.marks.append(element("polyline", {"points": self._path(points), "class": kind}))

    def area(self, points: Sequence[Point], kind: str) -> None:
        """Fill what lies between the points."""
        self.marks.append(element("polygon", {"points": self._path(points), "class": kind}))

    def bar(self, left: float, right: float, height: float, name: str, kind: str) -> None:
        """Draw a bar from the bottom that says `name` under the mouse."""
        x, y = self.x.at(left), self.y.at(height)
        shape: Attributes = {
            "x": x + 0.5, "y": y, "width": max(self.x.at(right) - x - 1, 0.5),
            "height": self.y.start - y, "class": f"bar {kind}",
        }  # fmt: skip
        self.marks.append(element("rect", shape, element("title", None, name)))

    def text(self, at: Point, words: str, anchor: str = "end", lift: float = 4.0) -> None:
        """Write `words` just above a point."""
        place: Attributes = {
            "x": self.x.at(at[0]), "y": self.y.at(at[1]) - lift, "text-anchor": anchor,
            "class": "note",
        }  # fmt: skip
        self.marks.append(element("text", place, words))

    def draw(self) -> Element:
        """Return the chart as one element."""
        view = f"0 0 {WIDTH:.0f} {HEIGHT:.0f}"
        return element(
            "svg", {"viewBox": view, "role": "img", "aria-label": self.title, "class": "chart"},
            *self._grid(), *self.marks, *self._titles(),
        )  # fmt: skip

    def _path(self, points: Sequence[Point]) -> str:
        return " ".join(f"{self.x.at(x):.1f},{self.y.at(y):.1f}" for x, y in points)

    def _grid(self) -> list[Element]:
        x, y = self.x, self.y
        found = []
        for value in x.ticks():
            at = x.at(value)
            found.append(_line(at, y.end, at, y.start))
            found.append(_label(at, y.start + 16, "middle", self.x_axis.label(value)))
        for value in y.ticks():
            at = y.at(value)
            found.append(_line(x.start, at, x.end, at))
            found.append(_label(x.start - 6, at + 4, "end", self.y_axis.label(value)))
        return found

    def _titles(self) -> list[Element]:
        middle = (self.y.start + self.y.end) / 2
        turned: Attributes = {
            "transform": f"translate(13,{middle:.0f}) rotate(-90)", "text-anchor": "middle",
            "class": "axis",
        }  # fmt: skip
        across: Attributes = {
            "x": (self.x.start + self.x.end) / 2, "y": HEIGHT - 8, "text-anchor": "middle",
            "class": "axis",
        }  # fmt: skip
        return [
            element("text", across, self.x_axis.title),
            element("text", turned, self.y_axis.title),
        ]


def _scale(axis: Axis, start: float, end: float) -> Scale:
    return Scale(low=axis.low, high=axis.high, start=start, end=end, is_log=axis.is_log)


def _line(x1: float, y1: float, x2: float, y2: float) -> Element:
    return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": "grid"})


def _label(x: float, y: float, anchor: str, words: str) -> Element:
    return element("text", {"x": x, "y": y, "text-anchor": anchor, "class": "tick"}, words)
