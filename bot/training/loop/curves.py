"""Draw a run's curves as SVG: the loss, and the metrics on the development rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, MARGIN = 640, 240, 48
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f")
TICKS = 4

Points = Sequence[tuple[float, float]]


def draw_curves(history: Sequence[Mapping[str, Any]]) -> str:
    """One chart of the training loss and one of all metrics, over epochs, one above the other."""
    names = list(dict.fromkeys(name for row in history for name in row["metrics"]))
    loss = {"training loss": [(row["epoch"], row["loss"]) for row in history]}
    metrics = {
        name: [(row["epoch"], row["metrics"][name]) for row in history if name in row["metrics"]]
        for name in names
    }
    charts = _chart(loss, 0) + _chart(metrics, HEIGHT)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {2 * HEIGHT}" width="{WIDTH}" '
        f'font-family="sans-serif" font-size="11"><title>Curves of a run, by epoch</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>{charts}</svg>\n'
    )


def _chart(curves: Mapping[str, Points], top: int) -> str:
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return ""
    low, high = _range([y for _, y in points])
    begin, end = _range([x for x, _ in points])

    def place(x: float, y: float) -> tuple[float, float]:
        across = MARGIN + (x - begin) / (end - begin) * (WIDTH - 4 * MARGIN)
        return across, top + HEIGHT - MARGIN / 2 - (y - low) / (high - low) * (HEIGHT - MARGIN)

    grid = "".join(_tick(place(begin, y), f"{y:.3g}") for y in _steps(low, high))
    foot = "".join(_foot(place(x, low), f"{x:.3g}") for x in _steps(begin, end))
    lines = "".join(
        _line([place(*point) for point in curve], name, number)
        for number, (name, curve) in enumerate(curves.items())
    )
    keys = "".join(_key(name, number, top) for number, name in enumerate(curves))
    return grid + foot + lines + keys


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _steps(low: float, high: float) -> list[float]:
    return [low + (high - low) * step / TICKS for step in range(TICKS + 1)]


def _tick(place: tuple[float, float], text: str) -> str:
    x, y = place
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{WIDTH - 3 * MARGIN}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _foot(place: tuple[float, float], text: str) -> str:
    x, y = place
    return f'<text x="{x:.1f}" y="{y + 15:.1f}" text-anchor="middle">{text}</text>'


def _line(places: Sequence[tuple[float, float]], name: str, number: int) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in places)
    colour = COLOURS[number % len(COLOURS)]
    return (
        f'<g stroke="{colour}" fill="{colour}"><title>{escape(name)}</title>'
        f'<polyline points="{path}" fill="none" stroke-width="1.5"/>{dots}</g>'
    )


def _key(name: str, number: int, top: int) -> str:
    colour, y = COLOURS[number % len(COLOURS)], top + 24 + 15 * number
    return f'<text x="{WIDTH - 3 * MARGIN + 10}" y="{y}" fill="{colour}">{escape(name)}</text>'
