"""Slack's words for us: waiting times, emoji, markup."""

import pytest

from bot.connectors.slack.emoji import emoji
from bot.connectors.slack.markup import escaped, plain, without_mention
from bot.connectors.slack.web_api import UNKNOWN_WAIT, wait_of


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0.25", 0.25),
        ("0", 0.0),
        ("86400", 86400.0),
        ("abc", UNKNOWN_WAIT),
        ("", UNKNOWN_WAIT),
        ("-3", UNKNOWN_WAIT),
        ("nan", UNKNOWN_WAIT),
        ("inf", UNKNOWN_WAIT),
        (None, UNKNOWN_WAIT),
    ],
)
def test_every_way_to_say_how_long_to_wait_is_read(header: str | None, seconds: float) -> None:
    """F19."""
    assert wait_of({} if header is None else {"Retry-After": header}) == seconds


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("+1", "👍"),
        ("thumbsdown", "👎"),
        ("+1::skin-tone-5", "👍"),
        ("flag-ch", "🇨🇭"),
        ("white_check_mark", "✅"),
        ("party-parrot", ":party-parrot:"),
        ("flag-england", ":flag-england:"),
    ],
)
def test_emoji_are_shown_where_they_are_known(name: str, shown: str) -> None:
    assert emoji(name) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
        ("<@U1> <@U2|bob> <@U3>", "@ann @bob @U3"),
        ("<#C1|general> <#C2>", "#general #C2"),
        ("<!here> <!channel> <!everyone|everyone>", "@here @channel @everyone"),
        ("<!subteam^S1|@team> <!subteam^S2>", "@team @S2"),
        ("<https://a.example> <https://a.example|a.example>", "https://a.example https://a.example"),
        ("<https://a.example|click>", "click (https://a.example)"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        ("<!date^1392734382^{date}|Feb 18, 2014>", "Feb 18, 2014"),
        ("&lt;@U1&gt;", "<@U1>"),
    ],
)
def test_markup_is_read_as_people_see_it(text: str, shown: str) -> None:
    assert plain(text, {"U1": "ann"}) == shown


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<@UBOT> echo hi", "echo hi"),
        ("<@UBOT|parley>, echo hi", "echo hi"),
        ("echo hi <@UBOT>", "echo hi"),
        (" <@UBOT> <@UBOT>: hi <@UBOT> ", "hi"),
        ("hi <@UBOT> you", "hi <@UBOT> you"),
        ("<@UOTHER> hi", "<@UOTHER> hi"),
        ("<@UBOT>", ""),
    ],
)
def test_the_mention_of_the_bot_is_no_part_of_what_is_said(text: str, left: str) -> None:
    assert without_mention(text, "UBOT") == left


def test_what_is_escaped_is_read_back() -> None:
    assert plain(escaped("<!channel> & &lt; <@U1>"), {}) == "<!channel> & &lt; <@U1>"
