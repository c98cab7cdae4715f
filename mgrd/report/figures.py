"""Figures as static SVG that takes its colours from the page: lines with intervals, histograms, a clip over time.

Made here and not by matplotlib, which the base install lacks (70 MB with its own) and whose SVG fixes its colours, so
that a dark page would need every figure twice. Each is drawn at the width of a phone, so that its letters stay as
large as the page's; the page sets several side by side. Takes numbers; knows nothing of runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mgrd.report.html import Child, Html, tag

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 30
MOST_POINTS = 240
"""Of a line: more are not seen at this width."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a figure; `kind` is its class in style.css: its colour, dash and mark."""

    kind: str
    points: Sequence[tuple[float, float]]
    bounds: Sequence[tuple[float, float] | None] = ()
    """Low and high of each point, or nothing."""
    marks: bool = True


def lines(
    drawn: Sequence[Line],
    *,
    title: str,
    told: str,
    shown: Callable[[float], str],
    across: Callable[[float], str] = "{:g}".format,
    share: bool = False,
    below: str = "",
) -> Html:
    """Lines over a common axis from 0; with `share` it ends at 1. `told` says in a sentence what is to be seen."""
    xs = [x for line in drawn for x, _ in line.points]
    tops = [y for line in drawn for _, y in line.points] + [b[1] for line in drawn for b in line.bounds if b]
    low_x, high_x = min(xs), max(xs)
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0] if share else nice_ticks(max(tops))
    x = _scale(low_x, high_x, LEFT + 14, WIDTH - RIGHT - 14)
    y = _scale(0.0, ticks[-1] or 1.0, HEIGHT - BOTTOM, TOP)
    marks = []
    for line in drawn:
        for (at, _), bound in zip(line.points, line.bounds, strict=False):
            if bound:
                marks.append(_path(f"M{x(at):.1f} {y(bound[0]):.1f}V{y(bound[1]):.1f}", f"range {line.kind}"))
        points = [(x(at), y(value)) for at, value in thin(line.points)]
        marks.append(_path("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points), f"line {line.kind}"))
        if line.marks:
            marks += [mark(line.kind, a, b) for a, b in points]
    whole = sorted({at for at in xs if at == int(at)})
    stops = whole if len(whole) <= 8 and len(whole) == len(set(xs)) else _ends(low_x, high_x)
    return _svg(title, told, [_grid(ticks, y, shown), _stops(stops, x, across), _under(below), *marks])


def histogram(counts: Sequence[int], *, title: str, told: str, ends: tuple[str, str], below: str = "") -> Html:
    """Bars side by side; `ends` name the first and the last."""
    ticks = nice_ticks(max(counts), whole=True)
    y = _scale(0.0, ticks[-1] or 1.0, HEIGHT - BOTTOM, TOP)
    step = (WIDTH - LEFT - RIGHT) / len(counts)
    gap = min(4.0, step / 4)
    bars = [
        tag(
            "rect",
            x=f"{LEFT + i * step + gap / 2:.1f}",
            y=f"{y(count):.1f}",
            width=f"{step - gap:.1f}",
            height=f"{y(0) - y(count):.1f}",
            class_="bar",
        )
        for i, count in enumerate(counts)
    ]
    first = _text(LEFT + step / 2, HEIGHT - BOTTOM + 14, ends[0], "middle")
    last = _text(WIDTH - RIGHT - step / 2, HEIGHT - BOTTOM + 14, ends[1], "middle")
    return _svg(title, told, [_grid(ticks, y, "{:,.0f}".format), *bars, first, last, _under(below)])


def clip(
    f0_hz: NDArray[np.float64],
    level_db: NDArray[np.float64],
    hop_s: float,
    spans: Sequence[tuple[float, float, str]],
    *,
    title: str,
    told: str,
) -> Html:
    """Pitch (a line, log axis) above level (an area) over time; `spans` are (from s, to s, verdict)."""
    length_s = max(len(f0_hz), 1) * hop_s
    x = _scale(0.0, length_s, LEFT, WIDTH - RIGHT)
    voiced = f0_hz[np.isfinite(f0_hz)]
    parts: list[Child] = []
    for t0_s, t1_s, verdict in spans:
        a, b = x(max(0.0, t0_s)), x(min(length_s, t1_s))
        parts.append(
            tag("rect", x=f"{a:.1f}", y=TOP, width=f"{max(b - a, 2):.1f}", height=146, class_=f"span {verdict}")
        )
    if len(voiced):
        low, high = _octaves(float(voiced.min()), float(voiced.max()))
        y = _scale(math.log2(low), math.log2(high), 104, TOP + 4)
        at = [value for value in _ROUND_HZ if low <= value <= high]
        at = at if len(at) <= 4 else at[:: math.ceil(len(at) / 4)]
        parts.append(_grid([math.log2(value) for value in at], y, lambda value: f"{2**value:.0f}"))
        parts.append(_text(4, TOP + 2, "Hz", "start"))
        points: list[tuple[float, float] | None] = []
        before = math.nan
        for i, value in enumerate(f0_hz):
            if max(value, before) > JUMP * min(value, before):
                points.append(None)
            points.append(None if math.isnan(value) else (x((i + 0.5) * hop_s), y(math.log2(value))))
            before = value
        parts.append(_path(broken(points), "line pitch"))
    else:
        parts.append(_text((LEFT + WIDTH) / 2, 60, "no pitch found", "middle"))
    parts.append(_level(level_db, hop_s, x))
    stops = _ends(0.0, length_s)
    parts.append(_stops(stops, x, lambda value: f"{value:.3g} s"))
    return _svg(title, told, parts)


def broken(points: Sequence[tuple[float, float] | None]) -> str:
    """A path through points, begun anew after each None; a lone point is a short stroke."""
    words: list[str] = []
    last = None
    for point in points:
        if point is not None:
            words.append(f"{'M' if last is None else 'L'}{point[0]:.1f} {point[1]:.1f}")
            if last is None:
                words.append("h.6")
        last = point
    return "".join(words)


def thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS points: means of as many neighbours as it takes."""
    size = math.ceil(len(points) / MOST_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), max(size, 1))]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]


def rounded(value: float) -> str:
    """A number of an axis: thousands with separators, smaller ones in up to four digits."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def nice_ticks(top: float, *, whole: bool = False) -> list[float]:
    """Two to five round numbers from 0 to at least `top`."""
    if top <= 0 or not math.isfinite(top):
        return [0.0, 1.0]
    raw = top / 4
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(base * factor for factor in (1, 2, 2.5, 5, 10) if base * factor >= raw * (1 - 1e-9))
    step = max(math.ceil(step), 1) if whole else step
    return [step * i for i in range(math.ceil(top / step - 1e-9) + 1)]


_ROUND_HZ = (
    50, 60, 70, 80, 100, 120, 150, 180, 200, 220, 250, 300, 350, 400, 500, 600, 700, 800, 1000, 1200, 1600, 2000, 2500,
    3200, 4000, 5000,
)  # fmt: skip
JUMP = 1.2
"""A pitch that changes by more than this factor from one frame to the next is drawn as two lines."""


def _octaves(low: float, high: float) -> tuple[float, float]:
    """A range that holds both, half an octave wide at least, so that a monotone looks flat."""
    middle, half = math.log2(low * high) / 2, max(math.log2(high / low) / 2 + 0.1, 0.3)
    return 2 ** (middle - half), 2 ** (middle + half)


def _level(level_db: NDArray[np.float64], hop_s: float, x: Callable[[float], float]) -> Html:
    loud = np.clip(level_db, -90, 0)
    top = float(loud.max()) if len(loud) else 0.0
    y = _scale(top - 50, top, 156, 116)
    every = max(1, len(loud) // MOST_POINTS)
    points = [
        (x((i + 0.5) * hop_s), y(max(float(loud[i : i + every].max()), top - 50))) for i in range(0, len(loud), every)
    ]
    if not points:
        return Html("")
    path = f"M{points[0][0]:.1f} 156" + "".join(f"L{a:.1f} {b:.1f}" for a, b in points) + f"L{points[-1][0]:.1f} 156Z"
    return Html(_path(path, "level") + _text(4, 140, "level", "start"))


def _scale(low: float, high: float, at_low: float, at_high: float) -> Callable[[float], float]:
    width = high - low
    if width == 0:
        return lambda _: (at_low + at_high) / 2
    return lambda value: at_low + (value - low) / width * (at_high - at_low)


def _ends(low: float, high: float) -> list[float]:
    return [low] if low == high else [low, (low + high) / 2, high]


def _grid(ticks: Sequence[float], y: Callable[[float], float], shown: Callable[[float], str]) -> Html:
    rows = [
        _path(f"M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}", "grid") + _text(LEFT - 6, y(tick) + 4, shown(tick), "end")
        for tick in ticks
    ]
    return Html("".join(rows))


def _stops(stops: Sequence[float], x: Callable[[float], float], across: Callable[[float], str]) -> Html:
    anchors = ["middle"] * len(stops)
    if len(stops) > 1:
        anchors[-1] = "end" if x(stops[-1]) > WIDTH - RIGHT - 12 else "middle"
    texts = (
        _text(x(stop), HEIGHT - BOTTOM + 14, across(stop), anchor) for stop, anchor in zip(stops, anchors, strict=True)
    )
    return Html("".join(texts))


def _under(text: str) -> Html:
    return _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3, text, "middle") if text else Html("")


_SHAPES = {
    "own": "m-3.5 -3.5h7v7h-7Z",
    "swap": "m0 -4l4 7h-8Z",
    "silence": "m0 -4l4 4l-4 4l-4 -4Z",
    "noise": "m0 4l4 -7h-8Z",
}
"""Marks that are no circle, drawn from their middle: no line is told from another by colour alone."""


def mark(kind: str, x: float, y: float) -> Html:
    """The mark of a point of one kind of line."""
    if kind in _SHAPES:
        return _path(f"M{x:.1f} {y:.1f}{_SHAPES[kind]}", f"mark {kind}")
    return tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="4", class_=f"mark {kind}")


def _path(way: str, kind: str) -> Html:
    return tag("path", d=way, class_=kind)


def _text(x: float, y: float, text: str, anchor: str) -> Html:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _svg(title: str, told: str, parts: Sequence[Child]) -> Html:
    return tag(
        "svg", tag("title", title), tag("desc", told), *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img",
        aria_label=f"{title}. {told}",
    )  # fmt: skip
