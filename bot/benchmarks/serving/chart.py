"""A picture of a contest: bars of the share of the limit, and lines of time over load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from bot.benchmarks.serving.contest import SATURATED
from bot.benchmarks.serving.stage import OURS

WIDTH, BAR, GAP, LEFT, RIGHT = 720, 22, 8, 110, 60
TOP, PLOT = 60, 200
OWN, OTHER, INK, FAINT = "#2f6f4f", "#9aa5b1", "#1f2933", "#d9dee3"
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "12 4")
NAMES = {"ours": "parley", "naive": "pipeline", "ray": "Ray Serve", "litserve": "LitServe"}
SMALLEST_MS = 1.0


def chart(results: dict[str, Any]) -> str:
    """An SVG document of the results of a run."""
    bars = {
        row["system"]: row["share_of_limit"]
        for row in results["table"]
        if row["rate"] == SATURATED and row["mix"] == "chat"
    }
    body, bottom = draw_bars(bars)
    lines = curves(results["table"])
    if lines:
        drawn, bottom = draw_curves(lines, bottom + TOP)
        body += drawn
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom}" '
        f'viewBox="0 0 {WIDTH} {bottom}" font-family="sans-serif" font-size="13" fill="{INK}">\n'
        f'<rect width="{WIDTH}" height="{bottom}" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def draw_bars(shares: dict[str, float]) -> tuple[list[str], int]:
    """A bar for each system, longest first; and where they end."""
    room = WIDTH - LEFT - RIGHT
    most = max(1.0, *shares.values())
    body = [text(16, 28, "Chat messages per CPU-second, as a share of the model's own limit", "bold")]
    place = 44
    for name, share in sorted(shares.items(), key=lambda each: -each[1]):
        colour = OWN if name == OURS else OTHER
        length = round(room * share / most)
        body.append(text(LEFT - 8, place + 16, NAMES.get(name, name), anchor="end"))
        body.append(f'<rect x="{LEFT}" y="{place}" width="{length}" height="{BAR}" fill="{colour}"/>')
        body.append(text(LEFT + length + 6, place + 16, f"{share:.2f}"))
        place += BAR + GAP
    return body, place + GAP


def curves(table: Sequence[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """For each system, its p99 in milliseconds at each rate; none that has a single rate."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in table:
        if row["rate"] != SATURATED and row["p99_ms"]:
            found.setdefault(row["system"], []).append((row["rate"], row["p99_ms"]))
    return {name: sorted(points) for name, points in found.items() if len(points) > 1}


def draw_curves(lines: dict[str, list[tuple[float, float]]], top: int) -> tuple[list[str], int]:
    """Time upwards on a logarithmic scale, load to the right; and where they end."""
    times = [time for points in lines.values() for _, time in points]
    loads = [load for points in lines.values() for load, _ in points]
    low = math.floor(math.log10(max(SMALLEST_MS, min(times))))
    high = max(low + 1, math.ceil(math.log10(max(times))))

    def at(load: float, time: float) -> tuple[float, float]:
        height = (math.log10(max(SMALLEST_MS, time)) - low) / (high - low)
        return LEFT + (WIDTH - LEFT - RIGHT) * load / max(loads), top + PLOT * (1 - height)

    body = [text(16, top - 20, "p99 of the time to an answer (ms), by load as a share of the limit", "bold")]
    for power in range(low, high + 1):
        y = at(0, 10.0**power)[1]
        body.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{FAINT}"/>')
        body.append(text(LEFT - 8, y + 4, f"{10**power:,}", anchor="end"))
    body += [
        text(at(load, 1)[0], top + PLOT + 18, f"{load:g}", anchor="middle") for load in sorted(set(loads))
    ]
    for (name, points), dash in zip(lines.items(), DASHES * len(lines), strict=False):
        places = [at(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        colour = OWN if name == OURS else OTHER
        body.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dash}"/>'
        )
        body.append(text(places[-1][0] + 4, places[-1][1] + 4, NAMES.get(name, name)))
    return body, top + PLOT + 32


def text(x: float, y: float, words: str, weight: str = "normal", anchor: str = "start") -> str:
    """One line of words."""
    place = f'x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(words)}</text>"
