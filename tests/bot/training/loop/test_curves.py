"""Curves are well-formed SVG, whatever the figures."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bot.training.loop.curves import draw_curves

SVG = "{http://www.w3.org/2000/svg}"


def row(epoch: float, **metrics: float) -> dict[str, object]:
    return {"epoch": epoch, "loss": 5 - epoch, "metrics": metrics}


def test_each_metric_has_a_line_through_its_points() -> None:
    picture = ElementTree.fromstring(draw_curves([row(1, a=1.0, b=3.0), row(2, a=2.0, b=1.0), row(3, a=3.0)]))
    lines = {each.findtext(f"{SVG}title"): each for each in picture.iter(f"{SVG}g")}
    assert list(lines) == ["training loss", "a", "b"]
    points = [tuple(map(float, each.split(","))) for each in lines["a"][1].attrib["points"].split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)
    assert len(lines["b"].findall(f"{SVG}circle")) == 2


@pytest.mark.parametrize(
    "history", [[], [row(1)], [row(1, **{"<a&b>": 0.0})], [row(1, a=2.0), row(2, a=2.0)]]
)
def test_few_or_equal_figures_draw_too(history: list[dict[str, object]]) -> None:
    ElementTree.fromstring(draw_curves(history))
