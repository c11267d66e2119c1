"""Markdown becomes HTML that can do nothing."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.connectors.web.markdown import ATTRIBUTES, TAGS, plain, render

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    '[x](http://a "onmouseover=alert(1)")',
    '[x](http://a" onmouseover="alert(1))',
    "```<script>\nalert(1)\n```",
    '```js" onload="alert(1)\ncode\n```',
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<details open ontoggle=alert(1)>",
    "a\u2028<b onclick=alert(1)>b</b>",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "[1]: javascript:alert(1)\n\n[1]",
]


class Reader(HTMLParser):
    """Collects what is in a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_harmless(html: str) -> None:
    reader = Reader()
    reader.feed(html)
    for tag, attributes in reader.found:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES.get(tag, set()) | {"rel"}
        assert not any(name.startswith("on") for name in attributes)
        if tag == "a" and attributes.get("href"):
            assert re.match(r"(https?|mailto):|[^:]*$", attributes["href"] or ""), attributes
            assert attributes["rel"] == "noopener noreferrer nofollow"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_markup_does_nothing(payload: str) -> None:
    assert_harmless(render(payload, citations=["one"]))


@given(st.text(alphabet="<>\"'&[]()!`*_|-#:/=\n abcjavscriptonl1;", max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_harmless(text: str) -> None:
    assert_harmless(render(text, citations=["<b onclick=alert(1)>"]))


def test_common_markup_is_shown() -> None:
    html = render(
        "**bold** *slanted* ~~gone~~ `code`\n\n- one\n- two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n> quote"
    )
    for piece in ("<strong>bold", "<em>slanted", "<s>gone", "<code>code", "<li>one", "<td>1", "<blockquote>"):
        assert piece in html


def test_raw_html_is_shown_as_it_was_typed() -> None:
    assert "&lt;b&gt;bold&lt;/b&gt;" in render("<b>bold</b>")
    assert "&lt;script&gt;" in render("<script>")


def test_a_link_that_is_not_harmless_is_shown_as_it_was_typed() -> None:
    assert "[x](javascript:alert(1))" in render("[x](javascript:alert(1))")


def test_a_line_break_is_one() -> None:
    assert "<br>" in render("one\ntwo")


def test_links_open_elsewhere_and_tell_nothing() -> None:
    html = render("[a](https://example.com) and [b](mailto:a@example.com)")
    assert html.count('target="_blank"') == 2
    assert html.count('rel="noopener noreferrer nofollow"') == 2


def test_a_picture_becomes_a_link() -> None:
    html = render("![a cat](https://example.com/cat.png)")
    assert "<img" not in html
    assert '<a href="https://example.com/cat.png"' in html
    assert "a cat</a>" in html


def test_a_marker_becomes_a_button_only_with_its_citation() -> None:
    html = render("Yes [1], no [2], code `[1]`, [1](https://example.com)", citations=['hand"book'])
    assert html.count("<button") == 1
    assert 'data-cite="1"' in html
    assert 'aria-label="hand&quot;book"' in html
    assert "[2]" in html
    assert "<code>[1]</code>" in html


def test_code_has_its_language_and_a_button_to_copy() -> None:
    html = render("```python\nprint('<hi>')\n```", copy="复制")
    assert "<span>python</span>" in html
    assert ">复制</button>" in html
    assert "print('&lt;hi&gt;')" in html


def test_deep_nesting_ends() -> None:
    assert render(">" * 5000 + "x")
    assert render("[" * 5000)
    assert render("*a **b " * 2000)


def test_plain_text_has_no_marks() -> None:
    assert plain("**Leave** is `27` days [1]\n# yes") == "Leave is 27 days yes"
