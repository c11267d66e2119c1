"""The course of a channel's mood as a picture: its hours, its shifts, its alerts."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from statistics import fmean
from xml.sax.saxutils import escape

from bot.evaluation.mood import Course

WIDTH, HEIGHT = 960, 240
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 28, 24


def draw(course: Course) -> str:
    """An SVG: a bar for the mean of each hour, shaded shifts, a red line for each alert."""
    begin, end = course.values[0][0], course.values[-1][0]

    def across(moment: datetime) -> float:
        share = (moment - begin) / (end - begin) if end > begin else 0.0
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    middle = (TOP + HEIGHT - BOTTOM) / 2
    half = (HEIGHT - BOTTOM - TOP) / 2
    parts = [
        f'<rect x="{across(each.start)}" y="{TOP}" width="{across(each.end) - across(each.start):.1f}" '
        f'height="{2 * half}" fill="#f3d9a4"/>'
        for each in course.shifts
    ]
    for hour, values in _by_hour(course).items():
        mean = fmean(values)
        top = middle - max(mean, 0) * half
        colour = "#3b7d4f" if mean >= 0 else "#b5493a"
        parts.append(
            f'<rect x="{across(hour)}" y="{top:.1f}" width="1.6" height="{max(0.5, abs(mean) * half):.1f}" '
            f'fill="{colour}"/>'
        )
    parts += [
        f'<line x1="{across(each)}" x2="{across(each)}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#c00" '
        'stroke-width="1.5"/>'
        for each in course.alerts
    ]
    title = escape(f"{course.channel}: mood by hour (-1 to +1), shifts shaded, alerts red")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{title}</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/><text x="{LEFT}" y="18">{title}</text>'
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{middle}" y2="{middle}" stroke="#999"/>'
        + "".join(parts)
        + f'<text x="{LEFT}" y="{HEIGHT - 6}">{begin:%d %b}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{end:%d %b}</text></svg>\n'
    )


def _by_hour(course: Course) -> dict[datetime, list[float]]:
    hours: dict[datetime, list[float]] = defaultdict(list)
    for moment, value in course.values:
        hours[moment.replace(minute=0, second=0, microsecond=0)].append(value)
    return hours
