"""Slack's text: typing, pings and previews."""

from __future__ import annotations

from typing import Any

import pytest

from bot.testing.slack.markup import links, pings, rich_text, typed


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        ("&amp;", "&amp;amp;"),
        ("<@U123> <#C123|general> <!here>", "<@U123> <#C123|general> <!here>"),
        ("see https://a.example", "see <https://a.example>"),
        ("see <https://a.example>", "see <https://a.example>"),
        ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
    ],
)
def test_typing(text: str, stored: str) -> None:
    assert typed(text) == stored


@pytest.mark.parametrize(
    ("token", "element"),
    [
        ("<@U123>", {"type": "user", "user_id": "U123"}),
        ("<#C123|general>", {"type": "channel", "channel_id": "C123"}),
        ("<!here>", {"type": "broadcast", "range": "here"}),
        ("<!subteam^S123>", {"type": "usergroup", "usergroup_id": "S123"}),
        ("<https://a.example|A>", {"type": "link", "url": "https://a.example", "text": "A"}),
    ],
)
def test_tokens_become_elements(token: str, element: dict[str, Any]) -> None:
    assert rich_text(token, "b")[0]["elements"][0]["elements"] == [element]


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("<@U123> <@W123|ann>", False, ("<@U123>", "<@W123|ann>")),
        ("<!channel|channel> <!everyone>", False, ("<!channel|channel>", "<!everyone>")),
        ("<#C123> <!date^1^x|y> ann@example.com", True, ()),
        ("@ann, @here.", True, ("@ann", "@here")),
        ("@ann, @here.", False, ()),
    ],
)
def test_pings(text: str, names: bool, found: tuple[str, ...]) -> None:
    assert pings(text, [], names=names) == found


def test_rich_text_pings_and_links_count_too() -> None:
    blocks = rich_text("<@U123> <https://a.example/?x=1&amp;y=2>", "b")
    assert pings("", blocks) == ("<user>",)
    assert links("", blocks) == ("https://a.example/?x=1&y=2",)
