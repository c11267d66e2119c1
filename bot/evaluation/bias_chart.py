"""Draw how much more often harmless texts of each term are flagged than others: bars as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from bot.evaluation.bias import BiasFigures

LABELS, BARS, LINE, TOP = 160, 440, 18, 48
COLOURS = ("#1f77b4", "#ff7f0e")
MOST_TERMS = 40


def draw_gaps(figures: Mapping[str, BiasFigures]) -> str:
    """One group of bars for each term, one bar for each named model; the widest gaps of the first on top."""
    first = next(iter(figures.values()))
    ranked = sorted(
        (each for each in first.terms if each.fpr_gap is not None), key=lambda each: -abs(each.fpr_gap or 0)
    )
    terms = [each.term for each in ranked[:MOST_TERMS]]
    values = {name: _gaps(each) for name, each in figures.items()}
    widest = max([abs(gap) for each in values.values() for gap in each.values()], default=0.0) or 1.0
    height = TOP + LINE * len(terms) + 12
    bars = "".join(
        _bars(term, [each.get(term) for each in values.values()], TOP + LINE * place, widest)
        for place, term in enumerate(terms)
    )
    keys = "".join(
        f'<text x="{LABELS + 220 * place}" y="34" fill="{COLOURS[place % 2]}">{escape(name)}</text>'
        for place, name in enumerate(values)
    )
    title = f"False-positive rate of a term's texts less that of all (bars reach {widest:.2f} either way)"
    middle = LABELS + BARS / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABELS + BARS + 20} {height}" '
        f'width="{LABELS + BARS + 20}" font-family="sans-serif" font-size="11"><title>{title}</title>'
        f'<rect width="100%" height="100%" fill="#fff"/><text x="8" y="16">{title}</text>{keys}{bars}'
        f'<line x1="{middle}" y1="{TOP - 8}" x2="{middle}" y2="{height - 8}" stroke="#888"/></svg>\n'
    )


def _gaps(figures: BiasFigures) -> dict[str, float]:
    return {each.term: each.fpr_gap for each in figures.terms if each.fpr_gap is not None}


def _bars(term: str, gaps: list[float | None], top: int, widest: float) -> str:
    middle, thick = LABELS + BARS / 2, (LINE - 4) / len(gaps)
    shown = f'<text x="{LABELS - 8}" y="{top + 11}" text-anchor="end">{escape(term)}</text>'
    for place, gap in enumerate(gaps):
        if gap is not None:
            width = abs(gap) / widest * BARS / 2
            left = middle - (width if gap < 0 else 0)
            shown += (
                f'<rect x="{left:.1f}" y="{top + thick * place:.1f}" width="{width:.1f}" '
                f'height="{thick:.1f}" fill="{COLOURS[place % 2]}"><title>{gap:+.4f}</title></rect>'
            )
    return shown
